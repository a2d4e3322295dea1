"""Below the grid of a matrix, too, one cause is told once, and what is real is not buried."""

from __future__ import annotations

import io

from cli_fakes import violated
from rich.console import Console

from patchstorm.check.model import Finding, Remedy
from patchstorm.report.grid import tell_matrix
from patchstorm.report.loudness import NORMAL, VERBOSE, Loudness
from patchstorm.report.matrix import Matrix, Row, cell
from patchstorm.report.model import RunReport
from patchstorm.report.shared import shared

REAL = Finding(checker="bytes", summary="the file holds other bytes")
HEADERS = Finding(
    checker="protocol",
    summary="HEAD (op 2) was answered without Tus-Resumable",
    header="HEAD was answered without Tus-Resumable",
)


def left(*patterns: str) -> Finding:
    return Finding(
        checker="residue",
        summary=f"{len(patterns)} paths were left after a sweep",
        remedy=Remedy(key="files.leftovers", patterns=patterns),
    )


def broken(storm: str, *findings: Finding) -> RunReport:
    return violated(scenario=storm, findings=findings)


def told(*cells: list[RunReport], loudness: Loudness = NORMAL) -> str:
    row = Row(
        target="mine",
        cells=tuple(cell(runs[0].scenario, runs, f"again {runs[0].scenario}") for runs in cells),
        **shared(cells)._asdict(),
    )
    whole = Matrix(
        verdict="violated", patchstorm="0", date="", machine="", seed=1, repeat=1, confirm=1,
        seconds=1, rows=(row,),
    )  # fmt: skip
    file = io.StringIO()
    tell_matrix(whole, Console(file=file, width=200), loudness)
    return file.getvalue()


def test_a_header_that_is_never_sent_is_told_once_with_one_example() -> None:
    cells = [
        [
            broken(
                f"storm-{one}",
                HEADERS,
            )
        ]
        for one in range(30)
    ]
    said = told(*cells, [broken("real", REAL, HEADERS)])
    assert "protocol, one cause in 31 storms (storm-0, storm-1, storm-2, storm-3, ...)" in said
    assert "again storm-0" in said and "again storm-5" not in said
    assert "again real" in said and "the file holds other bytes" in said
    assert "again storm-5" in told(*cells, loudness=VERBOSE)


def test_a_line_that_the_file_lacks_is_proposed_once() -> None:
    said = told(*([broken(f"storm-{one}", left("*.info"))] * 3 for one in range(9)))
    assert '[files]  leftovers = ["*.info"]' in said and said.count("were left after") == 1


def test_what_one_storm_alone_has_is_told_there_however_often_it_was_run() -> None:
    said = told([broken("one", left("*.info"))] * 3)
    assert "one cause" not in said and "again one" in said


def test_a_run_of_a_cell_that_has_more_to_tell_is_not_hidden() -> None:
    odd = [
        broken(
            "odd",
            HEADERS,
        ),
        broken(
            "odd",
            REAL,
        ),
    ]
    cells = [
        [
            broken(
                f"storm-{one}",
                HEADERS,
            )
        ]
        for one in range(3)
    ]
    assert "again odd" in told(*cells, odd)

"""The matrix as one HTML page, in the order and the look of a report's: what is open, causes, then cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from patchstorm.check.model import Finding
from patchstorm.report.causes import Cause, ranked
from patchstorm.report.gaps import gaps
from patchstorm.report.html import by_kind, conformance
from patchstorm.report.matrix import KINDS, Cell, Matrix, Row, kind, word
from patchstorm.report.model import RunReport
from patchstorm.report.paper import rendered

COUNTED: Final = ("safe", "violated", "unknown", "do not apply")
_STYLES: Final = {"safe": "safe", "violated": "violated", "unknown": "unknown", None: "skipped"}
Place = tuple[str, str]
"""A row's name, and a storm."""


def matrix_page(matrix: Matrix, drawn: Mapping[str, str] | None = None) -> str:
    """The whole page as text. ``drawn``: by the path of a failure the address of its own page."""
    run_rows = [row for row in matrix.rows if row.skipped is None]
    runs = [run for row in matrix.rows for run in _runs(row, matrix.seed)]
    places = _places(run_rows)
    causes = ranked(runs)
    return rendered(
        "patchstorm.report",
        "matrix.html.j2",
        style="report.css",
        matrix=matrix,
        facts=list(_facts(matrix)),
        gaps_by_kind=list(by_kind(gaps(runs))),
        causes=causes,
        places=[_first(cause, places) for cause in causes],
        counted=COUNTED,
        servers=[(row, _counts(row)) for row in matrix.rows],
        columns=[row.name for row in run_rows],
        grid=list(_grid(run_rows, places)),
        stories=[
            _story(row, one, places[row.name, one.storm], drawn or {})
            for row in run_rows
            for one in row.cells
            if one.verdict == "violated"
        ],
        conformance=[
            conformance(f"{one.storm} against {row.name}", one.rules)
            for row in run_rows
            for one in row.cells
            if one.rules
        ],
    )


def _facts(matrix: Matrix) -> Iterator[tuple[str, str]]:
    yield "seed", str(matrix.seed)
    yield "runs of a storm", f"{matrix.repeat}, of a violated one {matrix.confirm}"
    yield "took", f"{matrix.seconds:.0f} s"
    yield "on", matrix.date
    yield "made by", f"Patchstorm {matrix.patchstorm}"
    yield "host", matrix.machine


def _runs(row: Row, seed: int) -> Iterator[RunReport]:
    """The cells of a row as storms, so that their causes and gaps are those of any report."""
    if row.skipped is not None:
        yield RunReport(
            scenario="all storms", target=row.name, world=row.world, seed=seed, verdict=None,
            skipped=row.skipped,
        )  # fmt: skip
    for one in row.cells:
        claims = [claim.partition(": ") for claim in one.claims]
        yield RunReport(
            scenario=one.storm, target=row.name, world=row.world, seed=seed, verdict=one.verdict,
            skipped=one.skipped, unknown=one.unknown,
            findings=tuple(
                Finding(checker=checker, summary=summary) for checker, _, summary in claims
            ) if one.verdict == "violated" else (),
        )  # fmt: skip


def _places(rows: Sequence[Row]) -> dict[Place, str]:
    """Where on the page each violated cell is told."""
    return {
        (row.name, one.storm): f"cell-{number}-{at}"
        for number, row in enumerate(rows)
        for at, one in enumerate(row.cells)
        if one.verdict == "violated"
    }


def _first(cause: Cause, places: Mapping[Place, str]) -> list[str]:
    first = cause.runs[0]
    return (
        [places[first.target, first.scenario]] if (first.target, first.scenario) in places else []
    )


def _counts(row: Row) -> Counter[str]:
    return Counter(one.verdict or "do not apply" for one in row.cells)


def _grid(
    rows: Sequence[Row], places: Mapping[Place, str]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for storm in dict.fromkeys(one.storm for row in rows for one in row.cells):
        cells = []
        for row in rows:
            one = next((one for one in row.cells if one.storm == storm), None)
            cells.append(
                {
                    "word": "" if one is None else word(one),
                    "style": "skipped" if one is None else _STYLES[one.verdict],
                    "kind": "" if one is None else kind(one),
                    "why": "" if one is None else one.skipped or one.unknown or one.finding,
                    "place": places.get((row.name, storm)),
                }
            )
        yield storm, cells


def _story(row: Row, one: Cell, place: str, drawn: Mapping[str, str]) -> dict[str, Any]:
    rates = ", ".join(f"{name} {count}" for name, count in one.rates.items())
    return {
        "place": place,
        "title": f"{one.storm} against {row.name}: violated {one.violated} of {one.runs} runs: {rates}",
        "readings": [
            {"kind": KINDS[reading.kind], "says": reading.says, "source": reading.source}
            for reading in one.readings
        ],
        "story": "\n".join(line.removeprefix("  ") for line in one.story).strip("\n"),
        "command": one.command,
        "drawn": drawn.get(one.failure or ""),
    }

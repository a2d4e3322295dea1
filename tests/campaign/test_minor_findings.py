"""A search goes on after what every schedule shows and comes to the bytes; if there is no more it says so."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from chunkstore.server import Exchange
from chunkstore.store import Store
from chunkstore.variants import VARIANTS
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.conducted import Asked
from patchstorm.campaign.conducted import Search as ConductedSearch
from patchstorm.campaign.explore import explore
from patchstorm.campaign.explored import Explored
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.pinned import came_back
from patchstorm.campaign.simulated import replay
from patchstorm.catalog.wire import MetadataOfTheBegun
from patchstorm.check.model import Finding, Remedy
from patchstorm.check.weight import minor_alone, same_cause, weighty
from patchstorm.report.model import RunReport
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import ChunkstoreApp, Subject

HEADER = Finding(checker="protocol", summary="no Upload-Length", header="no Upload-Length")
LEFT = Finding(
    checker="residue", summary="x.tmp", remedy=Remedy(key="files.leftovers", patterns=("*.tmp",))
)
LOST = Finding(checker="durability", summary="gone")
WRONG_CODE = Finding(checker="protocol", summary="PATCH was answered 500")


def store(code: type[Store], exchange: type[Exchange] = MetadataOfTheBegun) -> Subject:
    return Subject(
        target=resolve("reference:append" if code is not Store else "reference"),
        build=partial(ChunkstoreApp, code, exchange),
    )


RACY = VARIANTS["append"]


def hunted(code: type[Store], folder: Path, schedules: int = 40) -> Explored:
    return explore(
        "replaying", subject=store(code), target="mine", schedules=schedules, out_dir=folder
    )


def test_a_header_that_is_never_there_does_not_hide_a_race(tmp_path: Path) -> None:
    found = hunted(RACY, tmp_path)
    assert found.report.verdict == "violated"
    assert "bytes" in {one.checker for one in found.report.findings}
    assert found.report.findings[0].header is None and found.report.findings[-1].header is not None
    assert any("changed meanwhile" in line for line in found.report.story)


def test_a_header_alone_is_a_violation_after_the_whole_budget(tmp_path: Path) -> None:
    found = hunted(Store, tmp_path, schedules=12)
    assert found.report.verdict == "violated" and found.report.schedules == 12
    assert minor_alone(found.report.findings) and len(found.failures) == 1
    assert minor_alone(read_failure(found.failures[0]).findings)


@pytest.mark.slow
def test_collecting_keeps_the_race_beside_the_header(tmp_path: Path) -> None:
    found = explore(
        "replaying",
        subject=store(RACY),
        target="mine",
        schedules=20,
        out_dir=tmp_path,
        collect=True,
    )
    kept = [read_failure(path).findings for path in found.failures]
    assert any(minor_alone(one) for one in kept) and not all(minor_alone(one) for one in kept)


def test_the_race_is_mended_and_the_header_is_not(tmp_path: Path) -> None:
    """What is left is told, and is not the race that came back."""
    found = hunted(RACY, tmp_path)
    failure = read_failure(found.failures[0])
    assert replay(failure, store(RACY)).reproduced
    again = replay(failure, store(Store), near_count=20)
    assert minor_alone(again.ran.findings) and not again.reproduced
    assert again.nearby is not None and again.nearby.found is None and again.nearby.runs == 20
    assert came_back(found.failures[0], store(Store), times=1, near=20) is None
    assert came_back(found.failures[0], store(RACY), times=1, near=20) is not None


def test_a_conducted_search_goes_on_as_well(tmp_path: Path) -> None:
    def result(*findings: Finding) -> StormResult:
        report = RunReport(
            scenario="replaying", target="t", world="fuse", seed=0, schedules=1,
            verdict="violated" if findings else "safe", findings=findings,
        )  # fmt: skip
        return StormResult(report=report, plan=None, history_path=None)  # type: ignore[arg-type]

    asked = Asked(
        scenario=load("replaying"),
        target=resolve("reference"),
        world="fuse",
        runs=9,
        out_dir=tmp_path,
    )
    search = ConductedSearch(asked)
    search.took(result())
    search.took(result(HEADER))
    search.took(result(LEFT))
    assert not search.over() and search.report().findings == (HEADER,)
    search.took(result(LOST, HEADER))
    assert search.over() and search.report().findings == (LOST, HEADER)
    assert search.report().schedules == 4


@pytest.mark.parametrize(
    ("then", "now", "same"),
    [
        ((LOST, HEADER), (HEADER,), False),
        ((LOST, HEADER), (LOST,), True),
        ((HEADER,), (HEADER, LOST), True),
        ((LEFT,), (HEADER,), False),
        ((WRONG_CODE,), (HEADER,), False),
        ((WRONG_CODE, LOST), (LOST,), True),
    ],
)
def test_a_cause_is_the_same_by_what_weighs(
    then: tuple[Finding, ...], now: tuple[Finding, ...], same: bool
) -> None:
    assert same_cause(then, now) is same


def test_where_all_is_minor_all_of_it_weighs() -> None:
    assert weighty((HEADER, LEFT)) == (HEADER, LEFT)
    assert weighty((HEADER, LOST)) == (LOST,)
    assert not minor_alone(()) and minor_alone((HEADER, LEFT)) and not minor_alone((LOST, LEFT))

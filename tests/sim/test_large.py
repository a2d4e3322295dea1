"""Uploads larger than memory, and of more than a thousand chunks, run as they are."""

from __future__ import annotations

import tracemalloc

import pytest

from patchstorm.campaign.explore import explore
from patchstorm.campaign.schedules import Search, Session
from patchstorm.choice.strategy import Dull
from patchstorm.errors import UsageError
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.workers import pool
from sim.conftest import naive_subject

MIB = 1 << 20


def mine(size: str, chunk: str, *, more: str = "", client: str = 'kind = "sequential"') -> Scenario:
    text = f"""title = "Mine"\nwhy = "Mine."\nscale = false
[fleet]
storage = ["tmpfs", "nfs4"]
[[upload]]\nsize = "{size}"\nchunk = "{chunk}"
[[client]]\n{client}
{more}"""
    return parse(text, name="mine", file="mine.toml")


@pytest.mark.parametrize("target", ["reference", "innocent:sequential"])
@pytest.mark.parametrize(
    ("size", "chunk"),
    [
        ("3GiB", "1GiB"),
        ("2147483649", "2GiB"),
        ("4294967297", "4GiB"),
        ("4294967297", "4294967297"),
    ],
)
def test_sizes_at_the_edges_of_32_bits_are_published_whole(
    target: str, size: str, chunk: str
) -> None:
    report = explore(mine(size, chunk), target, schedules=2, jobs=1).report
    assert (report.verdict, report.scaled) == ("safe", ())


def test_they_take_a_few_mebibytes() -> None:
    search = Search(scenario=mine("4294967297", "1GiB"), target="reference", seed=1)
    session = Session.of(search)
    session.tell(0)  # what is kept of payloads, parsers and tables is there after it
    tracemalloc.start()
    told = session.tell(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told.verdict == "safe"
    assert peak < 4 * MIB


def test_with_faults_of_the_network_and_false_bytes_nobody_is_accused() -> None:
    storm = mine(
        "4294967297", "700MiB", client='kind = "conflicting"',
        more='[[client]]\nkind = "truncated"\n[[fault]]\nkind = "crash"\n[[fault]]\nkind = "eio"',
    )  # fmt: skip
    report = explore(storm, "reference", schedules=6, jobs=1, allow_unreached=True).report
    assert (report.verdict, report.findings) == ("safe", ())


def test_a_large_chunk_is_damaged_within_bounds() -> None:
    damage = '[[fault]]\nkind = "damage"\nlength = "2GiB"\nwhen = { after_bytes = "2GiB" }\nwhom = "storage"'
    storm = mine("3GiB", "1GiB", more=damage)
    report = explore(storm, "reference", schedules=4, jobs=1).report
    assert (report.verdict, report.unknown) == ("safe", None)


def test_a_large_upload_is_as_repeatable_as_any() -> None:
    told = [
        Session.of(Search(scenario=load("beyond-4gib"), target="reference", seed=3)).tell(2)
        for _ in range(2)
    ]
    assert told[0] == told[1]


def test_a_store_that_wants_real_bytes_is_told_the_remedies() -> None:
    subject, storm = naive_subject(locked=True), mine("3GiB", "1GiB")
    report = explore(storm, "naive", schedules=2, subject=subject).report
    assert report.skipped is not None
    assert "mine.toml: scale: its uploads are 3,221,225,472 bytes" in report.skipped
    assert "leave `scale = false` out" in report.skipped
    plan = draw_plan(storm, seed=1, capabilities=("sequential", "creation"))
    with pytest.raises(UsageError, match="real bytes"):
        run_schedule(plan, subject, Dull(), pool())


@pytest.mark.parametrize(
    ("client", "more", "why"),
    [
        ('kind = "checksums"', "", "checksums would take longer"),
        ('kind = "sequential"', '[[fault]]\nkind = "power-loss"', "drawn page by page"),
    ],
)
def test_what_cannot_be_described_is_skipped_with_the_reason(
    client: str, more: str, why: str
) -> None:
    storm = mine("3GiB", "1GiB", client=client, more=more)
    report = explore(storm, "reference", storage="ext4", schedules=2).report
    assert report.skipped is not None and why in report.skipped


def test_the_storms_by_name_are_for_the_simulator() -> None:
    assert {load(name).worlds for name in ("beyond-4gib", "thousand-chunks")} == {("sim",)}
    assert subject_of(resolve("reference")).describes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        ("reference", "safe"),
        ("innocent:sequential", "safe"),
        ("bug:first-page-assembled", "violated"),
        ("bug:status-of-a-page", "violated"),
        ("bug:table-of-a-thousand", "violated"),
    ],
)
def test_more_than_a_thousand_chunks(target: str, verdict: str) -> None:
    report = explore(load("thousand-chunks"), target, schedules=1, jobs=1, minimise=False).report
    assert report.verdict == verdict

"""Whole storms against real replicas: the reference holds, the old design is convicted.

Each claim is about what the history shows, never about how fast it came to be.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.history import read_history
from patchstorm.history.events import Damage
from sampled import one_in

from .storms import fault, faults_of, phases_of, ran, replaying

STORMS_MAX = 60  # until the race was met


def test_replayed_patches_leave_the_reference_whole(tmp_path: Path) -> None:
    result = ran(replaying(), out_dir=tmp_path)
    assert result.report.verdict == "safe", result.report
    assert result.history is not None
    assert phases_of(result) == ["storm", "heal", "converged", "swept"]
    (final,) = result.history.finals.values()
    assert [(run.offset, run.length, run.content) for run in final.runs] == [(0, 512 << 10, 0)]
    patches = [one for one in result.history.operations if one.call.kind == "append"]
    assert {one.call.replica for one in patches} == {0, 1, 2}
    assert any(one.call.replay_of is not None for one in patches)


def test_the_history_on_disk_is_the_history(tmp_path: Path) -> None:
    result = ran(replaying(size="64KiB"), out_dir=tmp_path)
    assert result.history_path is not None
    assert read_history(result.history_path) == result.history
    folder = result.history_path.parent
    assert {path.name for path in folder.iterdir()} == {
        "history.jsonl", "plan.json", "replica-0.log", "replica-1.log", "replica-2.log",
    }  # fmt: skip


def test_the_old_design_is_convicted_and_leaves_a_failure_file(tmp_path: Path) -> None:
    for seed in range(STORMS_MAX):
        result = ran(replaying(), "reference:append", seed=seed, out_dir=tmp_path)
        if result.report.verdict == "violated":
            break
    assert result.report.verdict == "violated"
    assert "bytes" in {finding.checker for finding in result.report.findings}
    assert result.failure is not None
    assert result.failure.exists()


@pytest.mark.parametrize("closing", one_in(2, ["client", "sweeper"]))
@pytest.mark.parametrize(
    ("kind", "when", "whom"),
    one_in(
        2,
        [
            ("crash", 'phase = "assembling"', "acting"),
            ("crash", 'phase = "publishing"', "any-replica"),
            ("restart", "after_bytes = 100000", "any-replica"),
            ("crash-all", "after_requests = 9", "all"),
        ],
    ),
)
def test_a_death_at_any_time_costs_the_reference_nothing(
    kind: str, when: str, whom: str, closing: str
) -> None:
    result = ran(replaying(fault(kind, when, whom), closing=closing))
    assert result.report.verdict == "safe", result.report
    events = faults_of(result)
    begun = [event for event in events if not event.ends]
    ended = [event for event in events if event.ends]
    assert len(begun) == len(ended) == (3 if whom == "all" else 1)
    assert {event.fault for event in events} == {kind}


def test_a_crash_breaks_requests_and_the_replica_comes_back() -> None:
    scenario = replaying(fault("crash-all", "after_requests = 9", "all"))
    result = ran(scenario)
    assert result.history is not None
    (first, *_) = faults_of(result)
    errors = {one.end.error for one in result.history.operations if one.end is not None}
    assert errors & {"reset", "closed", "refused"}
    after = [
        one
        for one in result.history.operations
        if one.call.time_ns > first.time_ns and one.outcome == "ok"
    ]
    assert after


def test_a_paused_replica_answers_late_and_loses_nothing() -> None:
    scenario = replaying(fault("pause", "after_requests = 6", "any-replica", 'for = "400ms"'))
    result = ran(scenario)
    assert result.report.verdict == "safe", result.report
    begin, end = faults_of(result)
    assert result.history is not None
    waited = [
        one
        for one in result.history.operations
        if one.call.replica == begin.replica and one.end is not None
        if one.call.time_ns < end.time_ns <= one.end.time_ns
    ]
    assert waited


def test_a_partition_is_felt_by_clients_and_not_by_the_replica() -> None:
    scenario = replaying(fault("partition", "after_requests = 6", "all", 'for = "200ms"'))
    result = ran(scenario)
    assert result.report.verdict == "safe", result.report
    assert result.history is not None
    errors = [one.end.error for one in result.history.operations if one.end is not None]
    assert set(errors) & {"unreachable", "partitioned"}
    assert not any("ended by itself" in note for note in result.report.notes)


def test_a_full_disk_is_refused_politely_and_recovered_from() -> None:
    scenario = replaying(
        fault("disk-full", "after_requests = 9", more='for = "200ms"'),
        fleet='storage = "tmpfs,size=8MiB"',
    )
    result = ran(scenario)
    if result.report.skipped is not None:
        pytest.skip(result.report.skipped)
    assert result.report.verdict == "safe", result.report
    assert result.history is not None
    statuses = {one.end.status for one in result.history.operations if one.end is not None}
    assert 507 in statuses


def test_damage_is_written_down_with_its_chunk_and_repaired() -> None:
    scenario = replaying(fault("damage", "after_requests = 20", more="length = 8"))
    result = ran(scenario)
    assert result.report.verdict == "safe", result.report
    assert result.history is not None
    damaged = [event for event in result.history.events if isinstance(event, Damage)]
    for event in damaged:
        assert event.length in {32 << 10}
        assert event.offset % (32 << 10) == 0
    assert damaged or any("nothing damaged" in note for note in result.report.notes)


def test_a_storm_that_processes_cannot_be_put_through_is_skipped_with_the_reason() -> None:
    result = ran(replaying(fault("power-loss", "after_ms = 10")))
    assert result.report.verdict is None
    assert "power-loss" in (result.report.skipped or "")


def test_a_storage_that_is_not_here_is_a_reason_to_skip() -> None:
    result = ran(replaying(fleet='storage = "nfs4"'))
    assert result.report.verdict is None
    assert "nfs4" in (result.report.skipped or "")

"""Storms on real NFS: the reference withstands them, the planted designs are convicted, faults strike."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.single import run_storm
from patchstorm.history.events import Fault, Phase
from patchstorm.history.model import Completion, Invocation
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse
from patchstorm.worlds.nfs.guests import Guests

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("reports_end_with_the_test"),
]
TRIES = 30  # until the race was met
LEASE_NS = 10_000_000_000
NO_ROOM, SERVER_ERROR = 507, 500
SAFETY = {"bytes", "durability", "offsets", "publication", "conflict", "linearizable"}


def storm(fault: str = "", client: str = 'kind = "parallel"\nconnections = 3') -> Scenario:
    return parse(
        f"""
        title = "a small storm on real NFS"
        why = "a test"
        convergence = "90s"
        [fleet]
        replicas = 3
        [[upload]]
        size = "96KiB"
        chunk = "16KiB"
        [[client]]
        {client}
        {fault}
        """,
        name="small",
        file="small.toml",
    )


def ran(
    guests: Guests,
    scenario: Scenario | str,
    target: str = "reference",
    storage: str | None = None,
    seed: int = 1,
    out: Path | None = None,
) -> StormResult:
    return run_storm(
        scenario, target, seed=seed, world="nfs", storage=storage, shared=guests, out_dir=out
    )


def told(result: StormResult) -> str:
    """What was found, whole: real storms do not fail twice in the same way."""
    report = result.report
    lines = [report.unknown or "", *(f"{one.checker}: {one.summary}" for one in report.findings)]
    history = result.history.operations if result.history is not None else ()
    return "\n".join([*lines, *(f"{one.call} -> {one.end}" for one in history)])


def convicted(guests: Guests, scenario: str, target: str, *of: str) -> StormResult:
    """A storm in which all these checkers found something: what a race does differs from run to run."""
    for seed in range(1, TRIES):
        result = ran(guests, scenario, target, "nfs4.2", seed=seed)
        if result.report.verdict == "violated" and set(of) <= found_by(result):
            return result
    raise AssertionError(f"{target} was not convicted of {of} by {scenario} in {TRIES} storms")


def found_by(result: StormResult) -> set[str]:
    return {finding.checker for finding in result.report.findings}


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["nfs4.2", "nfs4.0", "nfs3"])
def test_the_reference_is_safe_with_default_options(guests: Guests, storage: str) -> None:
    result = ran(guests, storm(client='kind = "replaying"\ntimes = 2'), storage=storage)

    assert result.report.verdict == "safe", told(result)
    assert result.history is not None and result.history.header.storage == storage
    assert result.report.world == "nfs"


@pytest.mark.slow
def test_appending_is_convicted(guests: Guests) -> None:
    convicted(guests, "replaying", "reference:append", "bytes")


@pytest.mark.slow
def test_trusting_a_name_under_the_lock_is_convicted(guests: Guests) -> None:
    """The same claim breaks as in the simulator: a record in an old cache forgets what was acknowledged."""
    unrefreshed = "reference:rename-unrefreshed"
    report = convicted(guests, "stale-mount", unrefreshed, "durability", "offsets").report

    assert any("HEAD" in finding.summary for finding in report.findings)


@pytest.mark.slow
def test_the_reference_looks_at_the_directory_and_is_safe(guests: Guests) -> None:
    result = ran(guests, "stale-mount", storage="nfs4.2")

    assert result.report.verdict == "safe", told(result)


def faulty(kind: str, whom: str, when: str, lasts: str) -> Scenario:
    return storm(
        f'[[fault]]\nkind = "{kind}"\nwhom = "{whom}"\nwhen = {{ {when} }}\nfor = "{lasts}"'
    )


def struck(result: StormResult, kind: str) -> tuple[Fault, Fault]:
    """The beginning and the end of the one fault of this kind; nothing acknowledged was lost by it."""
    history = result.history
    assert history is not None, told(result)
    begins, ends = (
        event for event in history.events if isinstance(event, Fault) and event.fault == kind
    )
    assert not begins.ends and ends.ends
    assert all(final.present for final in history.finals.values())
    assert not found_by(result) & SAFETY, told(result)
    return begins, ends


def patches(result: StormResult) -> list[tuple[Invocation, Completion]]:
    assert result.history is not None
    return [
        (each.call, each.end)
        for each in result.history.operations
        if each.call.kind == "append" and each.end is not None
    ]


@pytest.mark.parametrize(
    ("kind", "lasts", "storage"),
    [("partition-storage", "400ms", "nfs4.2"), ("pause", "500ms", "nfs3")],
)
@pytest.mark.slow
def test_a_short_fault_is_survived(guests: Guests, kind: str, lasts: str, storage: str) -> None:
    result = ran(guests, faulty(kind, "replica-1", "after_requests = 3", lasts), storage=storage)

    struck(result, kind)


@pytest.mark.slow
def test_a_partition_that_outlives_the_lease_hands_the_lock_on(guests: Guests) -> None:
    """Cut off inside a commit: the others wait for the lease, and are served while it is still cut off.

    A commit can be over before the cable is out, and then nobody has to wait: another storm is tried.
    """
    scenario = faulty("partition-storage", "acting", 'phase = "committing"', "18s")
    for seed in range(1, TRIES):
        result = ran(guests, scenario, storage="nfs4.2", seed=seed)
        begins, ends = struck(result, "partition-storage")
        after_lease = [
            call.replica
            for call, end in patches(result)
            if end.outcome == "ok" and begins.time_ns + LEASE_NS < end.time_ns < ends.time_ns
        ]
        assert begins.replica not in after_lease, "it is cut off"
        if after_lease:
            return
    raise AssertionError("no storm cut off a host that held the lock")


@pytest.mark.parametrize("storage", ["nfs3", "nfs4.2"])
@pytest.mark.slow
def test_a_server_that_restarts_is_outlived(guests: Guests, storage: str) -> None:
    """Inside its grace period locks are given back only, so whoever wants a new one is busy until then."""
    scenario = faulty("storage-restart", "storage", 'phase = "committing"', "200ms")

    result = ran(guests, scenario, storage=storage)

    _, ends = struck(result, "storage-restart")
    assert result.history is not None
    afterwards = [
        each.outcome
        for each in result.history.operations
        if each.end is not None and each.end.time_ns > ends.time_ns
    ]
    assert "ok" in afterwards, told(result)


@pytest.mark.slow
def test_a_client_host_that_dies_answers_nothing_and_comes_back(guests: Guests) -> None:
    """Who commits has a request. One that is over before the power goes is answered: another is tried."""
    scenario = faulty("power-loss", "acting", 'phase = "committing"', "200ms")
    for seed in range(1, TRIES):
        result = ran(guests, scenario, storage="nfs4.2", seed=seed)
        begins, ends = struck(result, "power-loss")
        there = [
            end
            for call, end in patches(result)
            if call.replica == begins.replica and call.time_ns < begins.time_ns < end.time_ns
        ]
        assert ends.replica == begins.replica
        if any(end.status is None for end in there):
            return
    raise AssertionError("no storm struck a host that had a request")


@pytest.mark.slow
def test_a_full_export_refuses_and_goes_on_when_there_is_room(guests: Guests) -> None:
    """Clients of NFS hear of it where data are written back, so at fsync or close."""
    scenario = faulty("disk-full", "storage", "after_requests = 2", "1s")

    result = ran(guests, scenario, storage="nfs4.2,size=8MiB")

    begins, _ = struck(result, "disk-full")
    statuses = [end.status for _, end in patches(result) if end.time_ns > begins.time_ns]
    assert NO_ROOM in statuses
    assert statuses[-1] == 204


@pytest.mark.slow
def test_a_lock_is_taken_away(guests: Guests) -> None:
    """The kernel tells the holder with EIO, so what it was doing fails; bytes are right all the same."""
    failed = []
    for seed in range(1, TRIES):
        result = ran(guests, "lock-loss", storage="nfs4.2", seed=seed)
        assert result.history is not None, result.report
        assert "bytes" not in {finding.checker for finding in result.report.findings}
        losses = [
            event
            for event in result.history.events
            if isinstance(event, Fault) and event.fault == "lock-loss"
        ]
        assert losses
        failed += [
            call
            for call, end in patches(result)
            for loss in losses
            if call.replica == loss.replica and call.time_ns < loss.time_ns < end.time_ns
            if end.status == SERVER_ERROR
        ]
        if failed:
            break
    assert failed


@pytest.mark.slow
def test_a_target_that_does_not_start_is_told_with_its_words(
    guests: Guests, tmp_path: Path
) -> None:
    target = tmp_path / "dead.toml"
    target.write_text(
        'name = "dead"\ncapabilities = ["sequential"]\n[start]\n'
        'command = ["sh", "-c", "echo no luck today; exit 3", "{port}"]\n[wire]\npath = "/files"\n'
    )

    report = ran(guests, storm(), str(target)).report

    assert report.verdict == "unknown"
    assert "no luck today" in (report.unknown or "")


@pytest.mark.slow
def test_a_history_is_one_history_across_a_loss_of_power(guests: Guests, tmp_path: Path) -> None:
    fault = '[[fault]]\nkind = "power-loss"\nwhom = "storage"\nwhen = { after_requests = 4 }'

    result = ran(guests, storm(fault), out=tmp_path)

    struck(result, "power-loss")
    assert result.history is not None
    times = [event.time_ns for event in result.history.events]
    assert times == sorted(times)
    phases = [event.phase for event in result.history.events if isinstance(event, Phase)]
    assert phases == ["storm", "heal", "converged", "swept"]
    assert {operation.call.phase for operation in result.history.operations} == {"storm", "heal"}
    assert any("loss of power" in note for note in result.report.notes)


@pytest.mark.slow
def test_a_fault_of_the_model_alone_is_skipped(guests: Guests) -> None:
    assert "only" in (ran(guests, "failing-disk").report.skipped or "")

"""Storms on real NFS: the reference withstands them, the planted designs are convicted, faults strike."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.single import StormResult, run_storm
from patchstorm.live.nfs.guests import Guests
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
TRIES = 6


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
        scenario, target, seed=seed, world="nfs", storage=storage, guests=guests, out_dir=out
    )


def convicted(guests: Guests, scenario: str, target: str) -> StormResult:
    for seed in range(1, TRIES):
        result = ran(guests, scenario, target, "nfs4.2", seed=seed)
        if result.report.verdict == "violated":
            return result
    raise AssertionError(f"{target} was not convicted by {scenario} in {TRIES} storms")


@pytest.mark.parametrize("storage", ["nfs3", "nfs4.0", "nfs4.2"])
def test_the_reference_is_safe_with_default_options(guests: Guests, storage: str) -> None:
    result = ran(guests, storm(client='kind = "replaying"\ntimes = 2'), storage=storage)

    assert result.report.verdict == "safe", result.report
    assert result.history is not None and result.history.header.storage == storage
    assert result.report.world == "nfs"


def test_appending_is_convicted(guests: Guests) -> None:
    report = convicted(guests, "replaying", "reference:append").report

    assert "bytes" in {finding.checker for finding in report.findings}


def test_trusting_a_name_under_the_lock_is_convicted(guests: Guests) -> None:
    """The same claim breaks as in the simulator: a record in an old cache forgets what was acknowledged."""
    report = convicted(guests, "stale-mount", "reference:rename-unrefreshed").report

    assert {"durability", "offsets"} <= {finding.checker for finding in report.findings}
    assert any("HEAD" in finding.summary for finding in report.findings)


def test_the_reference_looks_at_the_directory_and_is_safe(guests: Guests) -> None:
    assert ran(guests, "stale-mount", storage="nfs4.2").report.verdict == "safe"


@pytest.mark.parametrize(
    ("kind", "whom", "lasts", "storage"),
    [
        ("partition-storage", "replica-1", "400ms", "nfs4.2"),
        ("partition-storage", "replica-1", "14s", "nfs4.2"),
        ("storage-restart", "storage", "200ms", "nfs4.2"),
        ("storage-restart", "storage", "200ms", "nfs3"),
        ("power-loss", "replica-1", "200ms", "nfs4.2"),
        ("power-loss", "storage", "200ms", "nfs4.2"),
        ("disk-full", "storage", "500ms", "nfs4.2,size=8MiB"),
        ("pause", "replica-1", "500ms", "nfs3"),
    ],
)
def test_a_fault_strikes_and_nothing_acknowledged_is_lost(
    guests: Guests, kind: str, whom: str, lasts: str, storage: str
) -> None:
    fault = f'[[fault]]\nkind = "{kind}"\nwhom = "{whom}"\nwhen = {{ after_requests = 3 }}\nfor = "{lasts}"'

    result = ran(guests, storm(fault), storage=storage)

    assert result.history is not None, result.report
    struck = [event for event in result.history.events if event.data.get("fault") == kind]
    assert [bool(event.data.get("ends")) for event in struck] == [False, True]
    assert all(final.present for final in result.history.finals.values())
    safety = {"bytes", "durability", "offsets", "publication", "conflict", "linearizable"}
    assert not [found for found in result.report.findings if found.checker in safety]


def test_a_lock_is_taken_away(guests: Guests) -> None:
    result = ran(guests, "lock-loss", storage="nfs4.2")

    assert result.history is not None, result.report
    assert "bytes" not in {finding.checker for finding in result.report.findings}


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


def test_a_history_is_one_history_across_a_loss_of_power(guests: Guests, tmp_path: Path) -> None:
    fault = '[[fault]]\nkind = "power-loss"\nwhom = "storage"\nwhen = { after_requests = 4 }'

    result = ran(guests, storm(fault), out=tmp_path)

    assert result.history is not None, result.report
    times = [event.time_ns for event in result.history.events]
    assert times == sorted(times)
    phases = [event.data["phase"] for event in result.history.events if event.kind == "phase"]
    assert phases == ["storm", "heal", "converged", "swept"]
    assert {operation.call.phase for operation in result.history.operations} == {"storm", "heal"}
    assert any("loss of power" in note for note in result.report.notes)


def test_a_fault_of_the_model_alone_is_skipped(guests: Guests) -> None:
    assert "only" in (ran(guests, "failing-disk").report.skipped or "")

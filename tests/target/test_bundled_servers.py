"""The released servers that ship as targets do what their files declare; skipped where not installed."""

from __future__ import annotations

import json

import pytest

from patchstorm.campaign.single import run_storm
from patchstorm.commands.target import check
from patchstorm.target.installing import not_installed
from patchstorm.target.registry import bundled_names, resolve
from sampled import one_in

pytestmark = pytest.mark.usefixtures("reports_end_with_the_test")
FOREIGN = [name for name in bundled_names() if name != "reference"]
RACES = 20
OF_BYTES = {"bytes", "durability", "conflict", "offsets", "completion"}


def needs(name: str) -> None:
    """Skip where the server is not installed."""
    missing = not_installed(resolve(name))
    if missing is not None:
        pytest.skip(f"{name}: {missing}")


@pytest.mark.slow
@pytest.mark.parametrize("name", FOREIGN)
def test_its_file_declares_what_it_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    needs(name)
    check(name, json=True, keep=True)
    said = json.loads(capsys.readouterr().out)
    assert set(said["capabilities"]) == set(said["declared"])
    assert said["remarks"] == [] and said["proposals"] == []


@pytest.mark.parametrize("name", one_in(2, FOREIGN))
def test_one_client_alone_gets_its_bytes_there(name: str) -> None:
    needs(name)
    report = run_storm("sequential", name, seed=1, keep_safe=False).report
    assert report.skipped is None and report.unknown is None
    assert OF_BYTES.isdisjoint({finding.checker for finding in report.findings})


@pytest.mark.slow
def test_what_its_lock_does_not_reach_is_found() -> None:
    """@tus/server's own locker stays within a process: two of three replicas accept contradicting bytes."""
    needs("tus-node")
    storms = (run_storm("conflicting", "tus-node", seed=1, keep_safe=False) for _ in range(RACES))
    assert any(storm.report.verdict == "violated" for storm in storms), "met in the first, mostly"
    alone = run_storm("conflicting", "tus-node", seed=1, replicas=1, keep_safe=False)
    assert alone.report.verdict == "safe"


@pytest.mark.slow
@pytest.mark.parametrize(
    "storm",
    [
        # Not where locks run out under their holders: two replicas may write then, and sometimes do.
        "companion-crash", "companion-pause", "companion-cut", "companion-lost-reply",
    ],
)  # fmt: skip
def test_a_lock_server_that_fails_costs_no_byte(storm: str) -> None:
    """Redis holds nothing but locks there, and requests may fail meanwhile."""
    needs("resumable-upload")
    report = run_storm(storm, "resumable-upload", seed=2, keep_safe=False).report
    assert report.verdict == "safe", report

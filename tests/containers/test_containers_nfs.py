"""Storms in containers over real NFS: run where Docker and the kernel have it, skipped with the reason else.

Where the kernel has none, ``ci/containers_nfs.sh`` runs this file inside a guest that has.
"""

from __future__ import annotations

import pytest

from patchstorm.campaign.single import StormResult, run_storm
from patchstorm.history.events import Fault
from patchstorm.scenario.schema import parse
from patchstorm.worlds.containers.machine import kernel_lacks

from .contained import needs_containers

pytestmark = [
    needs_containers,
    pytest.mark.skipif(kernel_lacks() is not None, reason=kernel_lacks() or ""),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
TRIES = 10  # until the race was met
STORM = """
title = "a small storm over NFS"
why = "a test"
convergence = "90s"
[fleet]
replicas = 2
[[upload]]
size = "96KiB"
chunk = "16KiB"
[[client]]
kind = "replaying"
times = 2
"""
FAULTS = """
[[fault]]
kind = "partition-storage"
when = { after_requests = 2 }
for = "400ms"
[[fault]]
kind = "storage-restart"
whom = "storage"
when = { after_requests = 4 }
for = "300ms"
"""


def ran(storage: str, faults: str = "") -> StormResult:
    scenario = parse(STORM + faults, name="small", file="small.toml")
    return run_storm(scenario, "reference", seed=1, world="containers", storage=storage)


@pytest.mark.parametrize("storage", ["nfs4.2", "nfs4.0", "nfs3"])
def test_the_reference_is_safe(storage: str) -> None:
    result = ran(storage)

    if storage == "nfs3" and "rpcbind" in (result.report.skipped or ""):
        pytest.skip(result.report.skipped or "")
    assert result.report.verdict == "safe", result.report
    assert result.history is not None and result.history.header.storage == storage


def test_the_reference_survives_its_file_server() -> None:
    result = ran("nfs4.2", FAULTS)

    assert result.report.verdict == "safe", result.report
    assert result.history is not None
    struck = {one.fault for one in result.history.events if isinstance(one, Fault)}
    assert struck == {"partition-storage", "storage-restart"}


def test_trusting_a_name_under_the_lock_is_convicted() -> None:
    """Each replica has caches of its own, though all mounts are one machine's."""
    for seed in range(1, TRIES + 1):
        result = run_storm(
            "stale-mount", "reference:rename-unrefreshed", seed=seed, world="containers",
            storage="nfs4.2", replicas=2,
        )  # fmt: skip
        if result.report.verdict == "violated":
            return
    raise AssertionError(f"not convicted in {TRIES} storms: {result.report}")

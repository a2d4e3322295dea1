"""Whoever takes away what another request leaves may be a moment late: that is no leak, and no error."""

from __future__ import annotations

import pytest

from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.schema import parse

STORM = """
title = "Empty uploads, and nobody waits for a lock"
why = "Requests end while others take away what they made."
[fleet]
replicas = [2, 3]
lock_wait = ["0ms", "5ms"]
[[upload]]
size = ["0", "32"]
chunk = "32"
count = [1, 3]
[[client]]
kind = "sequential"
[[client]]
kind = "replaying"
"""


@pytest.mark.parametrize(
    ("target", "index", "why"),
    [
        ("reference", 203, "the body of a refused PATCH is held by who finishes the upload"),
        ("innocent:two-breakers", 83, "the owner's file is gone before it was synced: ESTALE"),
    ],
)
def test_who_is_tidied_up_after_is_not_accused(target: str, index: int, why: str) -> None:
    scenario = parse(STORM, name="zb", file="zb.toml")
    told = Session.of(Search(scenario=scenario, target=target, seed=1)).tell(index)

    assert told.verdict == "safe", (why, told.findings)

"""No planted store and no innocent depends on the order of a set: other hash seeds, same histories."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCHEDULES = 1
_DIGESTS = f"""
from patchstorm.campaign.simulated import digests
from patchstorm.catalog.table import BUGS

for bug in BUGS:
    targets = [bug.target] + ["innocent:" + bug.name] * (bug.twin is not None)
    for target in targets:
        for storm in bug.storms:
            if storm == "thousand-chunks" and bug.name != "status-of-a-page":
                continue  # a schedule takes seconds
            print(target, storm, *digests(storm, target, 2, {SCHEDULES}, None))
"""


@pytest.mark.slow
def test_histories_are_the_same_under_another_hash_seed() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for hash_seed in ("1", "3")
    ]
    one, two = (child.communicate()[0].splitlines() for child in children)
    assert [child.returncode for child in children] == [0, 0]
    assert len(one) > SCHEDULES
    assert one == two

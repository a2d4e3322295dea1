"""With real processes: the same bugs are found, and the reference is not accused."""

from __future__ import annotations

from itertools import islice

import pytest
from hunting import PATIENCE_MS, allowed, fired, storms, with_a_client_in_the_end

from patchstorm.campaign.single import run_storm
from patchstorm.catalog.model import Bug
from patchstorm.catalog.table import BUGS
from patchstorm.scenario.library import load
from patchstorm.target.registry import resolve

pytestmark = pytest.mark.usefixtures("reports_end_with_the_test")
REAL = [bug for bug in BUGS if not bug.sim_only]
BASE_OF = {bug.storm: "innocent:joining" for bug in REAL if bug.base == "joining"}
"""The reference has not what these storms require."""
STORMS = sorted({bug.storm for bug in REAL})


USUAL = {
    "any-checksum", "late-writes", "no-offset", "told-with-every-end", "write-before-compare",
}  # fmt: skip
"""Met at once: no run leaves these out. What is aimed at a death has tests/campaign/test_aimed.py besides."""
USUAL_STORMS = {bug.storm for bug in REAL if bug.name in USUAL}
TRIES = 8
ASKED_ELSEWHERE = {"conformance"}  # of the reference as processes: tests/conformance/test_worlds.py


@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(bug, id=bug.name, marks=[] if bug.name in USUAL else pytest.mark.slow)
        for bug in REAL
    ],
)
def test_the_storm_shows_the_bug_to_its_checkers_and_to_no_others(bug: Bug) -> None:
    impatient = PATIENCE_MS if "completion" in allowed(bug) else None
    results = storms(bug, patience_ms=impatient)

    assert results, f"{bug.storm}: no storm came to its point"
    found = [fired(result.report) for result in results]
    assert found[-1] & set(bug.caught_by), f"{bug.storm}: {len(results)} storms did not show it"
    assert set().union(*found) <= allowed(bug)


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param(
            storm, marks=[] if storm in USUAL_STORMS - ASKED_ELSEWHERE else pytest.mark.slow
        )
        for storm in STORMS
    ],
)
def test_a_correct_store_is_safe_in_the_same_storm(storm: str) -> None:
    correct = resolve(BASE_OF.get(storm, "reference"))
    for index in islice(with_a_client_in_the_end(load(storm), correct), TRIES):
        report = run_storm(storm, correct, seed=1, index=index).report
        if "not reached" not in (report.unknown or ""):  # a busy machine can miss a moment
            break

    assert report.verdict == "safe", (report.findings, report.unknown)

"""In the simulator: every planted bug is found, by its checkers, and the reference is not accused."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hunting import (
    SCHEDULES_MAX,
    allowed,
    fired,
    first_violation,
    innocent_schedules,
    seed_of,
    session,
)

from patchstorm.catalog.model import Bug
from patchstorm.catalog.table import BUGS, BY_NAME, INNOCENTS
from patchstorm.check import CHECKERS
from sampled import one_in

MET_LATE = {
    "checksum-of-news", "claims-unmatched", "compared-at-both-ends", "compared-at-the-end",
    "compared-at-the-front", "compared-by-sum", "first-page-assembled", "generation-believed",
    "joined-in-one-place", "late-compared-in-part", "lease-outlived", "listed-before-lock",
    "lock-outlives-owner", "named-in-32-bits", "names-cut", "names-folded", "names-normalized",
    "names-unquoted", "offset-beyond-accepted", "one-temporary-name", "override-ignored",
    "record-counted", "record-truncated-first", "segment-names-unsynced", "sessions-folded",
    "status-of-a-page", "table-of-a-thousand", "telling-failed", "two-breakers", "version-unchecked",
    "version-unnamed", "workers-lost", "workers-waiting",
}  # fmt: skip
"""Three quarters of the time of all; other bugs show each of their checkers to every run of the tests."""


def parameters() -> list[Any]:
    late = pytest.mark.slow
    return [
        pytest.param(bug, id=bug.name, marks=late if bug.name in MET_LATE else []) for bug in BUGS
    ]


each_bug = pytest.mark.parametrize("bug", parameters())
CHECKER_NAMES = [checker.name for checker in CHECKERS]


@each_bug
def test_the_storm_shows_the_bug_to_its_checkers_and_to_no_others(bug: Bug) -> None:
    told = first_violation(bug.name)

    assert told is not None, f"{bug.storm}: {SCHEDULES_MAX} schedules and no violation"
    assert fired(told) & set(bug.caught_by)
    assert fired(told) <= allowed(bug)


@cache
def of_a_correct_store(target: str, storm: str, seed: int, index: int) -> str:
    """The verdict on a schedule; several bugs share a storm and its schedules."""
    return session(storm, target, seed).tell(index).verdict


def correct(bug: Bug) -> str:
    """The reference, or the bug's own base where the reference has not what its storms require."""
    return "innocent:joining" if bug.base == "joining" else "reference"


@each_bug
def test_the_reference_is_safe_in_the_schedule_that_shows_the_bug(bug: Bug) -> None:
    told = first_violation(bug.name)
    assert told is not None

    assert of_a_correct_store(correct(bug), bug.storm, seed_of(bug.name), told.index) == "safe"


@pytest.mark.long
@each_bug
def test_the_reference_is_safe_in_all_schedules_before_that(bug: Bug) -> None:
    told = first_violation(bug.name)
    assert told is not None

    for index in range(told.index):
        assert of_a_correct_store(correct(bug), bug.storm, seed_of(bug.name), index) == "safe"


@pytest.mark.parametrize("name", one_in(2, [name for name in INNOCENTS if name in BY_NAME]))
def test_the_innocent_twin_is_safe_in_the_bug_s_storms(name: str) -> None:
    for storm in BY_NAME[name].storms:
        twin = session(storm, f"innocent:{name}")

        for index in range(innocent_schedules(storm)):
            assert twin.tell(index).verdict == "safe"


SEQUENTIAL = {bug.storm for bug in BUGS if bug.base == "sequential"}


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param("conformance", marks=pytest.mark.slow),  # asks a whole suite of each schedule
        *one_in(2, sorted(SEQUENTIAL - {"conformance"})),
    ],
)
def test_the_sequential_store_is_safe_in_the_storms_of_its_bugs(storm: str) -> None:
    base = session(storm, "innocent:sequential")

    for index in range(innocent_schedules(storm)):
        assert base.tell(index).verdict == "safe"


@pytest.mark.parametrize("checker", CHECKER_NAMES)
def test_every_checker_catches_a_bug(checker: str) -> None:
    named = [bug.name for bug in BUGS if checker in bug.caught_by and bug.name not in MET_LATE]

    assert any(checker in fired(told) for name in named if (told := first_violation(name)))

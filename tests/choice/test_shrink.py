"""Shrinking lists of named choices."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchstorm.choice.chooser import SeededChooser
from patchstorm.choice.naming import Listed, Recording
from patchstorm.choice.schedule import VERSION, Choice, Schedule, check_version
from patchstorm.choice.shrink import fewer, smaller
from patchstorm.errors import UsageError


@given(st.sets(st.integers(0, 60), max_size=5), st.integers(1, 61))
def test_only_what_is_needed_is_left(needed: set[int], length: int) -> None:
    needed = {item for item in needed if item < length}
    assert fewer(range(length), lambda items: needed <= set(items)) == sorted(needed)


def test_two_items_of_which_either_will_do_shrink_to_one() -> None:
    assert len(fewer(list("abcdefgh"), lambda items: "b" in items or "g" in items)) == 1


def test_two_items_that_only_go_together_go() -> None:
    def holds(items: Sequence[str]) -> bool:
        return "x" in items and ("there" in items) == ("back" in items)

    assert fewer(["there", "x", "back"], holds) == ["x"]


def test_numbers_get_smaller_and_named_targets_stay() -> None:
    choices = [Choice("t", 1, "nfs.name", 3), Choice("t", 2, "switch", 5, "u")]

    def holds(candidate: Sequence[Choice]) -> bool:
        return candidate[0].value >= 2

    assert smaller(choices, holds) == [Choice("t", 1, "nfs.name", 2), choices[1]]


def test_a_workloads_draws_are_repeated_from_their_list() -> None:
    taken: list[Choice] = []
    first = Recording(SeededChooser(7), "storm", taken)
    names = [("c0", step, "replica") for step in range(20)] + ["gap", "gap", "gap"]
    drawn = [first.draw(name, 5) for name in names]
    again = Listed(taken, "storm")
    assert [again.draw(name, 5) for name in names] == drawn
    assert any(drawn)


def test_an_empty_list_is_the_dull_workload() -> None:
    assert Listed((), "storm").draw("anything", 9) == 0


def test_a_schedule_of_another_version_is_refused_with_a_reason() -> None:
    check_version(VERSION, "x.json")
    with pytest.raises(UsageError, match=r"x\.json.*version 0.*release"):
        check_version(0, "x.json")


def test_a_schedule_survives_json() -> None:
    schedule = Schedule(choices=(Choice("a", 3, "switch", 1, "b"),), draws=(), digest="d")
    assert msgspec.json.decode(msgspec.json.encode(schedule), type=Schedule) == schedule

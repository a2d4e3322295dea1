"""Verdicts are folded by one rule, and what was not looked at is never safe."""

from __future__ import annotations

from itertools import permutations

import pytest

from patchstorm.check.verdict import Verdict, folded, stated


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ((), "unknown"),
        ((None, None), "unknown"),
        (("safe", None), "safe"),
        (("safe", "unknown", None), "unknown"),
        (("safe", "unknown", "violated"), "violated"),
        (("violated", None), "violated"),
    ],
)
def test_the_worst_wins_in_any_order(given: tuple[Verdict | None, ...], whole: Verdict) -> None:
    for order in permutations(given):
        assert folded(order) == whole


def test_a_finding_counts_whatever_could_not_be_told() -> None:
    assert stated(["a finding"], "a bound was spent") == "violated"
    assert stated([], "a bound was spent") == "unknown"
    assert stated([], None) == "safe"

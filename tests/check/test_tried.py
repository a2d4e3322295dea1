"""Safe means that what a storm is for was reached, in one at least of its runs; a violation stays one."""

from __future__ import annotations

from patchstorm.check.tried import Point, gathered, tried, untried

SERVED = Point(name="served", reached=True)
REFUSED = Point(name="served", reached=False, why="no upload was ever created", vital=True)
RACED = Point(name="raced", reached=True)
ALONE = Point(name="raced", reached=False, why="it never happened that two raced")


def test_where_all_was_reached_the_verdict_stands() -> None:
    assert tried("safe", (SERVED, RACED)) == ("safe", None)
    assert untried((SERVED, RACED)) is None


def test_safe_without_its_point_is_unknown_and_says_what_is_missing() -> None:
    verdict, reason = tried("safe", (SERVED, ALONE))
    assert verdict == "unknown"
    assert reason == (
        "not reached: raced (it never happened that two raced); `--allow-unreached` takes that for safe"
    )


def test_a_violation_that_was_seen_stays_one() -> None:
    assert tried("violated", (REFUSED, ALONE)) == ("violated", None)


def test_a_user_can_allow_it_but_not_that_nothing_was_tried() -> None:
    assert tried("safe", (SERVED, ALONE), allow_unreached=True) == ("safe", None)
    verdict, reason = tried("safe", (REFUSED, ALONE), allow_unreached=True)
    assert (verdict, reason) == ("unknown", "nothing was tried: no upload was ever created")


def test_what_one_run_reached_was_tried() -> None:
    assert gathered([(SERVED, ALONE), (SERVED, RACED), (SERVED, ALONE)]) == (SERVED, RACED)
    assert gathered([(REFUSED,), (REFUSED,)]) == (REFUSED,)

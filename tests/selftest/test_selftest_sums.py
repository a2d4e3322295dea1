"""What trials come to, and what the whole comes to."""

from __future__ import annotations

from typing import Any

import pytest

from patchstorm.report.selftest import (
    InnocentResult,
    InnocentVerdict,
    SelfTest,
    Trial,
    bug_result,
    exit_code,
    whole,
)


def trial(seed: int, **changes: Any) -> Trial:
    given: dict[str, Any] = {
        "seed": seed, "verdict": "found", "schedules": seed, "seconds": seed / 10, "storm": "parallel",
        "strategy": "pct", "checkers": ("bytes", "durability"), "choices": seed,
    }  # fmt: skip
    return Trial(**(given | changes))


def innocent(verdict: InnocentVerdict) -> InnocentResult:
    return InnocentResult(
        name="reference on tmpfs", storage="tmpfs", storms=("parallel",), verdict=verdict,
        schedules=10, seconds=0.1,
    )  # fmt: skip


CAUGHT_BY = ("durability",)
FOUND = bug_result("a-bug", "sim", CAUGHT_BY, (trial(1),))


def test_the_figures_are_medians_and_the_checker_is_one_that_must_speak() -> None:
    result = bug_result("a-bug", "sim", CAUGHT_BY, (trial(30), trial(1), trial(5)))

    assert (result.verdict, result.checker, result.strategy) == ("found", "durability", "pct")
    assert (result.schedules, result.seconds, result.choices) == (5, 0.5, 5)


def test_one_miss_is_a_miss() -> None:
    missed = trial(2, verdict="missed", schedules=3000, checkers=(), choices=None)
    result = bug_result("a-bug", "sim", CAUGHT_BY, (trial(1), missed, trial(3)))

    assert (result.verdict, result.checker, result.schedules) == ("missed", None, 3000)


def test_a_checker_that_must_not_speak_is_worse_than_a_miss() -> None:
    strange = trial(3, verdict="wrong-checker", unexpected=("bytes",))
    missed = trial(2, verdict="missed", checkers=())
    result = bug_result("a-bug", "sim", CAUGHT_BY, (missed, strange))

    assert (result.verdict, result.checker) == ("wrong-checker", "bytes")


@pytest.mark.parametrize(
    ("verdicts", "comes_to", "code"),
    [
        (["innocent", "skipped"], "passed", 0),
        (["innocent", "accused", "unknown"], "failed", 1),
        (["innocent", "unknown"], "unknown", 2),
        ([], "passed", 0),
    ],
)
def test_one_accusation_is_a_failure_and_one_unknown_leaves_it_open(
    verdicts: list[InnocentVerdict], comes_to: str, code: int
) -> None:
    innocents = tuple(innocent(one) for one in verdicts)
    verdict = whole((FOUND,), innocents)
    result = SelfTest(
        verdict=verdict, seeds=(1,), budget=1, schedules=1, seconds=0.0, interrupted=False,
        bugs=(FOUND,), innocents=innocents,
    )  # fmt: skip

    assert (verdict, exit_code(result)) == (comes_to, code)


def test_nothing_tried_proves_nothing() -> None:
    assert whole((), ()) == "unknown"
    assert whole((), (innocent("skipped"),)) == "unknown"

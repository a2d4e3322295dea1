"""The result of a self-test: the shape that ``selftest --json`` prints, and what it comes to.

Medians are of the trials that found the bug, the lower of two in the middle, so that every figure
was really measured.
"""

from __future__ import annotations

import statistics
from typing import Literal

import msgspec

BugVerdict = Literal["found", "missed", "wrong-checker"]
InnocentVerdict = Literal["innocent", "accused", "unknown", "skipped"]
Whole = Literal["passed", "failed", "unknown"]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One hunt for a planted bug, from one seed.

    ``schedules`` is how many were run, the last of them the one that ended the hunt; ``seconds`` those of
    one processor, shrinking apart. ``checkers`` is who spoke in that schedule, ``unexpected`` those
    among them who must not. ``choices`` is how many choices of the shrunk schedule are not dull, None
    where nothing was shrunk. ``reason`` says why a hunt could not be made. ``told`` says whether the
    failure's story names the deed, None where nobody asked.
    """

    seed: int
    verdict: BugVerdict
    schedules: int
    seconds: float
    storm: str | None = None
    index: int | None = None
    strategy: str | None = None
    storage: str | None = None
    checkers: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    choices: int | None = None
    failure: str | None = None
    reason: str | None = None
    told: bool | None = None


class BugResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a planted bug.

    ``storm``, ``checker`` and ``strategy`` are those of the median trial; None where nobody spoke.
    """

    name: str
    world: str
    verdict: BugVerdict
    storm: str | None
    checker: str | None
    strategy: str | None
    schedules: int
    seconds: float
    choices: int | None
    trials: tuple[Trial, ...]


class InnocentResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an innocent.

    ``storage`` None: each storm's own mixture. ``schedules`` is how many were run until it was accused, or
    all. ``storm``, ``checkers`` and ``failure`` belong to the accusation, ``reason`` to the two verdicts that
    are neither.
    """

    name: str
    storage: str | None
    storms: tuple[str, ...]
    verdict: InnocentVerdict
    schedules: int
    seconds: float
    storm: str | None = None
    checkers: tuple[str, ...] = ()
    failure: str | None = None
    reason: str | None = None


class SelfTest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one self-test found. ``seconds`` are of wall time, all processes together.

    ``pairs`` tells how many of the features that composed storms are made of met in those of the innocents,
    and ``never`` are those that did not. ``lost``: why a search on a cluster ended before its time.
    """

    verdict: Whole
    seeds: tuple[int, ...]
    budget: int
    schedules: int
    seconds: float
    interrupted: bool
    bugs: tuple[BugResult, ...]
    innocents: tuple[InnocentResult, ...]
    lost: str | None = None
    pairs: str | None = None
    never: tuple[tuple[str, str], ...] = ()


def bug_result(
    name: str, world: str, caught_by: tuple[str, ...], trials: tuple[Trial, ...]
) -> BugResult:
    """The trials of one bug, summed up; the worst of them is the verdict."""
    verdicts = {trial.verdict for trial in trials}
    worst: BugVerdict = "found"
    if "missed" in verdicts:
        worst = "missed"
    if "wrong-checker" in verdicts:
        worst = "wrong-checker"
    those = [trial for trial in trials if trial.verdict == worst]
    middle = sorted(those, key=lambda trial: (trial.schedules, trial.seed))[(len(those) - 1) // 2]
    spoke = middle.unexpected or tuple(one for one in middle.checkers if one in caught_by)
    sizes = [trial.choices for trial in those if trial.choices is not None]
    return BugResult(
        name=name,
        world=world,
        verdict=worst,
        storm=middle.storm,
        checker=spoke[0] if spoke else None,
        strategy=middle.strategy,
        schedules=middle.schedules,
        seconds=statistics.median_low([trial.seconds for trial in those]),
        choices=statistics.median_low(sizes) if sizes else None,
        trials=trials,
    )


def whole(bugs: tuple[BugResult, ...], innocents: tuple[InnocentResult, ...]) -> Whole:
    """Failed beats unknown beats passed; if nothing was tried, the whole is unknown."""
    if any(bug.verdict != "found" for bug in bugs):
        return "failed"
    if any(trial.told is False for bug in bugs for trial in bug.trials):
        return "failed"
    verdicts = {one.verdict for one in innocents}
    if "accused" in verdicts:
        return "failed"
    if "unknown" in verdicts or not (bugs or verdicts - {"skipped"}):
        return "unknown"
    return "passed"


def exit_code(result: SelfTest) -> int:
    """0 passed, 1 something missed or accused, 2 unknown."""
    return {"passed": 0, "failed": 1, "unknown": 2}[result.verdict]


def encode(result: SelfTest) -> bytes:
    """``result`` as the one JSON object that ``--json`` prints, with a line end."""
    return msgspec.json.encode(result) + b"\n"

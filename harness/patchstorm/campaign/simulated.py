"""A failure of the simulator, again: replayed bit for bit, shrunk further, and the check that runs repeat."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from patchstorm.campaign.failure import Failure, read_failure
from patchstorm.campaign.keeping import write_small
from patchstorm.campaign.nearby import near
from patchstorm.campaign.ran import Ran, replayed
from patchstorm.campaign.replay_target import plan_for, replay_target
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.shrinking import Shrunk, shrink
from patchstorm.check.model import Finding
from patchstorm.check.verdict import Verdict
from patchstorm.check.weight import as_grave, same_cause
from patchstorm.choice.schedule import Schedule, check_version
from patchstorm.errors import NondeterminismError, UsageError
from patchstorm.scenario.composing.told import composition
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.telling.tell import tell
from patchstorm.worlds.sim.app import Subject, subject_of
from patchstorm.worlds.sim.run import WORLD
from patchstorm.worlds.sim.stepping import Stepping
from patchstorm.worlds.sim.workers import Workers, pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """What came of schedules near a recorded one: how many were run, and the failure of the first that
    failed.
    """

    runs: int
    found: Shrunk | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A replay.

    ``reproduced``: the recorded schedule was violated again by one of the same checkers. ``exact``: its
    history is the same, bit for bit. ``placed`` of ``choices`` recorded choices were made; without all of
    them, or where the file was ``edited``, it was another run. ``nearby`` is None where none were asked for
    or needed.
    """

    ran: Ran
    reproduced: bool
    exact: bool
    story: tuple[str, ...]
    choices: int = 0
    placed: int = 0
    edited: bool = False
    nearby: Nearby | None = None

    @property
    def verdict(self) -> Verdict:
        """``violated`` by that schedule or one near it, ``safe`` if it was the same run, else ``unknown``."""
        if self.ran.findings or (self.nearby is not None and self.nearby.found is not None):
            return "violated"
        same = self.placed == self.choices and not self.edited and self.ran.unknown is None
        return "safe" if same else "unknown"


def replay(
    failure: Failure,
    subject: Subject | None = None,
    *,
    near_count: int = 0,
    before_near: Callable[[], None] = lambda: None,
) -> Repeated:
    """Run the schedule of ``failure`` once. UsageError for one of another world or release.

    ``subject`` is the code to simulate where the failure's target is no name that stands for it. If nothing
    is violated, or only by what is minor where the failure is more, ``near_count`` schedules near the
    recorded one are run, after a call of ``before_near``.
    """
    schedule = schedule_of(failure)
    subject = subject or named_subject(failure)
    workers = pool()
    plan = plan_for(failure, subject.target)
    with Stepping(subject.target.phases) as trace:  # a breakpoint() of the store opens a debugger
        ran = replayed(plan, subject, schedule, workers, trace=trace)
    assert ran.trace is not None
    account = ran.outcome.account(ran.trace.records, schedule.choices)
    steps = tell(ran.history, account, ran.findings)
    story = (*composition(plan), *steps)
    nearby = None
    if near_count and not as_grave(failure.findings, ran.findings):
        before_near()
        nearby = _nearby(plan, schedule, subject, workers, near_count, failure.findings)
    choices = len(schedule) + len(schedule.draws or ())
    return Repeated(
        ran=ran,
        reproduced=same_cause(failure.findings, ran.findings),
        exact=schedule.digest is None or schedule.digest == ran.digest,
        story=story,
        choices=choices,
        placed=choices - len(ran.unplaced),
        edited=failure.edited,
        nearby=nearby,
    )


def _nearby(
    plan: Plan,
    schedule: Schedule,
    subject: Subject,
    workers: Workers,
    count: int,
    then: Sequence[Finding],
) -> Nearby:
    met = near(plan, schedule, subject, workers, count=count, then=then)
    if met is None:
        return Nearby(runs=count)
    failing, runs = met
    return Nearby(runs=runs, found=shrink(plan, failing, subject, workers))


def keep_nearby(path: Path, failure: Failure, found: Shrunk) -> tuple[str, ...]:
    """Write what failed near ``failure`` to ``path``, its history beside it; returns the story."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_small(path.parent, _search_of(failure), found, failure.index, path.name)[1]


def shrink_file(path: Path, out: Path, subject: Subject | None = None) -> Shrunk:
    """Shrink the failure at ``path`` and write the small one to ``out``, its history beside it."""
    failure = read_failure(path)
    subject = subject or named_subject(failure)
    small = shrink(failure.plan, schedule_of(failure), subject, pool())
    out.parent.mkdir(parents=True, exist_ok=True)
    write_small(out.parent, _search_of(failure), small, failure.index, out.name)
    return small


def named_subject(failure: Failure) -> Subject:
    """The code that the failure's target stands for; UsageError where a program had brought it."""
    return subject_of(replay_target(failure)[0])


def _search_of(failure: Failure) -> Search:
    """Of the scenario only its name is needed, and a failure outlives the scenario's file."""
    scenario = Scenario(name=failure.scenario, title=failure.plan.title, why="")
    return Search(
        scenario=scenario, target=failure.target, seed=failure.seed,
        storage=failure.storage, replicas=failure.replicas, own=failure.own,
    )  # fmt: skip


def schedule_of(failure: Failure) -> Schedule:
    """What was recorded of a simulated failure; UsageError for one of another world or release."""
    if failure.world != WORLD or failure.schedule is None:
        raise UsageError(
            f"the failure was found in the world {failure.world}, where the operating system decides "
            "the order; only failures of the world sim can be repeated step by step or shrunk"
        )
    check_version(failure.schedule.version, "the failure's schedule")
    return failure.schedule


def digests(scenario: str, target: str, seed: int, count: int, storage: str | None) -> list[str]:
    """The history digests of the first schedules of a storm, in this process."""
    session = Session.of(Search(scenario=load(scenario), target=target, seed=seed, storage=storage))
    return [session.tell(index).digest for index in range(count)]


def check_determinism(
    scenario: str = "replaying",
    target: str = "reference",
    *,
    seed: int = 1,
    count: int = 8,
    storage: str | None = None,
) -> int:
    """Run schedules here and in two processes with other hash seeds; how many were compared.

    Raises NondeterminismError naming the first schedule that differs.
    """
    mine = digests(scenario, target, seed, count, storage)
    for hash_seed in ("1", "4242"):
        theirs = _elsewhere(scenario, target, seed, count, storage, hash_seed)
        for index, (a, b) in enumerate(zip(mine, theirs, strict=True)):
            if a != b:
                raise NondeterminismError(
                    f"schedule {index} of {scenario} (seed {seed}) differs under PYTHONHASHSEED="
                    f"{hash_seed}: {a[:16]} here, {b[:16]} there. Something iterates over a set or "
                    "uses hash(); look for it in the store under test first."
                )
    return count


def _elsewhere(
    scenario: str, target: str, seed: int, count: int, storage: str | None, hash_seed: str
) -> list[str]:
    asked = msgspec.json.encode([scenario, target, seed, count, storage]).decode()
    child = subprocess.run(
        [sys.executable, "-m", "patchstorm.campaign.simulated", asked],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if child.returncode:
        raise NondeterminismError(f"the second process failed: {child.stderr.strip()[-500:]}")
    found: list[str] = msgspec.json.decode(child.stdout)
    return found


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(digests(*msgspec.json.decode(sys.argv[1]))).decode())

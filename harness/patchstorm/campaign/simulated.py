"""A failure of the simulator, again: replayed bit for bit, shrunk further, and the check that runs repeat."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from patchstorm.campaign.explore import write_small
from patchstorm.campaign.failure import Failure, read_failure
from patchstorm.campaign.schedules import Ran, Search, Session, replayed
from patchstorm.campaign.shrinking import Shrunk, shrink
from patchstorm.choice.schedule import Schedule, check_version
from patchstorm.errors import NondeterminismError, UsageError
from patchstorm.scenario.library import load
from patchstorm.scenario.model import Scenario
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import Subject, subject_of
from patchstorm.worlds.sim.run import WORLD
from patchstorm.worlds.sim.story import tell
from patchstorm.worlds.sim.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A replay. ``reproduced``: the violation came back. ``exact``: the history is the same, bit for bit."""

    ran: Ran
    reproduced: bool
    exact: bool
    story: tuple[str, ...]


def replay(failure: Failure, subject: Subject | None = None) -> Repeated:
    """Run the schedule of ``failure`` once. UsageError for one of another world or release.

    ``subject`` is the code to simulate where the failure's target is no name that stands for it.
    """
    schedule = _schedule_of(failure)
    subject = subject or _named(failure)
    ran = replayed(failure.plan, subject, schedule, Workers(), traced=True)
    assert ran.trace is not None
    story = tell(
        ran.history,
        ran.trace.records,
        schedule.choices,
        ran.outcome.paths,
        ran.findings,
        ran.outcome.forced,
    )
    found = {finding.checker for finding in ran.findings}
    return Repeated(
        ran=ran,
        reproduced=not failure.checkers.isdisjoint(found),
        exact=schedule.digest is None or schedule.digest == ran.digest,
        story=story,
    )


def shrink_file(path: Path, out: Path, subject: Subject | None = None) -> Shrunk:
    """Shrink the failure at ``path`` and write the small one to ``out``, its history beside it."""
    failure = read_failure(path)
    subject = subject or _named(failure)
    small = shrink(failure.plan, _schedule_of(failure), subject, Workers())
    search = Search(
        scenario=_scenario_of(failure), target=failure.target, seed=failure.seed,
        storage=failure.storage, replicas=failure.replicas, own=failure.own,
    )  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    write_small(out.parent, search, small, failure.index, out.name)
    return small


def _named(failure: Failure) -> Subject:
    """The code that the failure's target stands for; UsageError where a program had brought it."""
    if failure.own:
        raise UsageError(
            f"the failure was found in a store that a program called `{failure.target}` and handed in "
            "itself; no name stands for its code. Replay and shrink it from there, with `subject=` "
            f"(docs/adapting-a-store.md): {failure.command}"
        )
    return subject_of(resolve(failure.target))


def _scenario_of(failure: Failure) -> Scenario:
    """Only its name is needed, and a failure outlives the scenario's file."""
    return Scenario(name=failure.scenario, title=failure.plan.title, why="")


def _schedule_of(failure: Failure) -> Schedule:
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

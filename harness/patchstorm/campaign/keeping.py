"""Keeping what failed in the simulator: shrunk, told, and written down so that it can be run again."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import msgspec

from patchstorm.campaign.failure import (
    FAILURE_FILE,
    Failure,
    Maker,
    replay_call,
    replay_command,
    write_failure,
)
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.campaign.shrinking import SECONDS_MAX, Shrunk, shrink
from patchstorm.check.model import Finding
from patchstorm.choice.schedule import Schedule
from patchstorm.errors import NondeterminismError
from patchstorm.history import write_history
from patchstorm.run.outcome import HISTORY_FILE
from patchstorm.scenario.composing.told import composition
from patchstorm.scenario.plan import Plan
from patchstorm.target.registry import text_of
from patchstorm.telling.record import with_steps
from patchstorm.telling.tell import tell
from patchstorm.worlds.sim.run import WORLD


def keep_failure(
    session: Session, told: Told, folder: Path, *, minimise: bool = True
) -> tuple[Path, tuple[str, ...], tuple[Finding, ...]]:
    """Shrink a failing schedule and write it down: the failure's file, its story, its findings."""
    small = small_of(session, told, minimise=minimise)
    path, story = write_small(
        failure_place(session, told.index, folder), session.search, small, told.index
    )
    return path, story, small.ran.findings


def small_of(
    session: Session, told: Told, *, minimise: bool = True, seconds_max: float = SECONDS_MAX
) -> Shrunk:
    """A failing schedule, shrunk within ``seconds_max``, or as it was.

    Raises NondeterminismError if it does not fail again in the same way.
    """
    ran = session.recorded(told.index)
    if ran.digest != told.digest:
        raise NondeterminismError(
            f"schedule {told.index} of {session.search.scenario.name} failed and did not repeat: its "
            f"history was {told.digest[:16]} and is now {ran.digest[:16]}. Run it twice with "
            "`patchstorm doctor` to see where it leaks."
        )
    if minimise:
        return shrink(
            ran.plan, ran.schedule, session.subject, session.workers, seconds_max=seconds_max
        )
    again = replayed(ran.plan, session.subject, ran.schedule, session.workers, traced=True)
    return Shrunk(
        plan=ran.plan, schedule=ran.schedule, ran=again, runs=1, seconds=0.0, complete=False
    )


def folder_of(out_dir: Path | None) -> Path:
    """Where failures go: where it was said, or a new temporary directory."""
    return out_dir or Path(tempfile.mkdtemp(prefix="patchstorm-sim-"))


def failure_place(session: Session, index: int, folder: Path) -> Path:
    """The directory of schedule ``index``'s failure below ``folder``, made where it is missing."""
    search = session.search
    name = f"{search.scenario.name}-{session.subject.target.name}-{WORLD}-{search.seed}-{index}"
    place = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    place.mkdir(parents=True, exist_ok=True)
    return place


def story_of(small: Shrunk) -> tuple[str, ...]:
    """A shrunk failure, told step by step; first what it is made of, where it was composed."""
    ran = small.ran
    assert ran.trace is not None, "a failure is told from a traced run"
    account = ran.outcome.account(ran.trace.records, small.schedule.choices)
    steps = tell(ran.history, account, ran.findings)
    return (*composition(small.plan), *steps)


def write_small(
    place: Path, search: Search, small: Shrunk, index: int, file: str = FAILURE_FILE
) -> tuple[Path, tuple[str, ...]]:
    """Write a schedule's failure and its history, steps included; returns the file and the story."""
    ran, story = small.ran, story_of(small)
    trace = ran.trace
    assert trace is not None, "a failure is told from a traced run"
    path = place / file
    history = with_steps(ran.history, trace.events())
    beside = HISTORY_FILE if file == FAILURE_FILE else f"{Path(file).stem}.jsonl"
    with open(place / beside, "wb") as out:
        write_history(history, out)
    failure = msgspec.structs.replace(
        failure_of(search, small.plan, small.schedule, index),
        findings=ran.findings,
        history=beside,
        story=story,
        command=replay_call(path) if search.own else replay_command(path),
    )
    write_failure(path, failure)
    return path, story


def failure_of(search: Search, plan: Plan, schedule: Schedule, index: int) -> Failure:
    """What is kept of a schedule of ``search``, before anything was found in it."""
    return Failure(
        world=WORLD,
        scenario=search.scenario.name,
        target=search.target,
        seed=search.seed,
        index=index,
        replicas=plan.replicas,
        storage=plan.storage,
        plan=plan,
        findings=(),
        schedule=schedule,
        own=search.own,
        target_text=None if search.own else text_of(search.target),
        made_by=Maker.here(),
    )

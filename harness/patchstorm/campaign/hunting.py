"""The two tasks of a self-test: hunt one planted bug from one seed, and patrol beside one innocent.

Each is plain data with a ``run``, so that any process can do it, and what comes of it depends on nothing but
that data: the same schedules in the same order, and shrinking bounded by runs rather than by time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import thread_time

from patchstorm.campaign.deeds import Deed
from patchstorm.campaign.keeping import (
    failure_place,
    keep_failure,
    small_of,
    story_of,
    write_small,
)
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.campaign.shrinking import Shrunk
from patchstorm.campaign.skipping import session_skip_reason
from patchstorm.campaign.steered import Steered
from patchstorm.campaign.suspects import Innocent, Suspect
from patchstorm.errors import NondeterminismError
from patchstorm.report.selftest import Trial
from patchstorm.scenario.composing.features import Pair
from patchstorm.scenario.library import load


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """Schedules of the bug's storms in turn until a checker that must speak does; at most ``budget``, and
    no more once ``seconds`` of one processor are over.

    ``shrink`` also makes the schedule small. It is written below ``out_dir`` if ``keep``, or if a checker
    spoke that must not. ``stories``: its story is asked for the deed; one without it is written too.
    """

    suspect: Suspect
    seed: int
    budget: int
    strategy: str = "portfolio"
    shrink: bool = True
    keep: bool = False
    stories: bool = False
    out_dir: Path
    seconds: float | None = None

    def run(self) -> Trial:
        suspect = self.suspect
        sessions, reason = self._sessions()
        began = thread_time()
        done = 0
        for count in range(self.budget if sessions else 0):
            if self.seconds is not None and thread_time() - began >= self.seconds:
                break
            done += 1
            session, index = _turn(sessions, count)
            told = _tell(session, index)
            session.steered.take(index, told.met)
            fired = checkers(told)
            strange = self._strange(fired)
            if strange or not set(fired).isdisjoint(suspect.caught_by):
                seconds = thread_time() - began
                return self._ended(session, told, strange, count + 1, seconds)
        return Trial(
            seed=self.seed,
            verdict="missed",
            storm=suspect.storms[0] if len(suspect.storms) == 1 else None,
            schedules=done,
            seconds=thread_time() - began,
            reason=reason,
        )

    def _sessions(self) -> tuple[list[Session], str | None]:
        """One for each storm that can be run; without any, the reason."""
        reason = None
        sessions = []
        for storm in self.suspect.storms:
            session = _session(storm, self.suspect.target, self.seed, self.strategy)
            compose = session.search.scenario.compose
            session.steered = Steered(None if compose is None else compose.round)
            reason = session_skip_reason(session)
            if reason is None:
                sessions.append(session)
        return sessions, None if sessions else reason

    def _strange(self, fired: tuple[str, ...]) -> tuple[str, ...]:
        allowed = self.suspect.allowed
        return () if allowed is None else tuple(one for one in fired if one not in allowed)

    def _ended(
        self, session: Session, told: Told, strange: tuple[str, ...], count: int, seconds: float
    ) -> Trial:
        choices, failure, told_deed = None, None, None
        if self.shrink or self.keep or strange or self.stories:
            small = small_of(session, told, minimise=self.shrink, seconds_max=math.inf)
            choices = size(small) if self.shrink else None
            if self.stories and not strange:
                told_deed = Deed.told(self.suspect.deed, story_of(small))
            if self.keep or strange or told_deed is False:
                place = failure_place(session, told.index, self.out_dir)
                failure = str(write_small(place, session.search, small, told.index)[0])
        return Trial(
            seed=self.seed,
            verdict="wrong-checker" if strange else "found",
            storm=session.search.scenario.name,
            index=told.index,
            schedules=count,
            seconds=seconds,
            strategy=session.strategy_name(told.index),
            storage=session.plan(told.index).storage or "tmpfs",
            checkers=checkers(told),
            unexpected=strange,
            choices=choices,
            failure=failure,
            told=told_deed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrolled:
    """What came of a patrol. ``accused`` counts its schedules up to the accusation.

    ``met`` are the pairs of features that met in composed storms, once for each schedule.
    """

    schedules: int
    seconds: float
    accused: int | None = None
    checkers: tuple[str, ...] = ()
    failure: str | None = None
    unknown: str | None = None
    skipped: str | None = None
    met: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patrol:
    """``count`` schedules of one storm against an innocent, from number ``first`` on.

    Stops at an accusation, which is shrunk and kept below ``out_dir``.
    """

    innocent: Innocent
    storm: str
    seed: int
    first: int
    count: int
    out_dir: Path

    def run(self) -> Patrolled:
        session = _session(
            self.storm, self.innocent.target, self.seed, storage=self.innocent.storage
        )
        reason = session_skip_reason(session)
        if reason is not None:
            return Patrolled(schedules=0, seconds=0.0, skipped=f"{self.storm}: {reason}")
        unknown = None
        met: list[Pair] = []
        began = thread_time()
        for index in range(self.first, self.first + self.count):
            told = _tell(session, index)
            met += told.met
            if told.verdict == "violated":
                return self._accused(session, told, thread_time() - began)
            if told.verdict == "unknown" and unknown is None:
                unknown = f"{self.storm}, schedule {index}: {told.unknown or 'no checker applied'}"
        seconds = thread_time() - began
        return Patrolled(schedules=self.count, seconds=seconds, unknown=unknown, met=tuple(met))

    def _accused(self, session: Session, told: Told, seconds: float) -> Patrolled:
        path, _, _ = keep_failure(session, told, self.out_dir)
        done = told.index - self.first + 1
        return Patrolled(
            schedules=done, seconds=seconds, accused=done, checkers=checkers(told),
            failure=str(path),
        )  # fmt: skip


def checkers(told: Told) -> tuple[str, ...]:
    """Who found something, in the order in which checkers are asked."""
    return tuple(dict.fromkeys(finding.checker for finding in told.findings))


def size(small: Shrunk) -> int:
    """How many choices are not dull: the scheduler's, and those of the workloads."""
    return len(small.schedule.choices) + len(small.schedule.draws or ())


def _session(
    storm: str, target: str, seed: int, strategy: str = "portfolio", storage: str | None = None
) -> Session:
    return Session.of(
        Search(scenario=load(storm), target=target, seed=seed, strategy=strategy, storage=storage)
    )


def _turn(sessions: Sequence[Session], count: int) -> tuple[Session, int]:
    """Which session has turn ``count``, and its schedule. One that composes its storms has every other
    turn."""
    composing = next((one for one in sessions if one.search.scenario.compose is not None), None)
    if composing is None or len(sessions) == 1:
        return sessions[count % len(sessions)], count // len(sessions)
    if count % 2:
        return composing, count // 2
    others = [one for one in sessions if one is not composing]
    return others[count // 2 % len(others)], count // 2 // len(others)


def _tell(session: Session, index: int) -> Told:
    """A schedule's result; one that does not repeat is told with the target's name."""
    try:
        return session.tell(index)
    except NondeterminismError as error:
        raise NondeterminismError(f"{session.search.target}: {error}") from None

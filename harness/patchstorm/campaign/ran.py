"""One schedule, run and judged: drawn as it goes, or again as a failure lists it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from patchstorm.check import judge, unknowns
from patchstorm.check.model import Finding, Judgement
from patchstorm.check.verdict import Verdict, folded, stated
from patchstorm.check.weight import minor
from patchstorm.choice.naming import Listed
from patchstorm.choice.replay import Replay
from patchstorm.choice.schedule import Choice, Key, Schedule
from patchstorm.choice.strategy import Strategy
from patchstorm.history import digest
from patchstorm.history.model import History
from patchstorm.run.script import Choosers, from_seed
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import usual
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.outcome import SimOutcome
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.tracing import Trace
from patchstorm.worlds.sim.watched import Observer
from patchstorm.worlds.sim.workers import Workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A schedule with everything that is known of it. ``unplaced``: listed choices that never came up.

    ``usual``: checkers whose findings are told late; what is minor is told last.
    """

    plan: Plan
    outcome: SimOutcome
    history: History
    judgements: tuple[Judgement, ...]
    digest: str
    draws: tuple[Choice, ...] | None = None
    trace: Trace | None = None
    unplaced: tuple[Choice, ...] = ()
    usual: frozenset[str] = frozenset()

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = [finding for one in self.judgements for finding in one.findings]
        found.sort(key=lambda finding: (minor(finding), finding.checker in self.usual))
        return (*found, *deadlocks(self.outcome))

    @property
    def verdict(self) -> Verdict:
        own = stated(deadlocks(self.outcome), self.outcome.unknown)
        judged = [one.verdict for one in self.judgements]
        return folded(judged if own == "safe" else [own, *judged])

    @property
    def unknown(self) -> str | None:
        return self.outcome.unknown or unknowns(self.judgements)

    @property
    def schedule(self) -> Schedule:
        return Schedule(choices=self.outcome.choices, draws=self.draws, digest=self.digest)


def deadlocks(outcome: SimOutcome) -> tuple[Finding, ...]:
    """Tasks that still wait for a lock when everything has come to rest."""
    if not outcome.stuck:
        return ()
    names = ", ".join(outcome.stuck[:4])
    return (
        Finding(
            checker="deadlock",
            summary=f"{len(outcome.stuck)} tasks wait for locks that nobody will release: {names}",
        ),
    )


def run_and_judge(
    plan: Plan,
    subject: Subject,
    strategy: Strategy,
    workers: Workers,
    *,
    observers: tuple[Observer, ...] = (),
    choosers: Choosers = from_seed,
    watched: bool = False,
) -> Ran:
    """One schedule, judged by every checker."""
    outcome = run_schedule(
        plan, subject, strategy, workers, observers=observers, choosers=choosers, watched=watched
    )
    history = outcome.history
    trace = next((one for one in observers if isinstance(one, Trace)), None)
    return Ran(
        plan=plan, outcome=outcome, history=history, judgements=judge(history),
        digest=digest(history), trace=trace, usual=usual(subject.target),
    )  # fmt: skip


def listed(draws: tuple[Choice, ...] | None, drawn: set[Key] | None = None) -> Choosers:
    """Choosers that answer from ``draws``, or from the seed where there are none; names that came up go to
    ``drawn``.
    """
    if draws is None:
        return from_seed
    return lambda purpose: Listed(draws, purpose, drawn)


def replayed(
    plan: Plan,
    subject: Subject,
    schedule: Schedule,
    workers: Workers,
    *,
    traced: bool = False,
    trace: Trace | None = None,
) -> Ran:
    """The run that a schedule stands for. ``traced``: its steps are written down, in ``trace`` if given."""
    drawn: set[Key] = set()
    if trace is None and traced:
        trace = Trace(subject.target.phases)
    observers = () if trace is None else (trace,)
    order = Replay(schedule.choices)
    ran = run_and_judge(
        plan, subject, order, workers, observers=observers, choosers=listed(schedule.draws, drawn)
    )
    undrawn = (choice for choice in schedule.draws or () if choice.key not in drawn)
    return replace(ran, unplaced=(*order.unplaced, *undrawn))

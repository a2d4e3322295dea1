"""From a failing schedule to a small one: fewer clients, replicas, faults, chunks, then fewer choices.

What counts as progress. A candidate replaces the best so far when it still fails for the *same cause*
(one of the checkers that found the original also finds it, on storage where the target claims
something) and is smaller in this order: clients, uploads, faults, replicas, bytes, choices. Choices that
clearly do not matter go first, of whole servers in a few runs; then the plan is shrunk, since a smaller plan
runs faster and needs fewer choices. After an edit of the plan the recorded choices often miss their place;
then a few schedules with few deviations are tried on the edited plan, which is cheap and usually finds the
failure again with fewer choices than before.

Where many choices are left, two passes do what leaving out cannot: the failure is looked for in a plan of a
few tiny chunks at once, before all other edits, and turns of one task are joined as long as the order fails.

Nothing is shrunk to a fixpoint without bound: ``RUNS_MAX`` runs, and then the best so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic, thread_time

import msgspec

from patchstorm.campaign.plan_edits import EDITS, tiny
from patchstorm.campaign.ran import Ran, listed, replayed, run_and_judge
from patchstorm.campaign.schedules import guessed_length
from patchstorm.check.weight import same_cause
from patchstorm.choice.delay_bounded import DelayBounded
from patchstorm.choice.following import Block, Following, Noting, joined
from patchstorm.choice.keeping import Keeping, besides_order
from patchstorm.choice.odds import Odds
from patchstorm.choice.pct import Pct
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.replay import Replay
from patchstorm.choice.schedule import Choice, Schedule
from patchstorm.choice.shrink import fewer, smaller
from patchstorm.choice.strategy import Strategy
from patchstorm.errors import PatchstormError
from patchstorm.history.events import Fault
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import unclaimed
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.workers import Workers

RUNS_MAX = 3_000
TRIES = 10
FIRST_TRIES = 40  # on the plan as it was, whose runs are the longest
LEAP_TRIES = 30
TURNS_TRIES = 300
MANY = 12  # choices that a person still follows
ROUNDS_MAX = 4
DELAY_STEPS_MAX = 150
DELAYED_BY_MAX = 2  # whom a delay lets go first: the first that is ready, or the second
SECONDS_MAX = 30.0
"""Of this thread's processor time, so that a busy machine does not leave larger cases than a quiet one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """The best so far."""

    plan: Plan
    choices: tuple[Choice, ...]
    draws: tuple[Choice, ...]

    @property
    def schedule(self) -> Schedule:
        return Schedule(choices=self.choices, draws=self.draws)

    def __len__(self) -> int:
        return len(self.choices) + len(self.draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What shrinking came to. ``runs`` is how many schedules it took, ``seconds`` of wall time."""

    plan: Plan
    schedule: Schedule
    ran: Ran
    runs: int
    seconds: float
    complete: bool


def unshrunk(plan: Plan, schedule: Schedule, ran: Ran) -> Shrunk:
    """A run as it was found, for who has no time to have it made small."""
    return Shrunk(
        plan=plan,
        schedule=msgspec.structs.replace(schedule, digest=ran.digest),
        ran=ran,
        runs=1,
        seconds=0.0,
        complete=False,
    )


class _Spent(Exception):
    """The bound is reached; what is best so far has to do."""


def shrink(
    plan: Plan,
    schedule: Schedule,
    subject: Subject,
    workers: Workers,
    *,
    runs_max: int = RUNS_MAX,
    seconds_max: float = SECONDS_MAX,
) -> Shrunk:
    """A small case of the same failure. Raises :class:`PatchstormError` if the original does not fail."""
    began = monotonic()
    search = _Shrinking(plan, schedule, subject, workers, runs_max, thread_time() + seconds_max)
    complete = True
    try:
        search.all_passes()
    except _Spent:
        complete = False
    best = search.best
    ran = replayed(best.plan, subject, best.schedule, workers, traced=True)
    # A bound that ended the passes leaves choices that a smaller plan no longer asks for.
    stale = {choice.key for choice in ran.unplaced}
    final = Schedule(
        choices=tuple(choice for choice in best.choices if choice.key not in stale),
        draws=tuple(choice for choice in best.draws if choice.key not in stale),
        digest=ran.digest,
    )
    return Shrunk(
        plan=best.plan, schedule=final, ran=ran, runs=search.runs,
        seconds=monotonic() - began, complete=complete,
    )  # fmt: skip


class _Shrinking:
    def __init__(
        self,
        plan: Plan,
        schedule: Schedule,
        subject: Subject,
        workers: Workers,
        runs_max: int,
        deadline: float,
    ) -> None:
        self.runs = 0
        self._subject = subject
        self._workers = workers
        self._runs_max = runs_max
        self._deadline = deadline
        self._prng = Prng("shrink", plan.seed, plan.scenario, plan.index)
        first = replayed(plan, subject, schedule, workers)
        if not first.findings:
            raise PatchstormError(
                "the schedule does not fail when it is repeated, so there is nothing to shrink; "
                "replay the failure first"
            )
        self._storage = plan.storage
        self._cause = first.findings[:1]  # the plainest: checkers are asked in that order
        self.best = Small(
            plan=plan, choices=tuple(first.outcome.choices), draws=schedule.draws or ()
        )
        self._seeded = schedule.draws is None

    # -- trying -----------------------------------------------------------------------------------

    def _run(self, small: Small, strategy: Strategy | None = None) -> Ran:
        if self.runs >= self._runs_max or thread_time() > self._deadline:
            raise _Spent
        self.runs += 1
        if strategy is None:
            return replayed(small.plan, self._subject, small.schedule, self._workers)
        return run_and_judge(
            small.plan, self._subject, strategy, self._workers, choosers=listed(small.draws)
        )

    def _fails(self, ran: Ran) -> bool:
        return same_cause(self._cause, ran.findings) and self._claimed(ran)

    def _claimed(self, ran: Ran) -> bool:
        """Whether a plainer storage is one where the target owes something: else it fails for another cause.

        What struck is read from the run, since a strategy can strike without the plan.
        """
        if ran.plan.storage in (None, self._storage):
            return True
        struck = {
            one.fault
            for one in ran.history.events
            if isinstance(one, Fault) and one.fault in FAULTS
        }
        return unclaimed(self._subject.target, ran.plan.storage or "", struck) is None

    def _holds(self, small: Small) -> bool:
        """Whether ``small`` still fails; if so it becomes the best, with the choices it really took."""
        ran = self._run(small)
        if not self._fails(ran):
            return False
        self.best = replace(small, choices=ran.outcome.choices)
        return True

    def _try_plan(self, plan: Plan) -> bool:
        """The best with another plan: with the same choices, or found again with few."""
        small = replace(self.best, plan=plan)
        try:
            if self._holds(small):
                return True
        except (ValueError, KeyError, msgspec.ValidationError):
            return False
        return self._found_again(small, TRIES)

    def _found_again(self, small: Small, tries: int) -> bool:
        kept = besides_order(small.choices)
        for turn in range(tries):
            order: Strategy = Pct(self._prng, depth=2 + turn % 3, length=guessed_length(small.plan))
            if turn % 4 == 3:
                order = RandomWalk(self._prng)
            held = kept if turn % 2 == 0 else []
            ran = self._run(small, Keeping(held, order, Odds(self._prng)))
            if self._fails(ran):
                self.best = replace(small, choices=ran.outcome.choices)
                return True
        return False

    # -- passes -----------------------------------------------------------------------------------

    def all_passes(self) -> None:
        """Every pass in turn, until a whole round brings nothing."""
        slow = (
            self._subject.host is not None
        )  # whole servers: a run takes ten times as long and more
        self._choices(FIRST_TRIES if slow else RUNS_MAX)
        if self._leap() or slow:
            self._choices()
        for _ in range(ROUNDS_MAX):
            before = _measure(self.best)
            self._plans()
            self._draws()
            self._again_with_few()
            self._choices()
            self._with_one_delay()
            self._in_fewer_turns()
            if _measure(self.best) == before:
                return

    def _leap(self) -> bool:
        """A tiny plan at once, if many choices are left: edits one by one would carry most of them along."""
        if len(self.best.choices) <= MANY:
            return False
        return any(
            self._found_again(replace(self.best, plan=plan), LEAP_TRIES)
            for plan in tiny(self.best.plan)
        )

    def _plans(self) -> None:
        for edits in EDITS:
            again = True
            while again:
                again = False
                for plan in edits(self.best.plan):
                    if self._try_plan(plan):
                        again = True
                        break

    def _draws(self) -> None:
        best = self.best
        if best.draws:
            fewer(best.draws, lambda draws: self._holds(replace(self.best, draws=tuple(draws))))
            smaller(
                self.best.draws, lambda draws: self._holds(replace(self.best, draws=tuple(draws)))
            )

    def _again_with_few(self) -> None:
        """A schedule with few deviations from the start, if the best has many."""
        best = self.best
        if len(best.choices) <= 4:
            return
        for _ in range(TRIES):
            self.best = best
            if self._found_again(best, 1) and len(self.best.choices) < len(best.choices):
                best = self.best
        self.best = best

    def _with_one_delay(self) -> None:
        """The dull order with one delay, at every step in turn, if the best deviates more often.

        A choice can be needed only because of another one, and leaving out one at a time finds no way
        from there to the plain race that is mostly behind it.
        """
        best = self.best
        kept = besides_order(best.choices)
        if len(best.choices) - len(kept) <= 1:
            return
        steps = min(self._run(best).outcome.storm_steps, DELAY_STEPS_MAX)
        for others in range(1, DELAYED_BY_MAX + 1):
            for step in range(1, steps + 1):
                ran = self._run(best, Keeping(kept, DelayBounded([step] * others)))
                if self._fails(ran) and len(ran.outcome.choices) < len(best.choices):
                    self.best = replace(best, choices=ran.outcome.choices)
                    return

    def _in_fewer_turns(self) -> None:
        """The same order with one turn of a task joined to the next, as long as that takes fewer choices."""
        if len(self.best.choices) <= MANY:
            return
        before = self.best.choices
        first, tries = 0, 0
        blocks = self._followed(Replay(before))[1]
        while first < len(blocks) and tries < TURNS_TRIES:
            for order in joined(blocks, first):
                tries += 1
                ran, taken = self._followed(Following(order))
                if self._fails(ran) and len(ran.outcome.choices) < len(self.best.choices):
                    self.best = replace(self.best, choices=ran.outcome.choices)
                    blocks = taken
                    break
            else:
                first += 1
        if self.best.choices is not before:
            self._choices()

    def _followed(self, order: Strategy) -> tuple[Ran, list[Block]]:
        """What comes of another order with the other choices as they are, and the order it became."""
        kept = besides_order(self.best.choices)
        noting = Noting(Keeping(kept, order))
        ran = self._run(self.best, noting)
        return ran, noting.blocks()

    def _choices(self, tries: int = RUNS_MAX) -> None:
        """Leave out what does not matter; with ``tries`` only as far as so many runs get."""
        enough = self.runs + tries

        def hold(choices: Sequence[Choice]) -> bool:
            return self.runs < enough and self._holds_exactly(tuple(choices))

        kept = fewer(self.best.choices, hold)
        hold(kept)
        smaller(self.best.choices, hold)

    def _holds_exactly(self, choices: tuple[Choice, ...]) -> bool:
        small = replace(self.best, choices=choices)
        ran = self._run(small)
        if not self._fails(ran):
            return False
        taken = {choice.key for choice in ran.outcome.choices}
        self.best = replace(small, choices=tuple(c for c in choices if c.key in taken))
        return True


def _measure(small: Small) -> tuple[int, ...]:
    plan = small.plan
    return (
        len(plan.clients), len(plan.uploads), len(plan.faults), plan.replicas,
        sum(upload.size for upload in plan.uploads), len(small),
    )  # fmt: skip

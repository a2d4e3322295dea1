"""From a failing schedule to a small one: fewer clients, replicas, faults, chunks, then fewer choices.

What counts as progress. A candidate replaces the best so far when it still fails for the *same cause*
(one of the checkers that found the original also finds it) and is smaller in this order: clients,
uploads, faults, replicas, bytes, choices. Choices that clearly do not matter go first; then the plan is
shrunk, since a smaller plan runs faster and needs fewer choices. After an edit of the plan the recorded
choices often miss their place; then a few schedules with few deviations are tried on the edited plan,
which is cheap and usually finds the failure again with fewer choices than before.

Nothing is shrunk to a fixpoint without bound: ``RUNS_MAX`` runs, and then the best so far.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import msgspec

from patchstorm.campaign.schedules import Ran, replayed, run_and_judge
from patchstorm.choice.naming import Listed
from patchstorm.choice.odds import Odds
from patchstorm.choice.pct import Pct
from patchstorm.choice.prng import Prng
from patchstorm.choice.replay import NEXT, STRIKE, SWITCH
from patchstorm.choice.schedule import Choice, Schedule
from patchstorm.choice.shrink import fewer, smaller
from patchstorm.choice.strategy import Runnable, Strategy
from patchstorm.errors import PatchstormError
from patchstorm.scenario.plan import ClientPlan, Plan, UploadPlan
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.sim.app import Subject
from patchstorm.sim.workers import Workers

RUNS_MAX = 1_000
TRIES = 10
ROUNDS_MAX = 4
SECONDS_MAX = 30.0


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
    search = _Shrinking(plan, schedule, subject, workers, runs_max, began + seconds_max)
    complete = True
    try:
        search.all_passes()
    except _Spent:
        complete = False
    best = search.best
    ran = replayed(best.plan, subject, best.schedule, workers, traced=True)
    final = msgspec.structs.replace(best.schedule, digest=ran.digest)
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
        self._cause = first.findings[0].checker  # the plainest: checkers are asked in that order
        self.best = Small(
            plan=plan, choices=tuple(first.outcome.choices), draws=schedule.draws or ()
        )
        self._seeded = schedule.draws is None

    # -- trying -----------------------------------------------------------------------------------

    def _run(self, small: Small, strategy: Strategy | None = None) -> Ran:
        if self.runs >= self._runs_max or monotonic() > self._deadline:
            raise _Spent
        self.runs += 1
        if strategy is None:
            return replayed(small.plan, self._subject, small.schedule, self._workers)
        draws = small.draws
        return run_and_judge(
            small.plan, self._subject, strategy, self._workers,
            choosers=lambda purpose: Listed(draws, purpose),
        )  # fmt: skip

    def _fails(self, ran: Ran) -> bool:
        return any(finding.checker == self._cause for finding in ran.findings)

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
        kept = [one for one in small.choices if one.kind not in (SWITCH, NEXT)]
        for turn in range(tries):
            length = max(50, 100 * sum(-(-u.size // max(1, u.chunk)) for u in small.plan.uploads))
            strategy = _Few(kept if turn % 2 == 0 else [], self._prng, length, 2 + turn % 3)
            ran = self._run(small, strategy)
            if self._fails(ran):
                self.best = replace(small, choices=ran.outcome.choices)
                return True
        return False

    # -- passes -----------------------------------------------------------------------------------

    def all_passes(self) -> None:
        """Every pass in turn, until a whole round brings nothing."""
        self._choices()
        for _ in range(ROUNDS_MAX):
            before = _measure(self.best)
            self._plans()
            self._draws()
            self._again_with_few()
            self._choices()
            if _measure(self.best) == before:
                return

    def _plans(self) -> None:
        for edits in (_plainer_storage, _without_clients, _without_faults, _without_uploads, _fewer_replicas,
                      _fewer_chunks, _smaller_options, _smaller_chunks):  # fmt: skip
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

    def _choices(self) -> None:
        def hold(choices: Sequence[Choice]) -> bool:
            return self._holds_exactly(tuple(choices))

        kept = fewer(self.best.choices, hold)
        self._holds_exactly(tuple(kept))
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


class _Few(Pct):
    """A schedule with few deviations that keeps the choices which are not about order."""

    def __init__(self, kept: Sequence[Choice], prng: Prng, length: int, depth: int) -> None:
        super().__init__(prng, depth=depth, length=length)
        self._kept = {choice.key: choice for choice in kept}
        self._kinds = {choice.kind.partition("#")[0] for choice in kept}
        self._strikes = sorted(
            (choice for choice in kept if choice.kind == STRIKE), key=lambda one: one.step
        )
        self._few_odds = Odds(prng)

    def due(self, steps: int, task: Runnable, local: int) -> int:
        due = super().due(steps, task, local)
        for choice in self._strikes:
            if choice.task == task.path and choice.step > local:
                return min(due, steps + choice.step - local)
        return due

    def strike(self, steps: int, task: Runnable, local: int) -> int:
        choice = self._kept.get((task.path, local, STRIKE))
        return 0 if choice is None else choice.value

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        choice = self._kept.get((task, local, kind))
        if choice is not None:
            return min(choice.value, n - 1)
        if not self._kept or kind.partition("#")[0] not in self._kinds:
            return 0
        return self._few_odds.value(kind, n)


# -- smaller plans ------------------------------------------------------------------------------------


def _without_clients(plan: Plan) -> Iterator[Plan]:
    if len(plan.clients) > 1:
        for place in range(len(plan.clients)):
            rest = plan.clients[:place] + plan.clients[place + 1 :]
            yield msgspec.structs.replace(plan, clients=rest)


def _without_faults(plan: Plan) -> Iterator[Plan]:
    if plan.faults:
        yield msgspec.structs.replace(plan, faults=())
    if len(plan.faults) > 1:
        for place in range(len(plan.faults)):
            rest = plan.faults[:place] + plan.faults[place + 1 :]
            yield msgspec.structs.replace(plan, faults=rest)


def _without_uploads(plan: Plan) -> Iterator[Plan]:
    """Without an upload, and without it in every client; a client keeps at least what its kind needs."""
    if len(plan.uploads) < 2:
        return
    for upload in plan.uploads:
        clients = tuple(_forgets(client, upload.id) for client in plan.clients)
        if any(len(one.uploads) < WORKLOADS[one.kind].uploads_min for one in clients):
            continue
        rest = tuple(one for one in plan.uploads if one is not upload)
        yield msgspec.structs.replace(plan, uploads=rest, clients=clients)


def _forgets(client: ClientPlan, upload: str) -> ClientPlan:
    uploads = tuple(ident for ident in client.uploads if ident != upload)
    return msgspec.structs.replace(client, uploads=uploads)


def _plainer_storage(plan: Plan) -> Iterator[Plan]:
    """What fails on memory that all share is no matter of caches or of lost power."""
    if plan.storage is not None and plan.storage.partition(",")[0] != "tmpfs":
        yield msgspec.structs.replace(plan, storage="tmpfs")


def _fewer_replicas(plan: Plan) -> Iterator[Plan]:
    for count in range(1, plan.replicas):
        yield msgspec.structs.replace(plan, replicas=count)


def _fewer_chunks(plan: Plan) -> Iterator[Plan]:
    yield from _resized(plan, lambda upload: [
        (chunks * upload.chunk, upload.chunk)
        for chunks in (1, 2, 3, upload.size // upload.chunk // 2, upload.size // upload.chunk - 1)
        if 0 < chunks * upload.chunk < upload.size
    ])  # fmt: skip


def _smaller_chunks(plan: Plan) -> Iterator[Plan]:
    def sizes(upload: UploadPlan) -> list[tuple[int, int]]:
        found = []
        for chunk in (32, 64):
            if chunk < upload.chunk and upload.size:
                whole, tail = divmod(upload.size, upload.chunk)
                found.append((whole * chunk + min(tail, chunk - 1), chunk))
        return found

    yield from _resized(plan, sizes)


def _resized(plan: Plan, sizes: Callable[[UploadPlan], list[tuple[int, int]]]) -> Iterator[Plan]:
    for place, upload in enumerate(plan.uploads):
        for size, chunk in sizes(upload):
            info = msgspec.structs.replace(upload.info, size=size)
            small = msgspec.structs.replace(upload, info=info, chunk=min(chunk, size) or 1)
            uploads = (*plan.uploads[:place], small, *plan.uploads[place + 1 :])
            yield msgspec.structs.replace(plan, uploads=uploads)


def _smaller_options(plan: Plan) -> Iterator[Plan]:
    """Every number among the workloads' options, lower; values that no workload takes are passed over."""
    for place, client in enumerate(plan.clients):
        kind = WORKLOADS[client.kind]
        now = msgspec.convert(client.options, kind.options)
        for name in kind.options.__struct_fields__:
            value = getattr(now, name)
            if isinstance(value, bool) or not isinstance(value, int):
                continue
            for lower in sorted({0, 1, 2, value // 2}):
                if lower >= value:
                    continue
                options = {**client.options, name: lower}
                try:
                    msgspec.convert(options, kind.options)
                except msgspec.ValidationError:
                    continue
                changed = msgspec.structs.replace(client, options=options)
                clients = (*plan.clients[:place], changed, *plan.clients[place + 1 :])
                yield msgspec.structs.replace(plan, clients=clients)

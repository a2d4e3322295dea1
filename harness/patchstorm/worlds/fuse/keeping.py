"""Grounds that go from storm to storm, where the target says that its servers keep nothing.

That is not believed but tried. The first storm runs on fresh servers. Before the second its choices are made
again on the servers that served it: the history has to be the same. Who has a sweeper with a clock of its own
need not do the same twice on fresh servers either; for him the plainest order tells, in which nothing hangs
on a moment. Where that is not the same, or the first storm always is on fresh servers and never on those, a
note says so and each storm gets servers of its own.
"""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull
from patchstorm.history.model import History
from patchstorm.live.suits import lifetime_ms
from patchstorm.live.warm.nursery import Nursery
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.choosing import Deciding, Repeating
from patchstorm.worlds.fuse.ground import Ground
from patchstorm.worlds.fuse.grounds import ground_of
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.run import run_conducted

PROOFS: Final = 3
"""How often both kinds of servers are asked whether they do a storm again."""
Fitting: TypeAlias = tuple[Target, int, int | None]
"""Which storms can have a ground after each other: one target, one number of replicas, one lifetime."""


@dataclass(frozen=True, slots=True)
class First:
    """A storm on fresh servers: what another one on these same servers has to come to."""

    plan: Plan
    choices: tuple[Choice, ...]
    history: History


@dataclass(slots=True)
class Kept:
    """A ground between two storms. ``first`` is None once the servers are proved to keep nothing."""

    fitting: Fitting
    ground: Ground
    first: First | None = None


@dataclass(slots=True)
class Keeping:
    """What storms of one search or run share; several may run at once, each on a ground of its own."""

    refused: str | None = None
    idle: list[Kept] = field(default_factory=list)
    openers: set[str] = field(default_factory=set)
    """How what servers do of their own accord begins (:mod:`.chains`)."""
    nurseries: list[Nursery] = field(default_factory=list)
    """Who starts servers, by target."""
    _proved: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self,
        plan: Plan,
        target: Target,
        chooser: Deciding | Repeating,
        *,
        out_dir: Path,
        stop: threading.Event | None = None,
        openers: set[str] | None = None,
    ) -> FuseOutcome:
        """As ``run_conducted``, on servers that are there already where that is allowed. ``openers``: those
        of a run that is made again, in place of what has been learnt here."""
        openers = self.openers if openers is None else openers
        nursery = self._nursery(target)
        if nursery.ripe:
            nursery.prepare(plan.replicas)

        def anew() -> FuseOutcome:
            ran = run_conducted(
                plan, target, chooser, out_dir=out_dir, stop=stop, openers=openers,
                nursery=nursery,
            )  # fmt: skip
            return ran if self.refused is None else _noted(ran, self.refused)

        if not target.start.stateless or target.companion is not None or self.refused is not None:
            return anew()
        kept = self._taken((target, plan.replicas, lifetime_ms(plan)), nursery)
        try:
            if kept.first is not None and kept.ground.warm and not self._proved:
                self._prove(kept, kept.first, target, stop)
            if self.refused is not None:
                return anew()
            fresh = not kept.ground.warm
            ran = run_conducted(
                plan, target, chooser, out_dir=out_dir, stop=stop, ground=kept.ground,
                openers=openers,
            )  # fmt: skip
            if fresh:
                kept.first = First(plan, ran.choices, ran.history)
            return ran
        finally:
            self._laid_aside(kept)

    def close(self) -> None:
        """End all servers."""
        with self._lock:
            idle, self.idle = self.idle, []
            nurseries, self.nurseries = self.nurseries, []
        for kept in idle:
            kept.ground.close()
        for nursery in nurseries:
            nursery.close()

    def _nursery(self, target: Target) -> Nursery:
        with self._lock:
            for one in self.nurseries:
                if one.target == target:
                    return one
            self.nurseries.append(Nursery(target))
            return self.nurseries[-1]

    def _taken(self, fitting: Fitting, nursery: Nursery) -> Kept:
        """An idle ground that fits, or a new one in place of one that does not."""
        with self._lock:
            kept = next((one for one in self.idle if one.fitting == fitting), None)
            misfit = None
            if kept is not None:
                self.idle.remove(kept)
            elif self.idle:
                misfit = self.idle.pop(0)
        if misfit is not None:
            misfit.ground.close()
        return kept or Kept(fitting, ground_of(fitting[0], fitting[1], keeps=True, nursery=nursery))

    def _laid_aside(self, kept: Kept) -> None:
        if kept.ground.fit and self.refused is None:
            with self._lock:
                self.idle.append(kept)
        else:
            kept.ground.close()

    def _prove(
        self, kept: Kept, first: First, target: Target, stop: threading.Event | None
    ) -> None:
        def made(chooser: Deciding | Repeating, ground: Ground | None) -> History:
            with tempfile.TemporaryDirectory(prefix="patchstorm-again-") as folder:
                return run_conducted(
                    first.plan, target, chooser, out_dir=Path(folder), stop=stop, ground=ground,
                    openers=self.openers,
                ).history  # fmt: skip

        def again(ground: Ground | None) -> str | None:
            return unlike(first.history, made(Repeating(first.choices), ground))

        difference = again(kept.ground)
        if difference is not None:
            plain = made(Deciding(Dull()), None)
            plainly = unlike(plain, made(Deciding(Dull()), kept.ground))
            if plainly is not None:
                difference = plainly
            elif any(again(None) or not again(kept.ground) for _ in range(PROOFS)):
                difference = None
        if difference is None:
            self._proved = True
            return
        self.refused = (
            f"each storm has servers of its own, since {target.name} says `stateless` and is not: made again "
            f"on servers that had served it, a storm went another way: {difference}"
        )


def unlike(one: History, other: History) -> str | None:
    """Where two histories of the same plan and choices differ, in what clients saw or in what is left."""
    for first, second in zip(_seen(one), _seen(other), strict=False):
        if first != second:
            return f"{first}, and then {second}"
    if len(one.operations) != len(other.operations):
        return f"{len(one.operations)} requests, and then {len(other.operations)}"
    for upload, final in one.finals.items():
        if final != other.finals.get(upload):
            return f"the file of {upload} holds other bytes"
    return None


def _seen(history: History) -> list[str]:
    """Requests and answers, without what is different each time: times, and what servers mint."""
    lines = []
    for one in history.operations:
        call, end = one.call, one.end
        place = "" if call.offset is None else f" at {call.offset}"
        asked = f"{call.client} {call.kind} {call.upload or ''}{place} to replica {call.replica}"
        answer = "no answer"  # how that is noticed is the operating system's
        if end is not None and end.status is not None:
            answer = f"{end.status} offset {end.offset}"
        lines.append(f"{asked}: {answer}")
    return lines


def _noted(ran: FuseOutcome, note: str) -> FuseOutcome:
    return replace(ran, notes=(*ran.notes, note))

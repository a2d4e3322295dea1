"""Which strategy decides a plan's order, and what of a run is kept so that it can be made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from msgspec import UNSET

from patchstorm.choice.portfolio import Hints, strategy_for
from patchstorm.choice.prng import Prng
from patchstorm.choice.schedule import Schedule
from patchstorm.choice.strategy import Strategy
from patchstorm.history import digest
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.plan import Plan
from patchstorm.storage.parse import parse_flavour
from patchstorm.worlds.base import Death
from patchstorm.worlds.fuse import SCHEDULES
from patchstorm.worlds.fuse.aiming import Order, aimed, deaths_of
from patchstorm.worlds.fuse.keeping import Keeping
from patchstorm.worlds.fuse.outcome import FuseOutcome

CALLS_A_REQUEST: Final = 25


@dataclass(slots=True)
class Wanted:
    """How runs are to be decided. ``length``: the calls of a plain run, where one was made.

    ``last`` is what the last run came to, for whoever wants to read more of it than its history. ``keeping``
    has what goes from one storm to the next; whoever is done closes it.
    """

    strategy: str = "portfolio"
    length: int | None = None
    last: FuseOutcome | None = None
    keeping: Keeping = field(default_factory=Keeping)

    def beside(self, strategy: str) -> Wanted:
        """Servers that outlive a storm are had by all runs, the last run by each alone."""
        return replace(self, strategy=strategy, last=None)

    def close(self) -> None:
        self.keeping.close()

    @property
    def slept(self) -> float:
        return 0.0 if self.last is None else self.last.slept / max(self.last.seconds, 0.001)

    @property
    def ran(self) -> bool:
        return self.last is not None

    def aimed(self, *, deadly: bool) -> Sequence[Order]:
        """Orders read off the last run; how long it was is known from then on."""
        assert self.last is not None, "a run that was judged leaves what it came to"
        self.length = max(1, self.last.storm_steps)
        return tuple(aimed(self.last, deadly=deadly))

    @property
    def unmade(self) -> bool:
        return self.last is not None and bool(self.last.unplaced)

    def deaths(self) -> Sequence[Death]:
        """Those read off the last run, call by call."""
        assert self.last is not None, "a run that was judged leaves what it came to"
        return deaths_of(self.last)


def guessed_length(plan: Plan) -> int:
    """About how many steps a storm has, for strategies that place few deviations among them."""
    requests = sum(-(-one.size // max(1, one.chunk)) for one in plan.uploads)
    return max(50, CALLS_A_REQUEST * requests)


def hints_of(plan: Plan, length: int | None = None) -> Hints:
    """What strategies know of a plan. ``length``: the steps of its dull run, where one was made."""
    kinds = [FAULTS[fault.kind] for fault in plan.world_faults]
    power = any(kind.loses_power for kind in kinds)
    flavour = parse_flavour(plan.storage or "tmpfs")
    return Hints(
        length=length or guessed_length(plan),
        crash=any(kind.deadly for kind in kinds),
        power_host=power and flavour.nfs is not None,
        power_storage=power and flavour.disk.durable,
    )


def strategy_of(plan: Plan, name: str = "portfolio", length: int | None = None) -> Strategy:
    """The strategy of the plan's own index; a function of its arguments alone."""
    prng = Prng("patchstorm", plan.seed, plan.scenario, plan.index, "strategy")
    return strategy_for(name, plan.index, prng, hints_of(plan, length))


def schedule_of(ran: FuseOutcome) -> Schedule:
    """The choices of a run, by name."""
    return Schedule(
        choices=ran.choices, digest=digest(ran.history), version=SCHEDULES,
        openers=ran.openers or UNSET,
    )  # fmt: skip

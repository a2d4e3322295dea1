"""Single schedules of one storm in the simulator: draw, run, judge, and say what came of it in short.

A :class:`Session` holds what all schedules of an exploration share, in one process. What schedule ``i``
is depends on (seed, scenario, i) alone, so it does not matter which process runs it, or when.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

import msgspec

from patchstorm.campaign.ground import ground_of
from patchstorm.campaign.leaks import difference, records_differ
from patchstorm.campaign.points import points_of
from patchstorm.campaign.ran import Ran, run_and_judge
from patchstorm.campaign.steered import Steered
from patchstorm.check.model import Finding, Ruled
from patchstorm.check.tried import Point
from patchstorm.check.verdict import Verdict
from patchstorm.choice.chooser import Chooser, seeded
from patchstorm.choice.naming import Recording
from patchstorm.choice.portfolio import (
    CRASH_SAMPLED,
    ONE_PLAN,
    TURNS,
    Hints,
    check_name,
    member,
    strategy_for,
)
from patchstorm.choice.prng import Prng
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull, Strategy
from patchstorm.errors import InconclusiveError, NondeterminismError
from patchstorm.scenario.composing.features import Pair
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.composing.met import met
from patchstorm.scenario.composing.steering import Steering
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.workloads.conformance import unasked
from patchstorm.storage.parse import parse_flavour
from patchstorm.target.claims import unclaimed
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.able import reason_to_skip
from patchstorm.worlds.sim.app import Subject, subject_of
from patchstorm.worlds.sim.run import WORLD, run_schedule
from patchstorm.worlds.sim.scale import is_described, said, scaled
from patchstorm.worlds.sim.tracing import Pairs, Trace
from patchstorm.worlds.sim.watched import Observer
from patchstorm.worlds.sim.workers import Workers, pool

TWICE_IN = 50
MIXED = ("tmpfs", "nfs4", "ext4", "nfs3")
"""What the schedules of a storm run on in turn when neither it nor the user names a storage; less what
the target does not claim, as with storages that the storm names."""
WATCHED_IN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for, as plain data that another process can be given.

    ``own``: ``target`` is what a store is called that a program handed in, and stands for no code.
    """

    scenario: Scenario
    target: str
    seed: int = 0
    strategy: str = "portfolio"
    storage: str | None = None
    replicas: int | None = None
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one schedule came to. ``pairs`` are filled where they were looked at, ``met`` of composed
    storms. ``rules`` are all that the first schedule put, and those that another one broke.
    """

    index: int
    digest: str
    verdict: Verdict
    steps: int
    virtual_ns: int
    fingerprint: str
    findings: tuple[Finding, ...] = ()
    unknown: str | None = None
    pairs: tuple[tuple[str, str], ...] = ()
    points: tuple[Point, ...] = ()
    notes: tuple[str, ...] = ()
    met: tuple[Pair, ...] = ()
    rules: tuple[Ruled, ...] = ()


def guessed_length(plan: Plan) -> int:
    """About how many steps a run of ``plan`` makes, for strategies that place few deviations among them."""
    return max(50, 100 * sum(-(-one.size // max(1, one.chunk)) for one in plan.uploads))


@dataclass(slots=True)
class Session:
    """One process's part of an exploration."""

    search: Search
    subject: Subject
    workers: Workers = field(default_factory=pool)
    steered: Steered = field(default_factory=Steered)
    _hints: dict[str, Hints] = field(default_factory=dict)
    _length: int = 0
    _flavours: tuple[str, ...] | None = None
    _latest: tuple[int, str | None, Steering, Plan] | None = None
    _grounds: dict[str, Ground] = field(default_factory=dict)

    @staticmethod
    def of(search: Search) -> Session:
        """Raises UsageError for a target or a strategy that cannot be had."""
        check_name(search.strategy)
        return Session(search, subject_of(resolve(search.target)))

    def plan(self, index: int) -> Plan:
        """The storm of schedule ``index``, scaled; strategies that enumerate have only one."""
        of = 0 if self.search.strategy in ONE_PLAN else index
        plan = scaled(self._drawn(of, self.search.storage or self._storage(index)))
        if self._strikes(index):
            faults = tuple(one for one in plan.faults if not FAULTS[one.kind].deadly)
            return msgspec.structs.replace(plan, faults=faults)
        return plan if plan.composed else self._swarm(plan, index)

    def _drawn(self, index: int, storage: str | None) -> Plan:
        search = self.search
        if search.scenario.compose is None:
            return draw_plan(
                search.scenario, seed=search.seed, index=index,
                capabilities=self.subject.target.capabilities, replicas=search.replicas,
                storage=storage,
            )  # fmt: skip
        steering = self.steered.of(index)
        if self._latest is None or self._latest[:3] != (index, storage, steering):
            plan = draw_plan(
                search.scenario, seed=search.seed, index=index,
                capabilities=self.subject.target.capabilities, replicas=search.replicas,
                storage=storage, ground=self._ground(storage), steering=steering,
            )  # fmt: skip
            self._latest = (index, storage, steering, plan)
        return self._latest[3]

    def every_ground(self) -> dict[str, tuple[frozenset[str], Ground]]:
        """By storage, what the storms of this session can be drawn from, and the target's capabilities."""
        has = frozenset(self.subject.target.capabilities)
        among = (self.search.storage,) if self.search.storage else self.flavours
        return {one: (has, self._ground(one)) for one in among}

    def _ground(self, storage: str | None) -> Ground:
        on = storage or self.search.scenario.fleet.storage or MIXED[0]
        if on not in self._grounds:
            self._grounds[on] = ground_of(
                WORLD, self.subject.target, on, large=self.subject.describes
            )
        return self._grounds[on]

    def _storage(self, index: int) -> str | None:
        """One of several, where nobody names it; strategies that build on the first plan keep its own."""
        if len(self.search.scenario.fleet.storages) == 1 or self.search.strategy in ONE_PLAN:
            return None
        # Each round of the portfolio's turns begins with the next flavour, so that all turns meet all.
        return self.flavours[(index + index // TURNS) % len(self.flavours)]

    @property
    def flavours(self) -> tuple[str, ...]:
        """The storm's own, or MIXED: those that the target claims; at least what the plan says itself."""
        if self._flavours is None:
            target, plan = self.subject.target, self.first_plan
            kinds = {fault.kind for fault in plan.world_faults}
            among = self.search.scenario.fleet.storages or MIXED
            claimed = tuple(one for one in among if unclaimed(target, one, kinds) is None)
            self._flavours = claimed or (plan.storage or MIXED[0],)
        return self._flavours

    def _strikes(self, index: int) -> bool:
        """Whether the strategy of this schedule brings the deaths about, so that the plan need not."""
        if self.search.strategy == "crash-points":
            return True
        return self.strategy_name(index) == CRASH_SAMPLED

    def _swarm(self, plan: Plan, index: int) -> Plan:
        """One schedule in three leaves some kinds of faults out altogether."""
        if index % 3 != 2 or not plan.faults:
            return plan
        prng = self._prng(index, "swarm")
        dropped = {kind for kind in sorted({fault.kind for fault in plan.faults}) if prng.below(2)}
        faults = tuple(fault for fault in plan.faults if fault.kind not in dropped)
        return msgspec.structs.replace(plan, faults=faults)

    @property
    def length(self) -> int:
        """The steps of the dull run of the first plan, deaths left out; the same in every process."""
        if not self._length:
            plan = self.first_plan
            bare = tuple(one for one in plan.faults if not FAULTS[one.kind].deadly)
            outcome = run_schedule(
                msgspec.structs.replace(plan, faults=bare), self.subject, Dull(), self.workers
            )
            self._length = max(1, outcome.storm_steps)
        return self._length

    def hints(self, index: int) -> Hints:
        """What strategies know of schedule ``index``."""
        storage = self.search.storage or self._storage(index) or self.first_plan.storage or "tmpfs"
        if self.search.scenario.compose is not None:
            return self._composed_hints(index, storage)
        if storage not in self._hints:
            kinds = {fault.kind for fault in self.first_plan.world_faults}
            flavour = parse_flavour(storage)
            power = any(FAULTS[kind].loses_power for kind in kinds)
            self._hints[storage] = Hints(
                stands=True,
                length=self.length,
                crash=any(FAULTS[kind].deadly for kind in kinds)
                or self.search.strategy == "crash-points",
                power_host=power and flavour.nfs is not None,
                power_storage=power and flavour.disk.durable,
            )
        return self._hints[storage]

    def _composed_hints(self, index: int, storage: str) -> Hints:
        """No dull run of each plan: its length is guessed. Deaths are the strategy's to bring about, too."""
        of = 0 if self.search.strategy in ONE_PLAN else index
        faults, flavour = self._ground(storage).faults, parse_flavour(storage)
        plan = scaled(self._drawn(of, storage))
        power = "power-loss" in faults and not is_described(plan)
        return Hints(
            stands=True,
            length=guessed_length(plan),
            crash="crash" in faults,
            power_host=power and flavour.nfs is not None,
            power_storage=power and flavour.disk.durable,
        )

    def strategy(self, index: int) -> Strategy:
        search = self.search
        return strategy_for(
            search.strategy, index, self._prng(index, "strategy"), self.hints(index)
        )

    def strategy_name(self, index: int) -> str:
        """Which member of a mixture decides schedule ``index``."""
        return member(self.search.strategy, index, self.hints(index))

    def _prng(self, index: int, purpose: str) -> Prng:
        return Prng("patchstorm", self.search.seed, self.search.scenario.name, index, purpose)

    # -- running ----------------------------------------------------------------------------------

    def tell(self, index: int) -> Told:
        """Run schedule ``index`` and say what came of it. Raises :class:`NondeterminismError`.

        One that could not be carried through is unknown, and no reason to end a search.
        """
        try:
            return self._told(index)
        except InconclusiveError as error:
            said = str(error)
            digest = hashlib.sha256(said.encode()).hexdigest()
            return Told(
                index=index, digest=digest, verdict="unknown", steps=0, virtual_ns=0,
                fingerprint=digest[:16], unknown=said,
            )  # fmt: skip

    def _told(self, index: int) -> Told:
        pairs = Pairs() if index % WATCHED_IN == 0 else None
        trace = Trace(self.subject.target.phases) if pairs is not None else None
        observers: tuple[Observer, ...] = () if pairs is None or trace is None else (pairs, trace)
        ran = run_and_judge(
            self.plan(index), self.subject, self.strategy(index), self.workers, observers=observers
        )
        if index % TWICE_IN == TWICE_IN // 2:
            self._again(index, ran)
        history = ran.history
        if trace is not None:
            history = msgspec.structs.replace(history, events=(*history.events, *trace.events()))
        return Told(
            index=index,
            digest=ran.digest,
            verdict=ran.verdict,
            steps=ran.outcome.steps,
            virtual_ns=ran.outcome.virtual_ns,
            fingerprint=fingerprint(ran),
            findings=ran.findings,
            unknown=ran.unknown,
            pairs=() if pairs is None else tuple(sorted(pairs.seen)),
            points=points_of(ran.plan, history, ran.outcome.idle)[0],
            notes=tuple(note for one in ran.judgements for note in one.notes),
            met=met(ran.plan, history, ran.outcome.idle) if ran.plan.composed else (),
            rules=tuple(
                rule for one in ran.judgements for rule in one.rules if index == 0 or not rule.held
            ),
        )

    def recorded(self, index: int) -> Ran:
        """Schedule ``index`` once more, its workloads' draws written down."""
        plan = self.plan(index)
        draws: list[Choice] = []

        def choosers(purpose: str) -> Chooser:
            return Recording(seeded(plan.seed, plan.scenario, plan.index, purpose), purpose, draws)

        ran = run_and_judge(
            plan, self.subject, self.strategy(index), self.workers, choosers=choosers
        )
        return replace(ran, draws=tuple(draws))

    def _again(self, index: int, first: Ran) -> None:
        """Run it twice and compare: what differs is a leak in the harness or in the store."""
        second = run_and_judge(
            self.plan(index), self.subject, self.strategy(index), self.workers, watched=True
        )
        if second.digest == first.digest and second.outcome.choices == first.outcome.choices:
            return
        raise NondeterminismError(self._leak(index, first, second))

    def _leak(self, index: int, first: Ran, second: Ran) -> str:
        """Name the first step that differs; run it twice more to see the steps."""
        traces = []
        for _ in range(2):
            trace = Trace()
            run_schedule(
                self.plan(index), self.subject, self.strategy(index), self.workers,
                observers=(trace,),
            )  # fmt: skip
            traces.append(trace.records)
        where = difference(traces[0], traces[1]) or records_differ(first.outcome, second.outcome)
        return (
            f"schedule {index} of {self.search.scenario.name} (seed {self.search.seed}) did not "
            f"repeat: {where}. Something outside the simulator reaches the store under test (time, "
            "chance, hash order, a thread, state kept between runs); replace it by the port's own."
        )

    @property
    def first_plan(self) -> Plan:
        """The plan of index 0 with all its faults, whatever the strategy makes of them."""
        return scaled(self._first_drawn())

    @property
    def scaled(self) -> tuple[str, ...]:
        """What was made smaller in the first plan; others differ by what the seed draws."""
        return said(self._first_drawn())

    def _first_drawn(self) -> Plan:
        return self._drawn(0, self.search.storage)

    def skip_reason(self) -> str | None:
        """Why the storm cannot be run in the simulator; judged by its first plan."""
        plan = self.first_plan
        return unasked(plan, self.subject.target.dialect) or reason_to_skip(plan, self.subject)


def fingerprint(ran: Ran) -> str:
    """A schedule's name for counting distinct ones: the plan's size apart, who ran when."""
    sha = hashlib.sha256()
    sha.update(repr((ran.plan.index, ran.outcome.switches)).encode())
    return sha.hexdigest()[:16]

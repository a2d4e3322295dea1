"""A composed storm from (seed, round, index) and what can be had: an ordinary plan.

Each is drawn for one pair of features that have hardly met yet; the rest is drawn beside it, and most of what
could be is left out, since what is always there drowns what is rare (Groce et al., "Swarm testing", ISSTA
2012).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from patchstorm.choice.chooser import Chooser, seeded
from patchstorm.history.model import UploadInfo
from patchstorm.scenario.composing.features import (
    CLIENT,
    FAULT,
    UPLOAD,
    WHEN,
    WITH,
    apart,
    features,
    trigger_kind,
)
from patchstorm.scenario.composing.ground import ANYWHERE, Ground
from patchstorm.scenario.composing.options import drawn_options, lasting_ms
from patchstorm.scenario.composing.peculiar import peculiar
from patchstorm.scenario.composing.sizes import AS_THEY_ARE, MANY_BYTES, SELDOM, names_of, sized
from patchstorm.scenario.composing.steering import BLANK, Steering
from patchstorm.scenario.faults import FAULTS, Fault
from patchstorm.scenario.model import ComposeSpec, Scenario, Spread
from patchstorm.scenario.plan import (
    ClientPlan,
    FaultPlan,
    Plan,
    SweepPlan,
    Trigger,
    UploadPlan,
    Whom,
)
from patchstorm.scenario.workloads import WORKLOADS

T = TypeVar("T")
RATES: Final = (1000, 300, 80)  # permille of the PATCHes that a modifier changes
MODIFIERS_MAX: Final = 2
LIFETIMES_MS: Final = (1_000, 2_500, 30_000)
BORN_MS: Final = (0, 2, 12, 60)
LOCK_WAITS_MS: Final = (0, 20, 300)
SWEEPS: Final = ((1, 20), (10, 60), (3, 200), (700, 900))
SMALL_BYTES: Final = 512
WORKERS: Final = (2, 1, 4)
NTH_MAX: Final = 12
STEPS_MAX: Final = 900
AFTER_MS: Final = (0, 1, 4, 12, 30, 90, 300)


def compose(
    scenario: Scenario,
    *,
    seed: int,
    index: int,
    has: frozenset[str],
    ground: Ground | None,
    steering: Steering | None,
    replicas: int,
    storage: str | None,
) -> Plan:
    """The storm of this seed and index. A ``ground`` of None is what every world has."""
    assert scenario.compose is not None
    chooser = seeded(seed, scenario.name, index, "plan")
    ground = ground or ANYWHERE
    among = features(has, ground, storage or "tmpfs")
    tiers = (steering or BLANK).tiers(among)
    rare = tiers[chooser.draw("tier", len(tiers))]
    wanted = rare[chooser.draw("wanted", len(rare))]
    drawing = _Drawing(chooser, has, ground, among, wanted, replicas)
    uploads, clients, faults = drawing.whole(scenario.compose)
    sweeper = "completes-unattended" in has and chooser.draw("closing", 3) == 2
    sweeps = (None, *SWEEPS)[chooser.draw("sweeps", len(SWEEPS) + 1)]
    return Plan(
        scenario=scenario.name,
        title=scenario.title,
        seed=seed,
        index=index,
        reading="offset-addressed" if "offset-addressed" in has else "sequential",
        capabilities=tuple(sorted(has)),
        replicas=replicas,
        balancer=scenario.fleet.balancer,
        storage=storage,
        policy="polite",
        closing="sweeper" if sweeper else "client",
        convergence_ms=scenario.convergence_ms,
        uploads=uploads,
        clients=clients,
        faults=faults,
        reaches=scenario.reaches,
        scale=not drawing.as_they_are,
        composed=True,
        workers=_workers(chooser, ground),
        lock_wait_ms=_lock_wait_ms(chooser, ground),
        sweeps=None if sweeps is None else SweepPlan(first_ms=sweeps[0], every_ms=sweeps[1]),
    )


class _Drawing:
    """One plan in the making."""

    def __init__(
        self,
        chooser: Chooser,
        has: frozenset[str],
        ground: Ground,
        among: tuple[str, ...],
        wanted: tuple[str, str],
        replicas: int,
    ) -> None:
        self._chooser = chooser
        self._has = has
        self._ground = ground
        self._among = among
        self._wanted = wanted
        self._replicas = replicas
        self._shapes: set[str] = set()
        self._barring: set[str] = set()  # what has come by chance and bars modifiers and faults
        self.as_they_are = False

    def whole(
        self, spec: ComposeSpec
    ) -> tuple[tuple[UploadPlan, ...], tuple[ClientPlan, ...], tuple[FaultPlan, ...]]:
        kinds = self._kinds(self._count("clients", spec.clients))
        self._shapes = self._shape(kinds)
        self._barring = {UPLOAD + "huge"} if "huge" in self._shapes else set()
        count = self._count("uploads", spec.uploads)
        if self._shapes & {"many-chunks", "thousand-chunks"}:
            kinds, count = kinds[:1], 1
        least = len(_creators(kinds)) + max(WORKLOADS[kind].uploads_min for kind in kinds)
        if len(_creators(kinds)) == len(kinds):
            least = len(kinds)
        if "shared" in self._shapes:
            least = max(least, 2)
        uploads = self._uploads(max(count, least), kinds)
        clients, served = self._clients(kinds, uploads)
        uploads = tuple(upload for upload in uploads if upload.id in served)
        uploads, clients = peculiar(self._chooser, uploads, clients)
        faults = self._faults(self._count("faults", spec.faults), uploads)
        if any(fault.kind == "damage" for fault in faults):
            clients = tuple(_truthful(client) for client in clients)
        return uploads, clients, faults

    # -- small draws --------------------------------------------------------------------------------

    def _of(self, name: str, values: Sequence[T]) -> T:
        return values[self._chooser.draw(name, len(values))]

    def _count(self, name: str, spread: Spread) -> int:
        """The low end most often: of two draws the lower one."""
        low, high = (int(value) for value in (spread.values[0], spread.values[-1]))
        return low + min(self._chooser.draw(f"{name}/{i}", high - low + 1) for i in range(2))

    def _one_in(self, name: str, n: int) -> bool:
        return self._chooser.draw(name, n) == n - 1

    def _forced(self, dimension: str) -> list[str]:
        return [one.removeprefix(dimension) for one in self._wanted if one.startswith(dimension)]

    def _fitting(self, dimension: str) -> list[str]:
        """What of this dimension can meet what is wanted."""
        return [
            one.removeprefix(dimension)
            for one in self._among
            if one.startswith(dimension)
            and all(
                one == other or apart(one, other) is None
                for other in (*self._wanted, *self._barring)
            )
        ]

    # -- clients and uploads ------------------------------------------------------------------------

    def _kinds(self, count: int) -> list[str]:
        kinds = self._forced(CLIENT)
        fitting = self._fitting(CLIENT)
        while len(kinds) < count:
            kinds.append(self._of(f"kind/{len(kinds)}", fitting))
        return kinds

    def _shape(self, kinds: Sequence[str]) -> set[str]:
        """What the uploads are like; whatever a client's kind needs is among it."""
        shapes = set(self._forced(UPLOAD))
        for name in self._fitting(UPLOAD):
            if self._one_in(f"shape/{name}", SELDOM.get(name, 6)):
                shapes.add(name)
        if "rivals" in kinds:
            shapes.add("shared")
        if "expiring" in kinds:
            shapes.add("mortal")
        wanted = {one.removeprefix(UPLOAD) for one in self._wanted}
        for name in sorted(shapes - wanted):
            others = [
                *(UPLOAD + one for one in shapes if one != name),
                *(CLIENT + one for one in kinds),
                *(self._wanted if name == "huge" else ()),
            ]
            if any(apart(UPLOAD + name, other) is not None for other in others):
                shapes.discard(name)
        return shapes

    def _uploads(self, count: int, kinds: Sequence[str]) -> tuple[UploadPlan, ...]:
        shapes = self._shapes
        shared = "shared" in shapes
        longest = 2 if "expiring" in kinds else 3  # which waits for the end
        expires = self._of("lifetime", LIFETIMES_MS[:longest]) if "mortal" in shapes else None
        names = names_of(self._chooser, count, odd="odd-name" in shapes, shared=shared)
        self.as_they_are = bool(shapes & AS_THEY_ARE)
        found = []
        equal = count > 1 and self._one_in("equal", 2)
        for place, target in enumerate(names):
            size, chunk = sized(self._chooser, 0 if equal else place, shapes, first=place == 0)
            special = place == 0 or shared
            info = UploadInfo(
                id=_IDS[place],
                size=size,
                target=target,
                overwrite="overwrite" in shapes and special,
                expires_ms=expires,
            )
            late = "born-late" in shapes and (
                place == count - 1 or self._one_in(f"late/{place}", 2)
            )
            born = self._of(f"born/{place}", BORN_MS) if late else None
            minted = "minted" in shapes and (place == 0 or self._one_in(f"minted/{place}", 2))
            found.append(
                UploadPlan(
                    number=place,
                    info=info,
                    chunk=min(chunk, size) or 1,
                    born_ms=born,
                    minted=minted,
                )
            )
        return tuple(found)

    def _clients(
        self, kinds: Sequence[str], uploads: Sequence[UploadPlan]
    ) -> tuple[tuple[ClientPlan, ...], set[str]]:
        """Who works on what. An upload that a client creates itself is nobody else's."""
        free = list(uploads)
        owned: dict[int, UploadPlan] = {}
        for place in _creators(kinds):
            owned[place] = free.pop()
        plain = [place for place in range(len(kinds)) if place not in owned]
        served: set[str] = set()
        clients = []
        for place, kind in enumerate(kinds):
            mine = [owned[place]] if place in owned else self._some(place, kind, free)
            if place in owned or mine:
                clients.append(self._client(place, kind, mine))
                served.update(upload.id for upload in mine)
        if plain and free:
            idle = [upload for upload in free if upload.id not in served]
            clients, served = _served_too(clients, kinds, plain, idle, served)
        return tuple(clients), served

    def _some(self, place: int, kind: str, free: Sequence[UploadPlan]) -> list[UploadPlan]:
        if not free:
            return []
        if WORKLOADS[kind].uploads_min > 1 or self._one_in(f"client/{place}/all", 3):
            return list(free)
        return [self._of(f"client/{place}/upload", free)]

    def _client(self, place: int, kind: str, mine: Sequence[UploadPlan]) -> ClientPlan:
        name = f"client/{place}"
        options = drawn_options(
            self._chooser,
            name,
            WORKLOADS[kind].options,
            self._ground,
            self._chunk(mine),
        )
        return ClientPlan(
            name=f"c{place}",
            kind=kind,
            uploads=tuple(upload.id for upload in mine),
            start_ms=self._of(f"{name}/start", (0, 0, 0, 1, 5, 25)),
            options=options,
            modifiers=self._modifiers(place),
        )

    def _modifiers(self, place: int) -> dict[str, int]:
        """None in half of the cases; the wanted ones are the first client's."""
        names = self._forced(WITH) if place == 0 else []
        fitting = self._fitting(WITH)
        count = max(
            0, self._chooser.draw(f"modifiers/{place}", 2 * MODIFIERS_MAX + 1) - MODIFIERS_MAX
        )
        for i in range(count if fitting else 0):
            names.append(self._of(f"modifier/{place}/{i}", fitting))
        return {name: self._of(f"rate/{place}/{name}", RATES) for name in dict.fromkeys(names)}

    def _chunk(self, uploads: Sequence[UploadPlan]) -> int:
        """How long a chunk will be where the storm is run: the simulator makes long ones shorter."""
        longest = max((upload.chunk for upload in uploads), default=1)
        return min(longest, SMALL_BYTES) if self._ground.small and not self.as_they_are else longest

    # -- faults -------------------------------------------------------------------------------------

    def _faults(self, count: int, uploads: Sequence[UploadPlan]) -> tuple[FaultPlan, ...]:
        kinds = self._forced(FAULT)
        wanted = self._forced(WHEN)
        fitting = self._fitting(FAULT)
        if wanted and not kinds:
            kinds = [self._of("fault/wanted", fitting)] if fitting else []
        while len(kinds) < count and fitting:
            kinds.append(self._of(f"fault/{len(kinds)}", fitting))
        return tuple(
            self._fault(place, kind, wanted[0] if wanted and place == 0 else None, uploads)
            for place, kind in enumerate(kinds)
        )

    def _fault(
        self, place: int, kind: str, when: str | None, uploads: Sequence[UploadPlan]
    ) -> FaultPlan:
        name, row = f"fault/{place}", FAULTS[kind]
        aims = [aim for aim in row.aims if aim != "replica-N"]
        whom, replica = self._whom(name, self._of(f"{name}/whom", aims))
        return FaultPlan(
            id=f"{kind}-{place}.0",
            kind=kind,
            whom=whom,
            replica=replica,
            trigger=self._trigger(name, row, when, uploads),
            for_ms=lasting_ms(self._chooser, name, row),
            options=drawn_options(
                self._chooser, name, row.options, self._ground, self._chunk(uploads)
            ),
        )

    def _whom(self, name: str, aim: str) -> tuple[Whom, int | None]:
        if aim in ("any-replica", "acting"):
            drawn = self._chooser.draw(f"{name}/replica", self._replicas)
            return "acting" if aim == "acting" else "replica", drawn
        return ("all" if aim == "all" else "storage" if aim == "storage" else "network"), None

    def _trigger(
        self, name: str, row: Fault, when: str | None, uploads: Sequence[UploadPlan]
    ) -> Trigger:
        if when is None:
            fitting = [
                one.removeprefix(WHEN)
                for one in self._among
                if one.startswith(WHEN) and trigger_kind(one) in row.triggers
            ]
            when = self._of(f"{name}/when", fitting)
        kind = trigger_kind(when)
        nth = 1 + self._chooser.draw(f"{name}/nth", NTH_MAX)
        total = max(1, sum(upload.size for upload in uploads))
        if kind == "step":
            return Trigger(kind="step", step=self._chooser.draw(f"{name}/step", STEPS_MAX))
        if kind == "after_bytes":
            return Trigger(
                kind="after_bytes", after_bytes=self._chooser.draw(f"{name}/bytes", total)
            )
        if kind == "after_requests":
            patches = max(1, sum(-(-upload.size // upload.chunk) for upload in uploads))
            return Trigger(
                kind="after_requests",
                after_requests=self._chooser.draw(f"{name}/requests", min(patches, MANY_BYTES)),
            )
        if kind == "after_ms":
            return Trigger(kind="after_ms", after_ms=self._of(f"{name}/ms", AFTER_MS))
        if kind == "path":
            return Trigger(kind="path", path="**", op=when.removeprefix("call of "), nth=nth)
        return Trigger(kind="phase", phase=when, nth=1 + (nth - 1) % 3)


def _workers(chooser: Chooser, ground: Ground) -> int:
    """How many requests a replica serves at once: in a quarter of the storms one or a few."""
    if not ground.small or chooser.draw("workers", 4) < 3:
        return 0
    return WORKERS[chooser.draw("workers/count", len(WORKERS))]


def _lock_wait_ms(chooser: Chooser, ground: Ground) -> int | None:
    """How long a request waits for a busy upload: in a quarter of the storms hardly at all."""
    if not ground.small or chooser.draw("lock-wait", 4) < 3:
        return None
    return LOCK_WAITS_MS[chooser.draw("lock-wait/ms", len(LOCK_WAITS_MS))]


_IDS: Final = tuple(f"u{'1' * (place + 1)}" for place in range(16))
"""Each is the beginning of the next: whoever looks for files by the beginning of a name finds too many."""


def _creators(kinds: Sequence[str]) -> list[int]:
    return [place for place, kind in enumerate(kinds) if WORKLOADS[kind].creates]


def _served_too(
    clients: list[ClientPlan],
    kinds: Sequence[str],
    plain: Iterable[int],
    idle: Iterable[UploadPlan],
    served: set[str],
) -> tuple[list[ClientPlan], set[str]]:
    """Uploads that nobody was drawn for go to the plain clients in turn."""
    names = [f"c{place}" for place in plain]
    for turn, upload in enumerate(idle):
        chosen = names[turn % len(names)]
        clients = [
            msgspec.structs.replace(one, uploads=(*one.uploads, upload.id))
            if one.name == chosen
            else one
            for one in clients
        ]
        served = served | {upload.id}
    return clients, served


def _truthful(client: ClientPlan) -> ClientPlan:
    modifiers = {name: rate for name, rate in client.modifiers.items() if name != "false"}
    return msgspec.structs.replace(client, modifiers=modifiers)

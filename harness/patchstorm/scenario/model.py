"""What a storm is before a seed has been drawn: the parsed TOML, as frozen structs.

Rules of residence: only data lives here. A :class:`Scenario` is a family of storms; what may differ
between its members is a :class:`Spread`, and ``patchstorm.scenario.plan`` draws one value from each.

Units: sizes and offsets are bytes, durations are milliseconds (names end in ``_ms``).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Scalar = int | str | bool
Policy = Literal["polite", "hostile"]
TriggerKind = Literal["step", "path", "phase", "after_bytes", "after_requests", "after_ms"]


class Spread(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value that the seed decides: one of ``among``, or an integer of ``low`` to ``high``.

    Exactly one of the two forms is filled. The first of ``among``, or ``low``, is the dull choice.
    """

    among: tuple[Scalar, ...] = ()
    low: int | None = None
    high: int | None = None

    @property
    def values(self) -> tuple[Scalar, ...]:
        """Every listed value, or both ends of the range: what bounds have to hold for."""
        if self.low is not None and self.high is not None:
            return (self.low, self.high)
        return self.among


def always(value: Scalar) -> Spread:
    """A spread of one value."""
    return Spread(among=(value,))


EITHER_CLOSING = Spread(among=("client", "sweeper"))


class FleetSpec(msgspec.Struct, frozen=True, kw_only=True):
    """``[fleet]``. Without ``storages`` the world decides.

    Where there are several, the simulator's schedules take them in turn, and other worlds the first.
    ``balancer``: clients reach the replicas only through one that sends requests again. ``creation``: who
    may create uploads: anybody (on), who shows the fleet's secret as a bearer token, or nobody (off).
    ``workers``: how many requests each replica serves at once; 0: any number. ``lock_wait``: for how many
    milliseconds a request waits for a busy upload before it is refused; None: as long as the server likes.
    """

    replicas: Spread = always(3)
    storages: tuple[str, ...] = ()
    balancer: bool = False
    creation: Spread = always("on")
    workers: Spread = always(0)
    lock_wait: Spread | None = None

    @property
    def storage(self) -> str | None:
        """The first."""
        return self.storages[0] if self.storages else None


class UploadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[upload]]`` table: ``count`` uploads of the same shape. ``unnamed``: they ask for no target.

    ``parts``: each is joined from so many partial uploads, ``finals`` times. ``deferred``: it is created
    without a length.
    """

    id: str
    count: Spread = always(1)
    size: Spread
    chunk: Spread
    target: str | None = None
    unnamed: bool = False
    overwrite: bool = False
    expires_ms: Spread | None = None
    parts: Spread | None = None
    finals: Spread = always(1)
    deferred: bool = False


class ClientSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[client]]`` table: ``count`` clients of one workload over some uploads.

    ``uploads`` names ``[[upload]]`` tables; empty means all of them. ``options`` are the workload's own.
    """

    name: str
    kind: str
    count: Spread = always(1)
    uploads: tuple[str, ...] = ()
    start_ms: Spread = always(0)
    options: dict[str, Spread] = {}


class TriggerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """``when``: what has to be seen for a fault to strike; ``nth`` is the sighting that counts."""

    kind: TriggerKind
    number: Spread | None = None  # of step, after_bytes, after_requests, after_ms
    path: Spread | None = None
    op: Spread | None = None
    phase: Spread | None = None
    nth: Spread = always(1)


class FaultSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[fault]]`` table. ``when`` None: the seed chooses a moment of the storm."""

    kind: str
    whom: Spread
    when: TriggerSpec | None = None
    times: Spread = always(1)
    for_ms: Spread | None = None
    options: dict[str, Spread] = {}


class ComposeSpec(msgspec.Struct, frozen=True, kw_only=True):
    """``[compose]``: how many uploads, clients and faults a drawn storm has, where it draws them itself.

    ``round``: so many schedules are drawn by what those before them have met.
    """

    uploads: Spread = Spread(low=1, high=3)
    clients: Spread = Spread(low=1, high=3)
    faults: Spread = Spread(low=0, high=3)
    round: int = 256


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """A whole storm file. ``name`` is the file's stem; ``why`` says what the storm is for.

    ``scale`` False: the simulator takes the sizes as they are. ``worlds``: those it is for; empty: all.
    ``compose``: uploads, clients and faults are
    drawn with the rest, and no table names them.
    """

    name: str
    title: str
    why: str
    requires: tuple[str, ...] = ()
    policy: Policy = "polite"
    closing: Spread = EITHER_CLOSING
    convergence_ms: int = 15_000
    scale: bool = True
    worlds: tuple[str, ...] = ()
    fleet: FleetSpec = FleetSpec()
    uploads: tuple[UploadSpec, ...] = ()
    clients: tuple[ClientSpec, ...] = ()
    faults: tuple[FaultSpec, ...] = ()
    reaches: tuple[str, ...] = ()
    compose: ComposeSpec | None = None

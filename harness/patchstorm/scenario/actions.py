"""How a workload speaks: generators that yield actions and are sent results.

A workload is pure. It knows no socket, no clock and no thread; it yields what a client should do
next and receives what came of it. The same generator is driven by real sockets in the live worlds
and by the scheduler in the simulator, so a storm is written once.

    def sequential(ctx: Context) -> Workload:
        created = yield Send(request=Request(kind="create", upload=upload.id))
        ...

``Together`` runs several workloads at once and returns when all have ended; its results are the
generators' return values, in order.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Literal

import msgspec

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.history.model import Completion


class Send(msgspec.Struct, frozen=True, kw_only=True):
    """Send one request and wait for its end. The result is an :class:`Answer`.

    ``replay_of`` is the operation this one repeats, where the workload has its answer already.
    Deliveries that are under way together cannot know each other's index: they share a name,
    ``delivery``, and the driver gives every one but the first ``replay_of`` the first one's index
    (:class:`patchstorm.scenario.machine.Machine` does it). ``faults`` are the kinds of the network
    faults that made the mischief; the driver writes an event for each.
    """

    request: Request
    mischief: Mischief = Mischief()
    replay_of: int | None = None
    delivery: str | None = None
    faults: tuple[str, ...] = ()


class Sleep(msgspec.Struct, frozen=True, kw_only=True):
    """Let time pass. The result is None."""

    ms: int


class Mint(msgspec.Struct, frozen=True, kw_only=True):
    """Give an upload the URL that a manager mints for it; no request is sent. The result is None."""

    upload: str


class Together(msgspec.Struct, frozen=True, kw_only=True):
    """Run these workloads at once. The result is the list of their return values, in order.

    ``names`` call the workloads by client (else the parent's name and a number are used).
    """

    workloads: tuple[Generator[Any, Any, Any], ...]
    names: tuple[str, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a :class:`Send`: the operation's index and its completion.

    ``sent`` are the headers of a probe as they went out.
    """

    op: int
    end: Completion
    sent: tuple[tuple[str, str], ...] = ()

    @property
    def ok(self) -> bool:
        return self.end.outcome == "ok"

    @property
    def status(self) -> int | None:
        return self.end.status


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Start a client that is a program of its own, to upload the bytes of ``upload``. The result is None.

    ``program`` is a name of a row in :mod:`patchstorm.scenario.programs`, ``command`` what is run instead
    where it is not empty. ``chunk`` is how many bytes it shall send in a request, 0: as it does by itself. It
    may run for ``within_ms``. One client has one program at a time.
    """

    program: str
    command: str
    upload: str
    chunk: int
    within_ms: int


class Take(msgspec.Struct, frozen=True, kw_only=True):
    """Wait for the program's next request. The result is an :class:`Asked`, or None: it has ended."""


class Give(msgspec.Struct, frozen=True, kw_only=True):
    """Answer the request that was taken last with ``answer``, or, where that is none, break its connection.

    ``upload`` is the one that it was about. The result is None.
    """

    answer: Answer
    upload: str


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Kill the program, for the reason given. The result is None."""

    why: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a program asked for: a request without a replica, and of its body as much as came.

    The upload is that of its URL, and nobody's where it has none: of a creation and a discovery.
    """

    request: Request
    came: int


Action = Send | Sleep | Mint | Together | Start | Take | Give | Stop
Workload = Generator[Action, Any, Any]
Closing = Literal["client", "sweeper"]

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

from patchstorm.dialect.tus.conformance.model import Step
from patchstorm.history.model import Checksum, Completion, Kind


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A request of a conformance case, header by header (:class:`patchstorm.dialect.tus.conformance.Step`).

    ``max_size`` fills ``{max+1}``; the other placeholders are filled by whoever knows the URLs.
    """

    case: str
    step: int
    attempt: int
    what: Step
    strict: bool = False
    chapter: str = "all"
    max_size: int = 0


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request in the harness's own terms; the target's wire module turns it into HTTP.

    ``replica`` is an index, or None for the balancer's choice. ``algorithm`` is used when
    ``checksum`` is not "none". ``whole`` asks a POST to carry the body (creation-with-upload).
    ``probe`` is filled for the kind PROBE, and then only ``replica`` and ``length`` count besides.
    """

    kind: Kind
    upload: str
    offset: int = 0
    length: int = 0
    content: int = 0
    checksum: Checksum = "none"
    algorithm: str = "sha256"
    replica: int | None = None
    whole: bool = False
    probe: Probe | None = None


class Mischief(msgspec.Struct, frozen=True, kw_only=True):
    """What the network does to one delivery. The defaults are a good network.

    ``cut_after``: body bytes after which the connection breaks. ``stall_after``/``stall_ms``: a pause
    inside the body. ``drop_response``: the request is delivered whole and the answer is thrown away.
    ``lose_request``: the connection breaks before a byte is sent. ``abandon_ms``: the client gives up
    waiting after this long. ``chunked``: no Content-Length, Transfer-Encoding: chunked.
    """

    cut_after: int | None = None
    stall_after: int | None = None
    stall_ms: int = 0
    drop_response: bool = False
    lose_request: bool = False
    abandon_ms: int | None = None
    chunked: bool = False


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


Action = Send | Sleep | Mint | Together
Workload = Generator[Action, Any, Any]
Closing = Literal["client", "sweeper"]

"""What a protocol brings, so that a storm can be spoken in it and judged.

A dialect is a value: its words, its codec, the capabilities a target may declare, the rules that answers are
held to, the refusals that it grants, and, if it has them, conformance cases and minted URLs. Nothing of it
keeps state or touches anything real.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from patchstorm.case.case import Case, UploadCase
from patchstorm.dialect.cases.suite import Suite
from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.ground import Ground
from patchstorm.dialect.operations import Probe, Request
from patchstorm.dialect.probed import Checked
from patchstorm.dialect.wire import Wire
from patchstorm.dialect.words import Words
from patchstorm.history.events import Event
from patchstorm.history.model import Completion, Operation, ProbeSent, UploadInfo
from patchstorm.history.no_answer import NoAnswer
from patchstorm.history.ranges import Span

Blocks = Callable[[], Iterable[bytes | bytearray | memoryview]]


class Codec(Protocol):
    """A request in the harness's own terms to what goes over the wire, and an answer back."""

    def encode(
        self,
        wire: Wire,
        request: Request,
        upload: UploadInfo,
        url: str | None,
        blocks: Blocks | None = None,
    ) -> Head:
        """The head of ``request``; ``url`` is what the creation gave out (a path with its query).

        ``blocks`` yields the body, for a head that depends on it. Raises ValueError where a URL is needed and
        there is none.
        """
        ...

    def decode(
        self,
        wire: Wire,
        op: int,
        time_ns: int,
        request: Request,
        reply: Reply | None,
        *,
        sent: int,
        error: NoAnswer | None = None,
    ) -> Completion:
        """What the history records of an answer, or of its absence (``error`` says why)."""
        ...

    def created_url(self, wire: Wire, reply: Reply) -> str | None:
        """The upload's URL from a creation's answer, as a path with its query; None if it has none."""
        ...

    def upload_id(self, wire: Wire, url: str) -> str:
        """The server's own name for an upload."""
        ...

    def fetch(self, wire: Wire, url: str) -> Head:
        """The request for the assembled bytes, where they are had over the wire."""
        ...


class Prober(Protocol):
    """The requests of a storm's conformance cases: placeholders filled in, URLs remembered."""

    @property
    def used(self) -> bool:
        """Whether anything was created: nobody knows what these uploads leave behind."""
        ...

    def head(self, probe: Probe) -> Head | None:
        """The head to send; None where it needs a URL that no creation gave out."""
        ...

    def sent(self, probe: Probe, head: Head | None) -> ProbeSent:
        """What the history records of it."""
        ...

    def learn(self, probe: Probe, reply: Reply | None) -> None:
        """Remember the URL of what this request created."""
        ...

    @property
    def made(self) -> tuple[str, ...]:
        """The URLs of all that was created."""
        ...

    def contents(
        self,
        published: str | None,
        read: Callable[[str], tuple[int, bytes] | None],
        now: Callable[[], int],
    ) -> Iterator[Event]:
        """An event for every resource: how it begins.

        ``read`` is asked for the file that the pattern ``published`` names; without one, for the URL.
        """
        ...


class Heard(NamedTuple):
    """What the head of a request asks for that a client of somebody else's made.

    ``request`` is about no upload yet, and has no length: whose URL it went to is not the protocol's
    business, nor how much of its body came. Of a creation, ``size`` is what the upload will have in bytes
    (None: it does not say) and ``part`` whether it is to be a part of another.
    """

    request: Request
    size: int | None
    part: bool


class Minting(Protocol):
    """URLs of uploads that nobody created."""

    def upload(self, upload: UploadInfo) -> str:
        """The URL of an upload of a plan, in the form in which a creation gives one out."""
        ...


class HeaderComplaint(str):
    """A complaint about a header beside the answer's status, offset and bytes, none of which is in question.

    Servers send their headers alike in every answer, so one mistake shows in every storm; whoever reads a
    verdict wants to know that nothing else was wrong.
    """

    __slots__ = ()


class Broken(NamedTuple):
    """A rule about a whole upload that an operation broke: what is said of it, and which bytes and others."""

    op: int
    says: str
    remark: str
    spans: tuple[Span, ...] = ()
    operations: tuple[int, ...] = ()


Judge = Callable[[Case, UploadCase | None, Operation, Completion], str | None]
"""What is wrong with one answer; None where nothing is, or where the rule does not speak of it."""
NamedRule = tuple[str, Judge]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What answers are held to: those of one kind of operation, those of any other, those of an upload."""

    of_kind: Mapping[str, tuple[NamedRule, ...]] = field(default_factory=dict)
    of_all: tuple[NamedRule, ...] = ()
    of_upload: Callable[[Case, UploadCase], Iterator[Broken]] = lambda case, upload: iter(())


Excuse = Callable[[Case, Operation, Completion, int], bool]
"""Whether the history explains that an operation was refused with this status."""


def _never(case: Case, operation: Operation, end: Completion, status: int) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One protocol.

    ``capabilities`` are words that a target may declare, with what each promises; ``announced`` is what an
    answer to discovery says of extensions, in a phrase. ``suite`` are its conformance cases, and ``prober``
    is who asks them: a dialect has both or neither. ``prober`` and ``minter`` make what one storm needs of
    them: from the wire, the fleet's secret, what its clocks show in unix seconds, and a name that no user's
    file may have; None where the protocol has no such thing. ``showing`` is the wire of clients that show the
    secret with every request. ``probed`` finds out what a server does. ``heard`` says what a
    request's method and headers ask for: None where the protocol has no such method, ValueError where they
    are wrong. Without it no clients of others can be had.
    """

    name: str
    words: Words
    codec: Codec
    capabilities: Mapping[str, str] = field(default_factory=dict)
    announced: Callable[[Reply], str] = lambda reply: "no extensions"
    rules: Rules = Rules()
    excuses: Excuse = _never
    minter: Callable[[Wire, bytes, Callable[[], int]], Minting] | None = None
    suite: Suite | None = None
    prober: Callable[[Wire, Minting | None, Iterable[str]], Prober] | None = None
    showing: Callable[[Wire, bytes], Wire] | None = None
    probed: Callable[[Ground], Awaitable[Checked]] | None = None
    heard: Callable[[str, Sequence[tuple[str, str]]], Heard | None] | None = None

"""What happened in one run, as frozen records: the contract between worlds and checkers.

Rules of residence: only plain data lives here. A record says what was sent, what came back and
when, on one monotonic clock of the clients' side; it never says what it means. Judgement lives in
``patchstorm.check``, which sees these records and nothing else. ``docs/history.md`` is the same
contract for recorders written by somebody else.

Units: times are nanoseconds, sizes and offsets are bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from patchstorm.history.events import Event
from patchstorm.history.line import Line
from patchstorm.history.no_answer import NoAnswer

FORMAT = "patchstorm-history"
VERSION = 2

Kind = Literal[
    "discover", "create", "query", "append", "status", "complete", "terminate", "concatenate", "probe",
]  # fmt: skip
"""What a client wants, in no protocol's words: what can a server do; begin an upload; how far is it; take
these bytes; what is missing; that was all; throw it away; join these; a request of a conformance case."""
Outcome = Literal["ok", "fail", "info"]
Checksum = Literal["none", "right", "wrong", "malformed", "unknown-algorithm"]


class UploadInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An upload as the plan declared it. ``id`` is the harness's name for it, not the server's.

    ``unnamed``: its creation asks for no name, and nobody but the harness hears of ``target``.
    ``partial``: it is made to be joined with others; ``parts`` are those that it is joined from, in order.
    ``deferred``: it is created without a length, and ``size`` is what an honest client declares later.
    """

    id: str
    size: int
    target: str  # the published name asked for, relative to the target's root
    unnamed: bool = False
    overwrite: bool = False
    expires_ms: int | None = None
    partial: bool = False
    parts: tuple[str, ...] = ()
    deferred: bool = False


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Headers in which a server tells, beside its protocol, how much of an upload is stored.

    ``chunks`` and ``percent`` are names of headers; None: it has none. ``reading`` says what they count:
    ``all`` stored bytes, or only the contiguous ``prefix``. Both are legal; the one that is named is held.
    """

    chunks: str | None = None
    percent: str | None = None
    reading: Literal["all", "prefix"] = "all"


class DocumentFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the fields of a server's status document are called.

    ``gap_offset`` and ``gap_length`` are those of an entry of ``missing``. ``reading`` says what its
    percentage counts: ``all`` stored bytes, the contiguous ``prefix``, or ``either``, where nobody has said.
    """

    total: str = "total_size"
    committed: str = "committed_offset"
    chunks: str = "chunks_received"
    missing: str = "missing_ranges"
    gap_offset: str = "offset"
    gap_length: str = "length"
    percent: str = "progress_percent"
    state: str = "status"
    reading: Literal["all", "prefix", "either"] = "either"


class Header(Line, frozen=True, kw_only=True, tag="header", omit_defaults=False):
    """The first line, with every field written out: a reader tells by it what it reads."""

    format: str = FORMAT
    version: int = VERSION
    scenario: str
    seed: int
    world: str
    storage: str
    target: str
    capabilities: tuple[str, ...]
    reading: Literal["offset-addressed", "sequential"]
    replicas: int
    clock: Literal["monotonic", "virtual"]
    uploads: tuple[UploadInfo, ...]
    dialect: str = "tus"  # in which protocol the operations were spoken
    progress: Progress | None = None
    document: DocumentFields = DocumentFields()
    policy: Literal["polite", "hostile"] = "polite"
    leftovers: tuple[str, ...] = ()  # glob patterns, relative to the root, of what may stay
    convergence_ms: int = 15_000  # bound after healing
    closing: Literal["client", "sweeper"] = "client"
    epoch_ns: int | None = None  # what the fleet's clocks show, as unix time, when this one shows 0


class ProbeSent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request of a conformance case, as it went out.

    ``case`` and ``step`` say which; ``attempt`` counts the case's repetitions, each with resources of its
    own. ``to`` is the case's name for the resource, empty for the creation URL, with ``?`` before it
    for a URL that is nobody's. ``body`` is Latin-1 text. ``strict``: shoulds are held against the target.
    ``chapter`` is what was asked for, so that a checker can tell what was left out.
    """

    case: str
    step: int
    attempt: int = 0
    method: str
    to: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str | None = None
    framing: str = "length"
    strict: bool = False
    chapter: str = "all"


class RequestHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request line and its headers as they went out, whatever the dialect."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()


class Invocation(Line, frozen=True, kw_only=True, tag="invoke"):
    """A request whose first byte is about to be handed to a socket.

    ``length`` is the length of the body that the request announces; what was really handed over is
    ``Completion.sent``. ``content`` names which of the contents (0 is the honest one) the body
    carries. ``replay_of`` is the operation that this one repeats byte for byte. ``phase`` is
    ``storm`` before healing, ``heal`` after. ``request`` is the raw request, where it was noted.
    ``declares`` is the length that the request gives an upload that was created without one.
    ``probe`` is filled for the kind probe, whose requests
    concern no upload of the header; only the checker ``conformance`` judges them.
    """

    op: int
    time_ns: int
    client: str
    kind: Kind
    upload: str | None = None
    replica: int | None = None
    offset: int | None = None
    length: int | None = None
    content: int = 0
    checksum: Checksum = "none"
    cut: bool = False  # the client itself ends the body early
    replay_of: int | None = None
    phase: Literal["storm", "heal"] = "storm"
    request: RequestHead | None = None
    probe: ProbeSent | None = None
    declares: int | None = None


class StatusDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of ``GET .../status``, as far as it is judged; gaps are (offset, length)."""

    total_size: int
    committed_offset: int
    chunks_received: tuple[int, ...]
    missing_ranges: tuple[tuple[int, int], ...]
    progress_percent: float
    status: str


class Completion(Line, frozen=True, kw_only=True, tag="complete"):
    """How an operation ended. No ``status`` means no answer, never "not applied".

    ``sent`` counts the body bytes handed to the socket by then. ``headers`` are the answer's, names
    in lower case. ``malformed`` says why a document could not be read.
    """

    op: int
    time_ns: int
    outcome: Outcome
    status: int | None = None
    offset: int | None = None  # how far the upload is, as the answer says
    upload_length: int | None = None  # how long it will be, as the answer says
    expires_s: int | None = None  # until when it is kept, as the answer says, in unix time
    sent: int = 0
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    document: StatusDocument | None = None
    malformed: str | None = None
    error: NoAnswer | None = None  # why there was no answer


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A maximal range of the published file that reads alike.

    ``content`` is the content standing there; None: zero bytes (``zero``) or bytes of no payload.
    ``source_offset`` is where these bytes belonged; equal to ``offset`` when they stand right.
    ``upload`` is set when they belong to another upload.
    """

    offset: int
    length: int
    content: int | None = None
    source_offset: int | None = None
    zero: bool = False
    upload: str | None = None


class Final(Line, frozen=True, kw_only=True, tag="final"):
    """The published name of one upload after convergence.

    ``mode``: its permissions (chmod(2)); None: nobody looked, or it was fetched.
    """

    upload: str
    present: bool
    size: int | None = None
    runs: tuple[Run, ...] = ()
    mode: int | None = None


class Residue(Line, frozen=True, kw_only=True, tag="residue"):
    """What lies on the storage after convergence and one sweep, paths relative to the root.

    ``paths`` leaves the published targets out; ``swept`` says that a sweep is known to have ended.
    ``forgotten`` is what was left when the time of every upload was over; None: nobody waited for that.
    """

    paths: tuple[str, ...]
    swept: bool
    forgotten: tuple[str, ...] | None = None


Record = Header | Invocation | Completion | Event | Final | Residue


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An invocation with its completion; ``end`` is None when the run ended first (so: info)."""

    call: Invocation
    end: Completion | None

    @property
    def op(self) -> int:
        return self.call.op

    @property
    def outcome(self) -> Outcome:
        return "info" if self.end is None else self.end.outcome


class History(msgspec.Struct, frozen=True, kw_only=True):
    """One whole run. ``operations`` is indexed by ``op``; ``events`` are in time order."""

    header: Header
    operations: tuple[Operation, ...]
    events: tuple[Event, ...]
    finals: dict[str, Final]
    residue: Residue | None = None

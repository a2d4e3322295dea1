"""A correct server in memory, and a driver with virtual time: enough to run any workload.

The server knows both readings. Bytes are kept as one code per position (the content's number, or
``HOLE``), so that a test can ask who owns which byte. The driver gives every request a latency that
depends on its number alone, so that requests overlap and every run is the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from patchstorm.dialect.operations import Request
from patchstorm.history.events import Event, ProgramEnd
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Invocation,
    Operation,
    ProbeSent,
    StatusDocument,
)
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.actions import (
    Answer,
    Asked,
    Give,
    Mint,
    Send,
    Sleep,
    Start,
    Take,
    Workload,
)
from patchstorm.scenario.machine import Machine, OfPrograms, Step
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.storm import closing, opening, storm
from patchstorm.scenario.strikes import struck

from .fake_program import FakeProgram

HOLE = 255
MS = 1_000_000
EVERYTHING = (
    "creation", "creation-with-upload", "expiration", "checksum-sha1", "checksum-sha256",
    "termination", "status", "head-after-finish", "publishes-atomically", "completes-unattended",
    "survives-power-loss", "minted-urls",
)  # fmt: skip
OFFSET_ADDRESSED = ("offset-addressed", *EVERYTHING)
SEQUENTIAL = ("sequential", "keeps-partial-body", *EVERYTHING)


@dataclass(slots=True)
class Stored:
    size: int
    target: str
    overwrite: bool
    expires_ns: float
    codes: bytearray
    terminated: bool = False
    published: bool = False
    open: bool = False  # nobody has declared a length

    @property
    def prefix(self) -> int:
        hole = self.codes.find(HOLE)
        return self.size if hole < 0 else hole

    @property
    def offset(self) -> int:
        """What may be announced: the end only once it is published, or while nobody knows that it is one."""
        if self.open:
            return self.prefix
        return self.prefix if self.published or self.prefix < self.size else max(0, self.size - 1)


@dataclass(slots=True)
class Reply:
    status: int
    offset: int | None = None
    document: StatusDocument | None = None
    length: int | None = None


@dataclass(slots=True)
class FakeServer:
    """Answers requests of a plan, atomically and correctly."""

    plan: Plan
    uploads: dict[str, Stored] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    busy: int = 0  # so many requests are answered with 423 first

    def serve(self, request: Request, body: int, now_ns: int, *, whole: bool) -> Reply:
        """``body`` bytes have arrived; ``whole``: and that was all of them."""
        if self.busy and request.kind in ("append", "query"):
            self.busy -= 1
            return Reply(423)
        if request.kind == "create":
            refused = request.checksum == "wrong"
            return Reply(460) if refused else self.create(request, body, now_ns)
        stored = self.uploads[request.upload]
        if stored.terminated or (now_ns > stored.expires_ns and not stored.published):
            return Reply(410)
        if request.kind == "terminate":
            stored.terminated = True
            return Reply(204)
        if request.kind == "append":
            return self._patch(request, stored, body, whole)
        self._publish(request.upload, stored)
        if request.kind == "status":
            return Reply(200, document=_document(stored))
        length = None if stored.open else stored.size
        return Reply(200, offset=stored.offset, length=length)

    def create(self, request: Request, body: int, now_ns: int) -> Reply:
        info = next(upload.info for upload in self.plan.uploads if upload.id == request.upload)
        expires = float("inf") if info.expires_ms is None else now_ns + info.expires_ms * MS
        stored = Stored(
            info.size, info.target, info.overwrite, expires, bytearray([HOLE]) * info.size,
            open=info.deferred,
        )  # fmt: skip
        if info.parts:
            parts = [self.uploads.get(part) for part in info.parts]
            if not all(
                part is not None and part.published and not part.terminated for part in parts
            ):
                return Reply(409)
            stored.codes = bytearray(info.size)
        self.uploads[request.upload] = stored
        stored.codes[:body] = bytes(body)
        self._publish(request.upload, stored)
        return Reply(201, offset=stored.offset)

    def _patch(self, request: Request, stored: Stored, body: int, whole: bool) -> Reply:
        if request.checksum in ("malformed", "unknown-algorithm"):
            return Reply(400)
        if request.offset + request.length > stored.size:
            return Reply(413)
        sequential = self.plan.reading == "sequential"
        if sequential and request.offset != stored.prefix:
            return Reply(409)
        if request.checksum == "wrong":
            return Reply(460)
        if not whole and not (sequential and "keeps-partial-body" in self.plan.capabilities):
            return Reply(400)
        if request.declares is not None and not self._declared(request, stored):
            return Reply(400)
        there = stored.codes[request.offset : request.offset + body]
        if there.strip(bytes([HOLE, request.content])):
            return Reply(409)
        stored.codes[request.offset : request.offset + body] = bytes([request.content]) * body
        if not self._publish(request.upload, stored):
            return Reply(409)
        return Reply(204, offset=stored.offset)

    def _declared(self, request: Request, stored: Stored) -> bool:
        """Whether the length is one that the upload can have; then it has it."""
        length = request.declares or 0
        if not stored.open:
            return length == stored.size
        if length < max(stored.prefix, request.offset + request.length):
            return False
        stored.codes = stored.codes[:length].ljust(length, bytes([HOLE]))
        stored.size, stored.open = length, False
        return True

    def _publish(self, ident: str, stored: Stored) -> bool:
        """False for a lost rivalry."""
        if stored.published or stored.open or HOLE in stored.codes:
            return True
        if not stored.overwrite and self.names.get(stored.target, ident) != ident:
            return False
        self.names[stored.target] = ident
        stored.published = True
        return True


def _document(stored: Stored) -> StatusDocument:
    gaps, at = [], 0
    while (begin := stored.codes.find(HOLE, at)) >= 0:
        rest = stored.codes[begin:]
        at = begin + len(rest) - len(rest.lstrip(bytes([HOLE])))
        gaps.append((begin, at - begin))
    return StatusDocument(
        total_size=stored.size,
        committed_offset=stored.offset,
        chunks_received=(),
        missing_ranges=tuple(gaps),
        progress_percent=0.0,
        status="published" if stored.published else "uploading",
    )


@dataclass(slots=True)
class Driver:
    """Runs workloads against the server and keeps the history."""

    plan: Plan
    server: FakeServer = field(init=False)
    now_ns: int = 0
    operations: list[Operation] = field(default_factory=list)
    sends: list[Send] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    slept_ms: int = 0
    programs: dict[str, FakeProgram] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    _queue: list[tuple[int, int, Step, Any]] = field(default_factory=list)
    _order: int = 0

    def __post_init__(self) -> None:
        self.server = FakeServer(self.plan)

    def drive(self, workload: Workload) -> Any:
        machine = Machine(workload, first_op=len(self.operations))
        self._begin(machine.start())
        while self._queue:
            self.now_ns, _, step, serve = heapq.heappop(self._queue)
            result = None if serve is None else serve()
            self._begin(machine.resume(step.task, result))
        assert machine.done
        return machine.result

    def whole_run(self) -> History:
        failed = self.drive(opening(self.plan))
        assert failed == ()
        self.drive(storm(self.plan))
        self.drive(closing(self.plan))
        return self.history()

    def history(self) -> History:
        plan = self.plan
        header = Header(
            scenario=plan.scenario, seed=plan.seed, world="fake", storage="memory", target="fake",
            capabilities=plan.capabilities, reading=plan.reading, replicas=plan.replicas,
            clock="virtual", uploads=tuple(upload.info for upload in plan.uploads),
        )  # fmt: skip
        finals = {
            ident: Final(upload=ident, present=stored.published)
            for ident, stored in self.server.uploads.items()
        }
        return History(
            header=header,
            operations=tuple(self.operations),
            events=tuple(self.events),
            finals=finals,
        )

    def _begin(self, steps: list[Step]) -> None:
        for step in steps:
            self._order += 1
            if isinstance(step.action, Sleep):
                self.slept_ms += step.action.ms
                entry = (self.now_ns + step.action.ms * MS, self._order, step, None)
            elif isinstance(step.action, Mint):
                minted = Request(kind="create", upload=step.action.upload)
                self.server.create(minted, 0, self.now_ns)
                entry = (self.now_ns, self._order, step, None)
            elif isinstance(step.action, Send):
                entry = self._sent(step, step.action)
            else:
                entry = (self.now_ns, self._order, step, self._of_program(step.client, step.action))
            heapq.heappush(self._queue, entry)

    def _of_program(self, client: str, action: OfPrograms) -> Callable[[], Any] | None:
        """What a client's program does; what comes of it, where that is anything."""
        if isinstance(action, Start):
            size = self.plan.uploads[0].size
            self.programs[client] = FakeProgram(size, action.chunk or size)
        elif isinstance(action, Take):
            return lambda: self._taken(client)
        elif isinstance(action, Give):
            self.programs[client].give(action)
        else:
            self.programs[client].stop()
            self.stopped.append(action.why)
        return None

    def _taken(self, client: str) -> Asked | None:
        program = self.programs[client]
        asked = program.take()
        if asked is None:
            code = 0 if program.done else 1
            self.events.append(
                ProgramEnd(time_ns=self.now_ns, client=client, program="fake", code=code)
            )
        return asked

    def _sent(self, step: Step, send: Send) -> tuple[int, int, Step, Any]:
        assert step.op == len(self.operations)
        request, mischief = send.request, send.mischief
        call = Invocation(
            op=step.op, time_ns=self.now_ns, client=step.client, kind=request.kind,
            upload=request.upload or None, replica=request.replica, offset=request.offset,
            length=request.length, content=request.content, checksum=request.checksum,
            cut=mischief.cut_after is not None, replay_of=step.replay_of, probe=_probe(request),
            declares=request.declares,
        )  # fmt: skip
        self.operations.append(Operation(call=call, end=None))
        self.sends.append(send)
        for fault in send.faults:
            self.events.append(struck(fault, time_ns=self.now_ns))
        latency = (2 + step.op * 7 % 5) * MS + mischief.stall_ms * MS
        return self.now_ns + latency, self._order, step, lambda: self._answer(call, send)

    def _answer(self, call: Invocation, send: Send) -> Answer:
        request, mischief = send.request, send.mischief
        body = request.length if request.kind in ("append", "create") else 0
        cut = mischief.cut_after is not None and mischief.cut_after < body
        if cut:
            assert mischief.cut_after is not None
            body = mischief.cut_after
        reply, error = None, NoAnswer.RESET
        if request.probe is not None:
            reply = Reply(
                404
            )  # probes concern no upload of the plan, and this server knows no others
        elif request.kind != "create" and request.upload not in self.server.uploads:
            error = NoAnswer.NO_URL
        elif not mischief.lose_request:
            reply = self.server.serve(request, body, self.now_ns, whole=not cut)
        if cut or mischief.drop_response:
            reply = None
        end = _completion(call, reply, 0 if mischief.lose_request else body, self.now_ns, error)
        self.operations[call.op] = Operation(call=call, end=end)
        return Answer(op=call.op, end=end)


def _probe(request: Request) -> ProbeSent | None:
    probe = request.probe
    if probe is None:
        return None
    return ProbeSent(case=probe.case, step=probe.step, method=probe.what.method)


def _completion(
    call: Invocation, reply: Reply | None, sent: int, now_ns: int, error: NoAnswer
) -> Completion:
    if reply is None:
        return Completion(op=call.op, time_ns=now_ns, outcome="info", sent=sent, error=error)
    return Completion(
        op=call.op,
        time_ns=now_ns,
        outcome="ok" if reply.status < 300 else "fail",
        status=reply.status,
        offset=reply.offset,
        upload_length=reply.length,
        sent=sent,
        document=reply.document,
    )

"""Asks a server in memory all the cases, and judges what it said: no socket, no process, no time."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from patchstorm.case.layout import lay_out
from patchstorm.check.conformance import RULE
from patchstorm.check.model import Judgement
from patchstorm.choice.chooser import TaskChooser, seeded
from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Probe
from patchstorm.dialect.tus.codec import decode
from patchstorm.dialect.tus.conformance import CASES
from patchstorm.dialect.tus.minting import Minter
from patchstorm.dialect.tus.probes import Probes
from patchstorm.dialect.wire import Wire
from patchstorm.history import Recorder
from patchstorm.history.model import Header, UploadInfo
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.actions import Answer, Send, Sleep
from patchstorm.scenario.machine import Machine, Step
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context
from patchstorm.scenario.workloads.conformance import Options, conformance

from .tiny import BASE, Asked, Said

MS = 1_000_000


class Server(Protocol):
    """``now`` is the time of day, in seconds; ``published`` where its files are, as targets' files say it."""

    now: float
    published: str

    def serve(self, asked: Asked) -> Said | None: ...

    def read(self, name: str) -> tuple[int, bytes] | None: ...


SECRET = b"of no one but this test"
SEQUENTIAL = ("sequential", "creation")
WIRE = Wire(path=BASE)


def ask(
    tiny: Server,
    *,
    capabilities: tuple[str, ...] = SEQUENTIAL,
    lifetime: bool = False,
    wire: Wire = WIRE,
    **options: Any,
) -> Judgement:
    """What the checker says of a server that is asked everything."""
    asking = Asking(tiny, capabilities, lifetime=lifetime, wire=wire)
    asking.go(Options(**options))
    return RULE.judge(lay_out(asking.recorder.history()))


def broken(judgement: Judgement) -> set[str]:
    """The rules that findings and remarks accuse, by their names."""
    accused = {finding.summary.partition(":")[0] for finding in judgement.findings}
    for note in judgement.notes:
        level, _, rest = note.partition(": ")
        if level in ("should", "open"):
            accused.add(rest.partition(":")[0])
    return accused


def chapter_of(rule: str) -> str:
    """A chapter in which a rule is expected by name; of what holds for every answer, the core."""
    for case in CASES.values():
        expected = {expect.rule.name for step in case.steps for expect in step.expects}
        if rule in expected | {holds.rule.name for holds in case.holds}:
            return case.chapter
    return "core"


@dataclass(slots=True)
class Asking:
    tiny: Server
    capabilities: tuple[str, ...]
    lifetime: bool = field(kw_only=True)
    wire: Wire = field(kw_only=True)
    recorder: Recorder = field(init=False)
    _probes: Probes = field(init=False)
    _now: int = 0
    _order: int = 0
    _queue: list[tuple[int, int, Step]] = field(default_factory=list)

    def go(self, options: Options) -> None:
        minter = Minter(wire=self.wire, secret=SECRET, now_s=lambda: int(time.time()))
        self._probes = Probes(self.wire, mint=minter, own=".upload/own.bin")
        upload = UploadInfo(id="u", size=1, target="u", expires_ms=1_000 if self.lifetime else None)
        self.recorder = Recorder(
            Header(
                scenario="conformance", seed=1, world="memory", storage="none", target="tiny",
                capabilities=self.capabilities, reading="sequential", replicas=2, clock="virtual",
                uploads=(upload,),
            )
        )  # fmt: skip
        choices = seeded(1, "conformance", 0, "storm")
        ctx = Context(
            client="c", uploads=(UploadPlan(number=0, info=upload, chunk=1),), choices=choices,
            task=TaskChooser(choices, "c"), capabilities=frozenset(self.capabilities),
            reading="sequential", replicas=2,
        )  # fmt: skip
        machine = Machine(conformance(ctx, options))
        self._begin(machine.start())
        while self._queue:
            due, _, step = heapq.heappop(self._queue)
            self._advance(due)
            send = step.action
            result = self._sent(step, send) if isinstance(send, Send) else None
            self._begin(machine.resume(step.task, result))
        assert machine.done
        for event in self._probes.contents(self.tiny.published, self.tiny.read, self._tick):
            self.recorder.add(event)

    def _advance(self, due: int) -> None:
        self._now = max(self._now, due)
        self.tiny.now = 1_700_000_000 + self._now / 1e9

    def _begin(self, steps: list[Step]) -> None:
        for step in steps:
            self._order += 1
            wait = step.action.ms * MS if isinstance(step.action, Sleep) else MS
            heapq.heappush(self._queue, (self._now + wait, self._order, step))

    def _sent(self, step: Step, send: Send) -> Answer:
        probe, op = send.request.probe, step.op
        assert op is not None
        head = None if probe is None else self._probes.head(probe)
        self.recorder.invoke(
            time_ns=self._tick(), client=step.client, kind=send.request.kind,
            upload=None if probe else send.request.upload, replica=send.request.replica,
            probe=None if probe is None else self._probes.sent(probe, head),
        )  # fmt: skip
        said, error = self._answer(probe, head)
        reply = None if said is None else Reply(status=said.status, headers=said.headers)
        end = decode(self.wire, op, self._tick(), send.request, reply, sent=0, error=error)
        self.recorder.add(end)
        if probe is not None:
            self._probes.learn(probe, reply)
        return Answer(op=op, end=end, sent=() if head is None else head.headers)

    def _answer(
        self, probe: Probe | None, head: Head | None
    ) -> tuple[Said | None, NoAnswer | None]:
        if probe is None:
            return Said(status=403), None  # the plan's own upload is nobody's business here
        if head is None:
            return None, NoAnswer.NO_URL
        said = self.tiny.serve(request(probe, head))
        return said, None if said is not None else NoAnswer.CLOSED

    def _tick(self) -> int:
        self._now += 1_000
        return self._now


def request(probe: Probe, head: Head) -> Asked:
    """The request as an HTTP library would hand it over."""
    step = probe.what
    fields = head.framed(chunked=step.framing == "chunked")
    headers: dict[str, list[str]] = {}
    for name, value in fields:
        headers.setdefault(name.lower(), []).append(value)
    body, chunked = step.body or b"", "transfer-encoding" in headers
    if step.framing == "raw" and chunked:
        body, trailers = dechunked(body)
        headers |= trailers
    if step.cut is not None:
        body = body[: step.cut]
    return Asked(
        method=step.method, path=head.path, headers=headers, body=body, whole=step.cut is None,
        lengths=tuple(headers.get("content-length", ())), chunked=chunked,
    )  # fmt: skip


def dechunked(raw: bytes) -> tuple[bytes, dict[str, list[str]]]:
    """A body in the chunked coding, and its trailer (RFC 9112, 7.1)."""
    body = b""
    while True:
        line, _, raw = raw.partition(b"\r\n")
        size = int(line.partition(b";")[0], 16)
        if not size:
            break
        body, raw = body + raw[:size], raw[size + 2 :]
    trailers: dict[str, list[str]] = {}
    for line in raw.split(b"\r\n"):
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            trailers[name.lower()] = [value.strip()]
    return body, trailers

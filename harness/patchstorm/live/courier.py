"""Carries out a workload's sends over real sockets and writes down what came of each.

The courier knows what clients know: the URL that a creation gave out, which replicas a balancer
would offer. Everything it decides for itself (which replica takes a request that names none, how a
broken connection ends) comes from a generator seeded by the plan.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from patchstorm.errors import NondeterminismError
from patchstorm.history import Recorder
from patchstorm.history.model import Completion, ProbeSent
from patchstorm.history.ranges import Ranges
from patchstorm.live.aftermath import Aftermath
from patchstorm.live.fleet import Fleet
from patchstorm.live.host import HERE, Host
from patchstorm.live.http import Blocks, Client, Delivery, Ending
from patchstorm.live.network import Network
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Answer, Mint, Probe, Request, Send, Sleep
from patchstorm.scenario.machine import Machine, Step
from patchstorm.scenario.plan import Plan, UploadPlan
from patchstorm.target.minting import Minter
from patchstorm.target.model import Target
from patchstorm.target.probing import Probes, own_name, sent
from patchstorm.target.wire import Head, completion, created_url, head_for

STREAM_BYTES = 1 << 20
REFUSAL_BYTES = 600
FETCH_BYTES_MORE = 1 << 20
NO_URL = "no-url"
Phase = Literal["storm", "heal"]
Hook = Callable[[int], None]


class Courier:
    """One storm's clients, seen from the network.

    ``on_patch`` is called with 1 for each PATCH begun, ``on_bytes`` with body bytes as they are
    handed over, ``on_url`` with an upload's id once its URL is known, ``on_full`` with it once an answer
    has announced its full length.
    """

    def __init__(self, plan: Plan, target: Target, fleet: Fleet, recorder: Recorder) -> None:
        self.urls: dict[str, str] = {}
        self.acknowledged = {upload.id: Ranges() for upload in plan.uploads}
        self.ended: set[str] = set()  # uploads that a DELETE may have ended
        self.network = Network()
        self.on_patch: Hook = _ignore
        self.on_bytes: Hook = _ignore
        self.on_url: Callable[[str], None] = _forget
        self.on_full: Callable[[str], None] = _forget
        self._full: set[str] = set()  # uploads of which an answer gave the full length
        self._wire = target.wire
        self.mint = Minter(wire=target.wire, secret=fleet.secret, now_s=_now_s)
        self.probes = Probes(target.wire, mint=self.mint, own=own_name(target.files.internal))
        self._fleet = fleet
        self._recorder = recorder
        self._uploads = {upload.id: upload for upload in plan.uploads}
        self._client = Client(timeout_ms=target.wire.request_ms)
        self._random = random.Random(f"{plan.scenario}/{plan.seed}/{plan.index}/courier")
        self._phase: Phase = "storm"

    def recall(self, known: Aftermath) -> None:
        """Know what clients knew before a loss of power."""
        for upload, url in known.urls.items():
            self.urls[upload] = url
            self.on_url(upload)
        for upload, ranges in known.acknowledged.items():
            for offset, length in ranges:
                self.acknowledged[upload].add(offset, offset + length)
        self.ended.update(known.ended)

    async def drive(self, machine: Machine, phase: Phase) -> None:
        """Run a whole workload; returns when all of its clients have ended."""
        self._phase = phase
        try:
            async with asyncio.TaskGroup() as group:
                self._begin(machine.start(), machine, group)
        finally:
            machine.close()

    def _begin(self, steps: list[Step], machine: Machine, group: asyncio.TaskGroup) -> None:
        for step in steps:
            group.create_task(self._carry_out(step, machine, group))

    async def _carry_out(self, step: Step, machine: Machine, group: asyncio.TaskGroup) -> None:
        result: Answer | None = None
        if isinstance(step.action, Sleep):
            await asyncio.sleep(step.action.ms / 1_000)
        elif isinstance(step.action, Mint):
            upload = step.action.upload
            self.urls[upload] = self.mint.upload(self._uploads[upload].info)
            self.on_url(upload)
        else:
            result = await self._send(step, step.action)
        self._begin(machine.resume(step.task, result), machine, group)

    async def _send(self, step: Step, send: Send) -> Answer:
        request = send.request
        replica = self._replica(request)
        if request.probe is not None:
            return await self._probe(step, send, request.probe, replica)
        op = self._invoke(step, send, replica)
        url = self.urls.get(request.upload)
        if url is None and request.kind not in ("create", "discover"):
            end = completion(op, time.monotonic_ns(), request, None, sent=0, error=NO_URL)
            self._recorder.add(end)
            return Answer(op=op, end=end)
        delivery = await self._deliver(send, replica, url)
        end = completion(
            op,
            time.monotonic_ns(),
            request,
            delivery.reply,
            sent=delivery.sent,
            error=delivery.error,
        )
        if replica is None:
            end = _doubted(end, request)
        self._recorder.add(end)
        self._note_refusal(op, replica, delivery)
        self._note_faults(send, op, replica, ends=True)
        self._learn(request, delivery, end)
        return Answer(op=op, end=end)

    async def _probe(self, step: Step, send: Send, probe: Probe, replica: int | None) -> Answer:
        """A request of a conformance case: about no upload of the plan, and nobody else's business."""
        head = self.probes.head(probe)
        op = self._invoke(step, send, replica, sent(probe, head))
        if head is None:
            delivery = Delivery(reply=None, sent=0, error=NO_URL)
        else:
            delivery = await self._across(send, replica, head, _whole(probe.what.body))
        end = completion(
            op,
            time.monotonic_ns(),
            send.request,
            delivery.reply,
            sent=delivery.sent,
            error=delivery.error,
        )
        self._recorder.add(end)
        self._note_refusal(op, replica, delivery)
        self.probes.learn(probe, delivery.reply)
        return Answer(op=op, end=end, sent=() if head is None else head.headers)

    def _invoke(
        self, step: Step, send: Send, replica: int | None, probe: ProbeSent | None = None
    ) -> int:
        request, now = send.request, time.monotonic_ns()
        has_body = request.kind == "append" or request.whole
        op = self._recorder.invoke(
            time_ns=now,
            client=step.client,
            kind=request.kind,
            upload=None if request.kind in ("discover", "probe") else request.upload,
            replica=replica,
            offset=request.offset if has_body else None,
            length=request.length if has_body else None,
            content=request.content,
            checksum=request.checksum,
            cut=_cuts(send),
            replay_of=step.replay_of,
            phase=self._phase,
            probe=probe,
        )
        if op != step.op:
            raise NondeterminismError(
                f"operation {step.op} was begun as number {op}: requests left the order of the "
                "plan. This is a fault of the harness; please report it with the plan."
            )
        self._note_faults(send, op, replica, ends=False)
        if request.kind == "append":
            self.on_patch(1)
        return op

    def _note_faults(self, send: Send, op: int, replica: int | None, *, ends: bool) -> None:
        """What the network does to this delivery lasts as long as the delivery."""
        more: dict[str, bool] = {"ends": True} if ends else {}
        for fault in send.faults:
            self._recorder.event(
                "fault", time_ns=time.monotonic_ns(), replica=replica, fault=fault, op=op, **more
            )

    def _note_refusal(self, op: int, replica: int | None, delivery: Delivery) -> None:
        """What a server said when it refused: for the reader of a failure, not for checkers."""
        reply = delivery.reply
        if reply is not None and reply.status >= 400 and reply.body:
            text = reply.body[:REFUSAL_BYTES].decode("utf-8", "replace")
            self._recorder.event(
                "refusal", time_ns=time.monotonic_ns(), replica=replica, op=op, body=text
            )

    async def _deliver(self, send: Send, replica: int | None, url: str | None) -> Delivery:
        request = send.request
        upload = self._uploads[request.upload]
        blocks = _blocks(upload.number, request)
        head = head_for(self._wire, request, upload.info, url, blocks)
        return await self._across(send, replica, head, blocks)

    async def _across(
        self, send: Send, replica: int | None, head: Head, blocks: Blocks
    ) -> Delivery:
        host, address, port = self._place(replica)
        return await self.network.across(
            replica,
            self._client.deliver(
                port,
                head,
                blocks if head.length else None,
                send.mischief
                if self._wire.chunked
                else msgspec.structs.replace(send.mischief, chunked=False),
                ending=self._ending(send.request),
                on_sent=self.on_bytes,
                address=address,
                host=host,
            ),
        )

    def _ending(self, request: Request) -> Ending:
        """How a broken connection ends. A reset may take back what the server had not read yet, and
        what a server keeps of a body is asked of probes, so these end in order."""
        if request.probe is not None:
            return "fin"
        return "reset" if self._random.random() < 0.5 else "fin"

    def _place(self, replica: int | None) -> tuple[Host, str, int]:
        """From where a replica is reached, its address and port; None: those of the balancer."""
        if replica is None:
            assert self._fleet.front is not None
            return HERE, self._fleet.front.address, self._fleet.front.port
        taker = self._fleet.replicas[replica]
        assert taker.port is not None
        return taker.host, taker.address, taker.port

    def _replica(self, request: Request) -> int | None:
        """The replica asked for, or a balancer's choice among those that have not visibly died.

        None where a real balancer chooses, and nobody knows whom.
        """
        if self._fleet.front is not None:
            return None
        replicas = self._fleet.replicas
        if request.replica is not None:
            return request.replica % len(replicas)
        offered = [replica.index for replica in replicas if replica.alive]
        return self._random.choice(offered or [replica.index for replica in replicas])

    def _learn(self, request: Request, delivery: Delivery, end: Completion) -> None:
        """Remember what a client would: the URL, what was acknowledged, what was ended."""
        if request.kind == "create" and delivery.reply is not None:
            url = created_url(self._wire, delivery.reply)
            if url is not None and request.upload not in self.urls:
                self.urls[request.upload] = url
                self.on_url(request.upload)
        if request.kind == "terminate" and end.outcome != "fail":
            self.ended.add(request.upload)
        if end.outcome == "ok" and (request.kind == "append" or request.whole):
            self.acknowledged[request.upload].add(request.offset, request.offset + request.length)
        full = end.outcome == "ok" and end.offset == self._uploads[request.upload].size
        if full and request.upload not in self._full:
            self._full.add(request.upload)
            self.on_full(request.upload)

    async def fetch(self, upload: UploadPlan) -> bytes | None:
        """What GET on the upload's URL gives; None where it gives nothing. Any replica will do."""
        url = self.urls.get(upload.id)
        if url is None:
            return None
        client = Client(
            timeout_ms=self._wire.request_ms, answer_bytes_max=2 * upload.size + FETCH_BYTES_MORE
        )
        head = Head(method="GET", path=url, headers=tuple(self._wire.headers.items()))
        for replica in self._fleet.replicas:
            if replica.port is not None:
                reply = (await client.deliver(replica.port, head)).reply
                if reply is not None and reply.status == 200:
                    return reply.body
        return None

    def owed(self) -> list[str]:
        """The uploads whose every byte was acknowledged and that nobody ended."""
        return [
            upload
            for upload, acked in self.acknowledged.items()
            if acked.covers(0, self._uploads[upload].size)
            and upload in self.urls
            and upload not in self.ended
        ]


def _doubted(end: Completion, request: Request) -> Completion:
    """What a balancer that retries makes of an answer: one that refuses may follow one that was lost.

    So a refusal no longer says that nothing happened. What only reads is as it was.
    """
    if end.outcome == "fail" and request.kind in ("create", "append", "terminate"):
        return msgspec.structs.replace(end, outcome="info")
    return end


def _cuts(send: Send) -> bool:
    cut = send.mischief.cut_after
    return cut is not None and cut < send.request.length


def _blocks(number: int, request: Request) -> Callable[[], Iterator[memoryview]]:
    """The request's body: small ones whole and cached, large ones through one reused buffer."""

    def blocks() -> Iterator[memoryview]:
        if request.length <= STREAM_BYTES:
            yield memoryview(
                payload.generate(number, request.content, request.offset, request.length)
            )
            return
        buffer = bytearray(STREAM_BYTES)
        for start in range(0, request.length, STREAM_BYTES):
            block = memoryview(buffer)[: min(STREAM_BYTES, request.length - start)]
            payload.fill(block, number, request.content, request.offset + start)
            yield block

    return blocks


def _whole(body: bytes | None) -> Blocks:
    """A probe's body, in one piece."""
    return lambda: iter((memoryview(body or b""),))


def _ignore(_: int) -> None:
    return None


def _now_s() -> int:
    return int(time.time())


def _forget(_: str) -> None:
    return None

"""The storm's clients and their network: carries out a workload's sends and writes down what came.

A delivery is one task on the replica that it reaches; the client's side of it is this module, which
never blocks. So a client that gives up goes on at once, while the replica works on what it has.

Paths of tasks: the client's name and a count of its sends. They depend on the plan and on what this one
client did, not on what others did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from patchstorm.errors import NondeterminismError
from patchstorm.history.model import ProbeSent, UploadInfo
from patchstorm.history.ranges import Ranges
from patchstorm.history.recorder import Recorder
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Answer, Mint, Probe, Request, Send, Sleep
from patchstorm.scenario.machine import Machine, Step
from patchstorm.scenario.plan import Plan
from patchstorm.target.minting import Minter, showing
from patchstorm.target.probing import Probes, own_name, sent
from patchstorm.target.wire import Reply, completion, created_url, head_for
from patchstorm.worlds.sim.app import SECRET, Subject
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.port import EPOCH_NS
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.serving import Broken, reply_of, serve
from patchstorm.worlds.sim.stamps import Stamps

NO_URL = "no-url"
NO_SOCKET = "no-socket"
REFUSED_MS = 1
UNREACHABLE_MS = 20
BLOCKS_MAX = 3
Hook = Callable[[int], None]


class Clients:
    """Everything on the clients' side of one run."""

    def __init__(
        self,
        plan: Plan,
        subject: Subject,
        kernel: Kernel,
        replicas: list[Replica],
        recorder: Recorder,
        stamp: Stamps,
    ) -> None:
        self.urls: dict[str, str] = {}
        self.paths: dict[str, int] = {}
        self.acknowledged = {upload.id: Ranges() for upload in plan.uploads}
        self.offered = {upload.id: Ranges() for upload in plan.uploads}
        self.ended: set[str] = set()
        self.announced: set[str] = set()  # uploads of which an answer gave the full length
        self.away: set[int] = set()
        self.on_patch: Hook = _ignore
        self.on_bytes: Hook = _ignore
        self.on_url: Callable[[str], None] = _forget
        self._plan = plan
        self._wire = subject.target.wire
        if plan.creation == "bearer":
            self._wire = showing(self._wire, SECRET)
        self._subject = subject
        self._kernel = kernel
        self._replicas = replicas
        self._recorder = recorder
        self._stamp = stamp
        self._uploads = {upload.id: upload for upload in plan.uploads}
        self._infos: dict[str, UploadInfo] = {upload.id: upload.info for upload in plan.uploads}
        self.mint = Minter(wire=self._wire, secret=SECRET, now_s=self._now_s)
        own = own_name(subject.target.files.internal)
        self.probes = Probes(self._wire, mint=self.mint, own=own)
        self._sends: dict[str, int] = {}
        self._under_way: dict[int, Delivery] = {}
        self._machine: Machine | None = None
        self._phase = "storm"

    # -- driving a workload -----------------------------------------------------------------------

    def begin(self, machine: Machine, phase: str) -> None:
        """Start ``machine``; the kernel is stopped when it is done."""
        self._machine = machine
        self._phase = phase
        self._carry_out(machine.start())
        if machine.done:
            self._kernel.stop()

    def abandon(self) -> None:
        """End the workload where it stands; deliveries under way find nobody to answer to."""
        if self._machine is not None:
            self._machine.close()
            self._machine = None
        for delivery in list(self._under_way.values()):
            delivery.gone = True

    def _carry_out(self, steps: list[Step]) -> None:
        for step in steps:
            action = step.action
            if isinstance(action, Sleep):
                self._kernel.after(action.ms * MS, self._resumer(step))
            elif isinstance(action, Mint):
                self._learn(action.upload, self.mint.upload(self._infos[action.upload]))
                self._kernel.after(0, self._resumer(step))
            else:
                self._send(step, action)

    def _resumer(self, step: Step) -> Callable[[], None]:
        return lambda: self._resume(step, None)

    def _resume(self, step: Step, result: Answer | None) -> None:
        machine = self._machine
        if machine is None:
            return
        self._carry_out(machine.resume(step.task, result))
        if machine.done:
            self._kernel.stop()

    # -- one request --------------------------------------------------------------------------------

    def _send(self, step: Step, send: Send) -> None:
        request = send.request
        count = self._sends.get(step.client, 0)
        self._sends[step.client] = count + 1
        assert step.op is not None
        delivery = Delivery(step, request, send.mischief, step.op, f"{step.client}#{count}")
        self.paths[delivery.path] = delivery.op
        delivery.replica = self._balanced(request, delivery.path)
        if request.probe is not None:
            self._send_probe(delivery, send, request.probe)
            return
        self._invoke(delivery, send)
        url = self.urls.get(request.upload)
        if url is None and request.kind not in ("create", "discover"):
            self._finish(delivery, None, NO_URL)
            return
        self._under_way[delivery.op] = delivery
        if request.kind == "append" or request.whole:
            self.offered[request.upload].add(request.offset, request.offset + request.length)
        number = self._uploads[request.upload].number
        delivery.head = head_for(
            self._wire, request, self._infos[request.upload], url,
            lambda: (
                payload.generate(number, request.content, request.offset, request.length),
            ),
        )  # fmt: skip
        self._depart(delivery)

    def _send_probe(self, delivery: Delivery, send: Send, probe: Probe) -> None:
        """A request of a conformance case; what is odd about its framing cannot be simulated."""
        delivery.head = self.probes.head(probe)
        self._invoke(delivery, send, sent(probe, delivery.head))
        if delivery.head is None or probe.what.needs_socket:
            self._finish(delivery, None, NO_URL if delivery.head is None else NO_SOCKET)
            return
        self._under_way[delivery.op] = delivery
        self._depart(delivery)

    def _depart(self, delivery: Delivery) -> None:
        kernel, mischief = self._kernel, delivery.mischief
        replica = self._replicas[delivery.replica]
        if mischief.lose_request:
            kernel.after(REFUSED_MS * MS, lambda: self._finish(delivery, None, "lost"))
        elif delivery.replica in self.away:
            kernel.after(UNREACHABLE_MS * MS, lambda: self._finish(delivery, None, "unreachable"))
        elif not replica.serves:
            kernel.after(REFUSED_MS * MS, lambda: self._finish(delivery, None, "refused"))
        else:
            limit_ms = self._wire.request_ms
            error = "timeout"
            if mischief.abandon_ms is not None and mischief.abandon_ms < limit_ms:
                limit_ms, error = mischief.abandon_ms, "abandoned"
            delivery.patience = kernel.after(
                limit_ms * MS, lambda: self._finish(delivery, None, error)
            )
            replica.busy_requests += 1
            kernel.spawn(
                delivery.path,
                lambda: self._handle(delivery, replica),
                replica.domain,
                lambda died: self._ended(delivery, replica, died),
            )

    def _handle(self, delivery: Delivery, replica: Replica) -> None:
        """What the task on the replica does."""
        app = replica.app
        assert app is not None
        assert delivery.head is not None
        try:
            response = serve(
                self._kernel,
                app,
                delivery.head,
                self._body(delivery),
                chunked=delivery.mischief.chunked,
                gone=lambda: delivery.gone,
                lock_wait_ns=self._subject.lock_wait_ms * MS,
            )
        except Broken:
            self._finish(delivery, None, "cut")
            return
        if delivery.gone:
            return
        if delivery.mischief.drop_response:
            self._finish(delivery, None, "dropped")
        else:
            self._finish(delivery, reply_of(response), None)

    def _body(self, delivery: Delivery) -> Iterator[bytes]:
        """The body in blocks, as far as the network lets it through; raises :class:`Broken`."""
        request, mischief = delivery.request, delivery.mischief
        assert delivery.head is not None
        length = delivery.head.length
        whole = self._bytes_of(request, length)
        end = length if mischief.cut_after is None else min(length, max(0, mischief.cut_after))
        pieces = 1 + self._kernel.value("blocks", BLOCKS_MAX, delivery.path)
        marks = sorted({end * i // pieces for i in range(1, pieces + 1)} - {0})
        stall = mischief.stall_after if mischief.stall_ms else None
        if stall is not None and 0 < stall < end:
            marks = sorted({*marks, stall})
        start = 0
        if stall == 0:
            self._stall(delivery)
        for mark in marks:
            if delivery.gone:
                raise Broken
            block = whole[start:mark]
            delivery.sent += len(block)
            self.on_bytes(len(block))
            yield block
            start = mark
            if stall == mark:
                self._stall(delivery)
        if end < length:
            raise Broken

    def _bytes_of(self, request: Request, length: int) -> bytes:
        if request.probe is not None:
            return request.probe.what.body or b""
        number = self._uploads[request.upload].number
        return payload.generate(number, request.content, request.offset, length)

    def _stall(self, delivery: Delivery) -> None:
        """Nothing comes for a while; a client that leaves meanwhile is noticed at once."""
        until_ns = self._kernel.now_ns + delivery.mischief.stall_ms * MS
        self._kernel.wait(delivery, until_ns)
        if delivery.gone:
            raise Broken

    def _ended(self, delivery: Delivery, replica: Replica, died: bool) -> None:
        replica.busy_requests -= 1
        if not delivery.gone:
            self._finish(delivery, None, "reset" if died else "closed")

    # -- what the client sees -----------------------------------------------------------------------

    def _finish(self, delivery: Delivery, reply: Reply | None, error: str | None) -> None:
        """The delivery has ended, as far as its client is concerned."""
        if delivery.gone:
            return
        delivery.gone = True
        self._kernel.wake(delivery)
        self._under_way.pop(delivery.op, None)
        if delivery.patience is not None:
            self._kernel.cancel(delivery.patience)
            delivery.patience = None
        request = delivery.request
        end = completion(
            delivery.op, self._stamp(), request, reply, sent=delivery.sent, error=error,
        )  # fmt: skip
        self._recorder.add(end)
        send = delivery.step.action
        assert isinstance(send, Send)
        self._note_faults(send, delivery, ends=True)
        if request.probe is not None:
            self.probes.learn(request.probe, reply)
        if request.kind == "create" and reply is not None:
            url = created_url(self._wire, reply)
            if url is not None and request.upload not in self.urls:
                self._learn(request.upload, url)
        if request.kind == "terminate" and end.outcome != "fail":
            self.ended.add(request.upload)
        if end.outcome == "ok" and (request.kind == "append" or request.whole):
            self.acknowledged[request.upload].add(request.offset, request.offset + request.length)
        upload = self._uploads.get(request.upload)
        if end.outcome == "ok" and upload is not None and end.offset == upload.size:
            self.announced.add(request.upload)
        headers = delivery.head.headers if delivery.head is not None else ()
        self._resume(delivery.step, Answer(op=delivery.op, end=end, sent=headers))

    def _learn(self, upload: str, url: str) -> None:
        self.urls[upload] = url
        self.on_url(upload)

    def part(self, replica: int) -> None:
        """Clients cannot reach ``replica``; what is under way to it breaks."""
        self.away.add(replica)
        for delivery in list(self._under_way.values()):
            if delivery.replica == replica:
                self._finish(delivery, None, "partitioned")

    def rejoin(self, replica: int) -> None:
        self.away.discard(replica)

    def owed(self) -> list[str]:
        """The uploads whose every byte was acknowledged and that nobody ended."""
        return [
            upload
            for upload, acked in self.acknowledged.items()
            if acked.covers(0, self._infos[upload].size)
            and upload in self.urls
            and upload not in self.ended
        ]

    def _now_s(self) -> int:
        """What the clocks of the fleet show, as long as nobody tampers with them."""
        return (EPOCH_NS + self._kernel.now_ns) // 1_000_000_000

    # -- records ------------------------------------------------------------------------------------

    def _balanced(self, request: Request, path: str) -> int:
        count = len(self._replicas)
        if request.replica is not None:
            return request.replica % count
        offered = [one.index for one in self._replicas if one.serves] or list(range(count))
        return offered[self._kernel.value("balancer", len(offered), path)]

    def _invoke(self, delivery: Delivery, send: Send, probe: ProbeSent | None = None) -> None:
        request, mischief = delivery.request, delivery.mischief
        has_body = request.kind == "append" or request.whole
        cut = mischief.cut_after is not None and mischief.cut_after < request.length
        op = self._recorder.invoke(
            time_ns=self._stamp(),
            client=delivery.step.client,
            kind=request.kind,
            upload=None if request.kind in ("discover", "probe") else request.upload,
            replica=delivery.replica,
            offset=request.offset if has_body else None,
            length=request.length if has_body else None,
            content=request.content,
            checksum=request.checksum,
            cut=cut,
            replay_of=delivery.step.replay_of,
            phase=self._phase,
            probe=probe,
        )
        if op != delivery.op:
            raise NondeterminismError(
                f"operation {delivery.op} was begun as number {op}: requests left the plan's order. "
                "This is a fault of the simulator; please report it with the failure's file."
            )
        self._note_faults(send, delivery, ends=False)
        if request.kind == "append":
            self.on_patch(1)

    def _note_faults(self, send: Send, delivery: Delivery, *, ends: bool) -> None:
        more: dict[str, bool] = {"ends": True} if ends else {}
        for fault in send.faults:
            self._recorder.event(
                "fault", time_ns=self._stamp(), replica=delivery.replica, fault=fault,
                op=delivery.op, **more,
            )  # fmt: skip


def _ignore(_: int) -> None:
    return None


def _forget(_: str) -> None:
    return None

"""The simulated network: carries the requests of a storm's clients to replicas, in virtual time.

A delivery is one task on the replica that it reaches; the client's side of it is this module, which
never blocks. So a client that gives up goes on at once, while the replica works on what it has.

Paths of tasks: the client's name and a count of its sends. They depend on the plan and on what this one
client did, not on what others did.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.operations import Request
from patchstorm.errors import PatchstormError
from patchstorm.history.model import Completion
from patchstorm.history.no_answer import NoAnswer
from patchstorm.run.clients import Clients
from patchstorm.scenario import described, payload
from patchstorm.scenario.actions import Answer as Answered
from patchstorm.scenario.actions import Mint, Send, Sleep
from patchstorm.scenario.machine import Machine, Step
from patchstorm.worlds.sim.app import Answer, Subject
from patchstorm.worlds.sim.delivery import Delivery
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.replica import MS, Replica
from patchstorm.worlds.sim.serving import Broken, Garbled, HungUp, reply_of, serve

REFUSED_MS = 1
UNREACHABLE_MS = 20
BLOCKS_MAX = 3


class Network:
    """Everything between the clients of one run and its replicas.

    ``paths`` maps the paths of deliveries' tasks to their operations. ``said`` is, by operation, what a whole
    server wrote of an error. ``away`` are replicas that clients
    cannot reach. ``on_bytes`` is told of body bytes as they go. ``describes``: long bodies are ropes.
    ``on_ended`` is told of requests with which a replica that lives is done;
    ``on_answered`` of what a client gets, before it goes on.
    """

    def __init__(
        self,
        clients: Clients,
        subject: Subject,
        kernel: Kernel,
        replicas: list[Replica],
        on_bytes: Callable[[int], None],
    ) -> None:
        self.paths: dict[str, int] = {}
        self.said: dict[int, str] = {}
        self.away: set[int] = set()
        self.describes = False
        self.lock_wait_ms = subject.lock_wait_ms
        self.on_ended: Callable[[Delivery, Replica], None] | None = None
        self.on_answered: Callable[[Delivery, Completion], None] | None = None
        self._arrived = 0
        self._clients = clients
        self._on_bytes = on_bytes
        self._request_ms = clients.wire.request_ms
        self._subject = subject
        self._kernel = kernel
        self._replicas = replicas
        self._sends: dict[str, int] = {}
        self._under_way: dict[int, Delivery] = {}
        self._machine: Machine | None = None
        self._due: deque[Step] = deque()
        self._carrying = False

    # -- driving a workload -----------------------------------------------------------------------

    def begin(self, machine: Machine) -> None:
        """Start ``machine``; the kernel is stopped when it is done."""
        self._machine = machine
        self._carry_out(machine.start())
        if machine.done:
            self._kernel.stop()

    def abandon(self) -> None:
        """End the workload where it stands; deliveries under way find nobody to answer to."""
        if self._machine is not None:
            self._machine.close()
            self._machine = None
        self._due.clear()
        for delivery in list(self._under_way.values()):
            delivery.gone = True

    def _carry_out(self, steps: list[Step]) -> None:
        """Begin ``steps`` in their order.

        A request that nobody can carry, such as one to an upload without a URL, ends while it is begun, and
        its workload goes on at once. What comes of that waits until all steps before it have begun, since
        operations are begun in the order of their numbers.
        """
        self._due.extend(steps)
        if self._carrying:
            return
        self._carrying = True
        try:
            while self._due:
                self._begin(self._due.popleft())
        finally:
            self._carrying = False

    def _begin(self, step: Step) -> None:
        action = step.action
        if isinstance(action, Sleep):
            self._kernel.after(action.ms * MS, self._resumer(step))
        elif isinstance(action, Mint):
            self._clients.mint(action.upload)
            self._kernel.after(0, self._resumer(step))
        else:
            assert isinstance(action, Send), "plans with programs are skipped"
            self._send(step, action)

    def _resumer(self, step: Step) -> Callable[[], None]:
        return lambda: self._resume(step, None)

    def _resume(self, step: Step, result: Answered | None) -> None:
        machine = self._machine
        if machine is None:
            return
        self._carry_out(machine.resume(step.task, result))
        if machine.done:
            self._kernel.stop()

    # -- one request --------------------------------------------------------------------------------

    def _send(self, step: Step, send: Send) -> None:
        count = self._sends.get(step.client, 0)
        self._sends[step.client] = count + 1
        assert step.op is not None
        delivery = Delivery(step, send, step.op, f"{step.client}#{count}")
        self.paths[delivery.path] = delivery.op
        delivery.replica = self._balanced(send.request, delivery.path)
        delivery.head = self._clients.begin(step, send, delivery.replica)
        probe = send.request.probe
        if delivery.head is None:
            self._finish(delivery, None, NoAnswer.NO_URL)
        elif probe is not None and probe.what.needs_socket:  # odd framing cannot be simulated
            self._finish(delivery, None, NoAnswer.NO_SOCKET)
        else:
            self._under_way[delivery.op] = delivery
            self._depart(delivery)

    def _depart(self, delivery: Delivery) -> None:
        kernel, mischief = self._kernel, delivery.mischief
        replica = self._replicas[delivery.replica]
        if mischief.lose_request:
            kernel.after(REFUSED_MS * MS, lambda: self._finish(delivery, None, NoAnswer.LOST))
        elif delivery.replica in self.away:
            kernel.after(
                UNREACHABLE_MS * MS, lambda: self._finish(delivery, None, NoAnswer.UNREACHABLE)
            )
        elif not replica.serves:
            kernel.after(REFUSED_MS * MS, lambda: self._finish(delivery, None, NoAnswer.REFUSED))
        else:
            limit_ms = self._request_ms
            error = NoAnswer.TIMEOUT
            if mischief.abandon_ms is not None and mischief.abandon_ms < limit_ms:
                limit_ms, error = mischief.abandon_ms, NoAnswer.ABANDONED
            delivery.patience = kernel.after(
                limit_ms * MS, lambda: self._finish(delivery, None, error)
            )
            self._arrived += 1
            delivery.turn = None if self.at_work else self._arrived
            replica.busy_requests += 1
            kernel.spawn(
                delivery.path,
                lambda: self._handle(delivery, replica),
                replica.domain,
                lambda died: self._ended(delivery, replica, died),
            )

    @property
    def at_work(self) -> bool:
        """Whether any replica serves a request or sweeps."""
        return any(one.busy_requests or one.sweeping for one in self._replicas)

    def alone(self, delivery: Delivery) -> bool:
        """Whether nobody else was at work since it arrived; while it is under way."""
        busy = sum(one.busy_requests for one in self._replicas)
        sweeping = any(one.sweeping for one in self._replicas)
        return delivery.turn == self._arrived and busy == 1 and not sweeping

    def _handle(self, delivery: Delivery, replica: Replica) -> None:
        """What the task on the replica does."""
        try:
            response = self.answer(delivery, replica)
        except Broken:
            self._finish(delivery, None, NoAnswer.CUT)
            return
        except HungUp:
            self._finish(delivery, None, NoAnswer.CLOSED)
            return
        except Garbled:
            self._finish(delivery, None, NoAnswer.GARBLED)
            return
        if delivery.said:
            self.said[delivery.op] = delivery.said
        if delivery.gone:
            return
        if delivery.mischief.drop_response:
            self._finish(delivery, None, NoAnswer.DROPPED)
        else:
            self._finish(delivery, reply_of(response), None)

    def answer(self, delivery: Delivery, replica: Replica) -> Answer:
        """What the replica answers, in a task of its own. Raises where there is no answer."""
        host = self._subject.host
        if host is not None:
            assert replica.process is not None
            return host.carry(replica.process, delivery, self._body(delivery))
        assert replica.app is not None
        assert delivery.head is not None
        with replica.pool.worker(delivery):
            return serve(
                self._kernel,
                replica.app,
                delivery.head,
                self._body(delivery),
                chunked=delivery.mischief.chunked,
                gone=lambda: delivery.gone,
                lock_wait_ns=self.lock_wait_ms * MS,
            )

    def _body(self, delivery: Delivery) -> Iterator[bytes]:
        """The body in blocks, as far as the network lets it through; raises :class:`Broken`."""
        request, mischief = delivery.request, delivery.mischief
        assert delivery.head is not None
        length = delivery.head.length
        try:
            whole = self._bytes_of(request, length)
        except (
            Exception
        ) as error:  # within the store's task it would pass for the store's answer 500
            raise PatchstormError(f"the bytes of a request could not be made: {error}") from error
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
            self._on_bytes(len(block))
            yield block
            start = mark
            if stall == mark:
                self._stall(delivery)
        if end < length:
            raise Broken

    def _bytes_of(self, request: Request, length: int) -> bytes:
        if request.probe is not None:
            return request.probe.what.body or b""
        number = self._clients.uploads[request.upload].number
        if self.describes:
            return cast(bytes, described.body(number, request, length))  # it stands for bytes
        return payload.body(number, request, length)

    def _stall(self, delivery: Delivery) -> None:
        """Nothing comes for a while; a client that leaves meanwhile is noticed at once."""
        until_ns = self._kernel.now_ns + delivery.mischief.stall_ms * MS
        self._clients.stands_still(delivery.op, delivery.replica, ends=False)
        let_off = self._kernel.let_off
        self._kernel.wait(delivery, until_ns)
        let_pass = self._kernel.let_off != let_off
        self._clients.stands_still(delivery.op, delivery.replica, ends=True, let_pass=let_pass)
        if delivery.gone:
            raise Broken

    def _ended(self, delivery: Delivery, replica: Replica, died: bool) -> None:
        replica.busy_requests -= 1
        if not delivery.gone:
            self._finish(delivery, None, NoAnswer.RESET if died else NoAnswer.CLOSED)
        if self.on_ended is not None and not died:
            self.on_ended(delivery, replica)

    # -- what the client sees -----------------------------------------------------------------------

    def _finish(self, delivery: Delivery, reply: Reply | None, error: NoAnswer | None) -> None:
        """The delivery has ended, as far as its client is concerned."""
        if delivery.gone:
            return
        delivery.gone = True
        self._kernel.wake(delivery)
        self._under_way.pop(delivery.op, None)
        if delivery.patience is not None:
            self._kernel.cancel(delivery.patience)
            delivery.patience = None
        answer = self._clients.finish(
            delivery.step, delivery.send, delivery.replica, delivery.head, reply,
            sent=delivery.sent, error=error,
        )  # fmt: skip
        if self.on_answered is not None:
            self.on_answered(delivery, answer.end)
        self._resume(delivery.step, answer)

    def part(self, replica: int) -> None:
        """Clients cannot reach ``replica``; what is under way to it breaks."""
        self.away.add(replica)
        for delivery in list(self._under_way.values()):
            if delivery.replica == replica:
                self._finish(delivery, None, NoAnswer.PARTITIONED)

    def rejoin(self, replica: int) -> None:
        self.away.discard(replica)

    def _balanced(self, request: Request, path: str) -> int:
        count = len(self._replicas)
        if request.replica is not None:
            return request.replica % count
        offered = [one.index for one in self._replicas if one.serves] or list(range(count))
        return offered[self._kernel.value("balancer", len(offered), path)]

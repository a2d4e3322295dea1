"""Carries out a workload's sends over real sockets.

The courier knows which replicas a balancer would offer. Everything it decides for itself (which replica takes
a request that names none, how a broken connection ends) comes from a generator seeded by the plan.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import msgspec

from patchstorm.dialect.exchange import Head
from patchstorm.dialect.operations import Request
from patchstorm.history.no_answer import NoAnswer
from patchstorm.live.fleet import Fleet
from patchstorm.live.host import HERE, Host
from patchstorm.live.http import Blocks, Client, Delivery, Ending, Turn
from patchstorm.live.network import Network
from patchstorm.live.programs import Programs
from patchstorm.live.replica import Replica
from patchstorm.run.clients import Clients
from patchstorm.scenario.actions import Answer, Asked, Mint, Send, Sleep
from patchstorm.scenario.machine import Machine, Step
from patchstorm.scenario.plan import Plan, UploadPlan

FETCH_BYTES_MORE = 1 << 20
Crossing = Callable[[str, int | None, int], AbstractAsyncContextManager[Turn | None]]
"""Of a client, of the replica that it asks, and of the operation: entered before the request goes out, left
when it is over.
"""


class Courier:
    """The network between one storm's clients and its fleet.

    ``on_bytes`` is told of body bytes, ``on_silence`` when a request got no answer. ``crossing`` is what a
    world puts around a delivery, ``cut`` how it cuts a body, and ``offers`` whether a replica may be chosen.
    """

    def __init__(
        self, plan: Plan, clients: Clients, fleet: Fleet, on_bytes: Callable[[int], None]
    ) -> None:
        self.network = Network()
        self.on_silence: Callable[[], None] = _nothing
        self.crossing: Crossing = _at_once
        self.cut: Callable[[Blocks], Blocks] = _whole
        self.programs: Programs | None = None
        self.offers: Callable[[Replica], bool] = _is_alive
        self._clients = clients
        self._fleet = fleet
        self._on_bytes = on_bytes
        self._client = Client(timeout_ms=clients.wire.request_ms)
        self._random = random.Random(f"{plan.scenario}/{plan.seed}/{plan.index}/courier")

    async def drive(self, machine: Machine) -> None:
        """Run a whole workload; returns when all of its clients have ended."""
        try:
            async with asyncio.TaskGroup() as group:
                self._begin(machine.start(), machine, group)
        finally:
            machine.close()

    def _begin(self, steps: list[Step], machine: Machine, group: asyncio.TaskGroup) -> None:
        for step in steps:
            group.create_task(self._carry_out(step, machine, group))

    async def _carry_out(self, step: Step, machine: Machine, group: asyncio.TaskGroup) -> None:
        result: Answer | Asked | None = None
        if isinstance(step.action, Sleep):
            await asyncio.sleep(step.action.ms / 1_000)
        elif isinstance(step.action, Mint):
            self._clients.mint(step.action.upload)
        elif isinstance(step.action, Send):
            result = await self._send(step, step.action)
        else:
            assert self.programs is not None, "asked in worlds that run programs"
            result = await self.programs.carry_out(step.client, step.action)
        self._begin(machine.resume(step.task, result), machine, group)

    async def _send(self, step: Step, send: Send) -> Answer:
        replica = self._replica(send.request)
        assert step.op is not None, "what is sent has a number"
        head = self._clients.begin(step, send, replica)
        if head is None:
            delivery = Delivery(reply=None, sent=0, error=NoAnswer.NO_URL)
        else:
            async with self.crossing(step.client, replica, step.op) as turn:
                delivery = await self._across(step, send, replica, head, turn)
            if delivery.reply is None:
                self.on_silence()
        return self._clients.finish(
            step, send, replica, head, delivery.reply, sent=delivery.sent, error=delivery.error,
            garbled=delivery.garbled,
        )  # fmt: skip

    async def _across(
        self, step: Step, send: Send, replica: int | None, head: Head, turn: Turn | None
    ) -> Delivery:
        host, address, port = self._place(replica)
        return await self.network.across(
            replica,
            self._client.deliver(
                port,
                head,
                self._body(send.request) if head.length else None,
                send.mischief
                if self._clients.wire.chunked
                else msgspec.structs.replace(send.mischief, chunked=False),
                ending=self._ending(send.request),
                on_sent=self._on_bytes,
                on_stall=partial(self._stands_still, step, replica),
                turn=turn,
                address=address,
                host=host,
            ),
        )

    def _stands_still(self, step: Step, replica: int | None, ends: bool) -> None:
        assert step.op is not None, "whatever sends has a number"
        self._clients.stands_still(step.op, replica, ends=ends)

    def _body(self, request: Request) -> Blocks | None:
        blocks = self._clients.body_of(request)
        return None if blocks is None else self.cut(blocks)

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
        offered = [replica.index for replica in replicas if self.offers(replica)]
        return self._random.choice(offered or [replica.index for replica in replicas])

    async def fetch(self, upload: UploadPlan) -> bytes | None:
        """What GET on the upload's URL gives; None where it gives nothing. Any replica will do."""
        url = self._clients.known.urls.get(upload.id)
        return None if url is None else await self.served(url, upload.size)

    async def served(self, url: str, size: int = 0) -> bytes | None:
        """What GET gives for ``url``, of an upload of ``size`` bytes; None where it gives nothing."""
        client = Client(
            timeout_ms=self._clients.wire.request_ms,
            answer_bytes_max=2 * size + FETCH_BYTES_MORE,
        )
        head = self._clients.fetching(url)
        for replica in self._fleet.replicas:
            if replica.port is not None:
                reply = (await client.deliver(replica.port, head)).reply
                if reply is not None and reply.status == 200:
                    return reply.body
        return None


def _nothing() -> None:
    return None


@contextlib.asynccontextmanager
async def _at_once(_: str, __: int | None, ___: int) -> AsyncIterator[None]:
    yield None


def _is_alive(replica: Replica) -> bool:
    return replica.alive


def _whole(blocks: Blocks) -> Blocks:
    return blocks

"""The two queues a body passes: nothing lost, nothing out of order, nothing unbounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from chunkstore.errors import Busy
from chunkstore.inflow import BATCH_BYTES_MIN, QUEUED_BYTES_MAX, Inflow, Outcome
from chunkstore.protocol import Response

REFUSED = Response(413)
DONE = Response(204)
PIECE = 64 << 10


class Exchange:
    """Keeps what it is given; says what the script says, a piece at a time."""

    def __init__(self, script: dict[int, Exception | Response] | None = None) -> None:
        self.script = script or {}
        self.stored: list[bytes] = []
        self.ended = 0
        self.inside = 0

    def data(self, block: bytes) -> Response | None:
        said = self.script.pop(len(self.stored), None)
        if isinstance(said, Exception):
            raise said
        if said is not None:
            return said
        self.stored.append(block)
        return None

    def end(self) -> Response:
        self.ended += 1
        return DONE


async def patiently(call: Callable[[], Outcome]) -> Outcome:
    while True:
        try:
            return await asyncio.to_thread(call)
        except Busy:
            await asyncio.sleep(0)


async def send(exchange: Exchange, pieces: list[bytes]) -> Outcome:
    inflow = Inflow(exchange, patiently)  # type: ignore[arg-type]
    try:
        for piece in pieces[:-1]:
            inflow.add(piece)
            early = await inflow.push()
            if early is not None:
                return early
        inflow.add(pieces[-1])
        return await inflow.settled() or await patiently(inflow.finish)
    finally:
        await inflow.stop()


def pieces_of(count: int) -> list[bytes]:
    return [bytes([index % 256]) * PIECE for index in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 50, 300])
def test_every_piece_is_stored_once_and_in_order(count: int) -> None:
    exchange = Exchange()
    assert asyncio.run(send(exchange, pieces_of(count))) == DONE
    assert exchange.stored == pieces_of(count)
    assert exchange.ended == 1


def test_an_empty_body_ends() -> None:
    exchange = Exchange()
    assert asyncio.run(send(exchange, [b""])) == DONE
    assert exchange.stored == []


@pytest.mark.parametrize("at", [0, 1, 17, 49])
def test_a_piece_that_meets_a_busy_store_is_not_lost(at: int) -> None:
    exchange = Exchange({at: Busy("the lock is held")})
    assert asyncio.run(send(exchange, pieces_of(50))) == DONE
    assert exchange.stored == pieces_of(50)


@pytest.mark.parametrize("at", [0, 1, 17, 49])
def test_a_refusal_ends_the_body_wherever_it_comes(at: int) -> None:
    exchange = Exchange({at: REFUSED})
    assert asyncio.run(send(exchange, pieces_of(50))) == REFUSED
    assert exchange.ended == 0
    assert exchange.stored == pieces_of(at)


@pytest.mark.parametrize("at", [0, 17, 49])
def test_an_unexpected_error_reaches_the_caller(at: int) -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(send(Exchange({at: ZeroDivisionError()}), pieces_of(50)))


def test_the_loop_waits_when_the_worker_falls_behind() -> None:
    """With a store that stands still, no more than the bound is ever taken from the socket."""

    async def storm() -> int:
        release = asyncio.Event()

        async def stuck(call: Callable[[], Outcome]) -> Outcome:
            await release.wait()
            return call()

        inflow = Inflow(Exchange(), stuck)  # type: ignore[arg-type]
        taken = 0

        async def receive() -> None:
            nonlocal taken
            while True:
                inflow.add(bytes(PIECE))
                taken += PIECE
                await inflow.push()
                await asyncio.sleep(0)

        receiving = asyncio.create_task(receive())
        for _ in range(1000):
            await asyncio.sleep(0)
        seen = taken
        receiving.cancel()
        release.set()
        await inflow.stop()
        return seen

    assert BATCH_BYTES_MIN < asyncio.run(storm()) <= QUEUED_BYTES_MAX


def test_stopping_waits_for_the_call_under_way() -> None:
    async def storm() -> list[str]:
        order: list[str] = []
        release = asyncio.Event()

        async def slow(call: Callable[[], Outcome]) -> Outcome:
            await release.wait()
            order.append("call ended")
            return call()

        inflow = Inflow(Exchange(), slow)  # type: ignore[arg-type]
        inflow.add(b"x")
        await inflow.push()
        stopping = asyncio.create_task(inflow.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.wait([stopping])
        order.append("stopped")
        return order

    assert asyncio.run(storm()) == ["call ended", "stopped"]

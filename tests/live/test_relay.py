"""The way to a companion: it passes everything, and a fault takes from it exactly what it says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from patchstorm.live.relay import Hold, Loss, Relay
from patchstorm.scenario.faults.changing import Sparing

from .fakes import serving

Test = Callable[[Relay, list[bytes]], Awaitable[None]]


def over(test: Test) -> None:
    """Run ``test`` on a relay to a program that answers each line with the same in capitals, and notes it."""

    async def run() -> None:
        seen: list[bytes] = []

        async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                seen.append(line)
                writer.write(line.upper())
            writer.close()

        async with serving(shout) as port:
            relay = Relay()
            await relay.open(port)
            try:
                await test(relay, seen)
            finally:
                await relay.close()

    asyncio.run(run())


@asynccontextmanager
async def talking(relay: Relay) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)

    async def say(line: bytes) -> bytes:
        writer.write(line)
        return await reader.readline()

    try:
        yield say
    finally:
        writer.close()


def test_what_is_said_passes_both_ways_and_so_does_the_end() -> None:
    async def test(relay: Relay, _: list[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port)
        writer.write(b"some words\n" * 30_000 + b"last\n")
        writer.write_eof()
        assert await reader.read() == b"SOME WORDS\n" * 30_000 + b"LAST\n"
        assert (relay.taken, relay.met) == (1, 0)

    over(test)


def test_a_broken_way_resets_what_there_is_and_takes_nothing_until_it_is_mended() -> None:
    async def test(relay: Relay, seen: list[bytes]) -> None:
        async with talking(relay) as say:
            assert await say(b"one\n") == b"ONE\n"
            relay.cut(silent=False)
            with pytest.raises(ConnectionResetError):
                await say(b"two\n")
        async with talking(relay) as say:
            with pytest.raises(ConnectionResetError):
                assert await say(b"three\n") == b"", "closed without a word"
                raise ConnectionResetError
        assert relay.met == 2
        relay.mend()
        async with talking(relay) as say:
            assert await say(b"four\n") == b"FOUR\n"
        assert seen == [b"one\n", b"four\n"]

    over(test)


def test_a_silent_way_holds_everything_back_and_it_arrives_late() -> None:
    async def test(relay: Relay, seen: list[bytes]) -> None:
        async with talking(relay) as say, talking(relay) as other:
            assert await say(b"one\n") == b"ONE\n"
            relay.cut(silent=True)
            held = [asyncio.ensure_future(one(b"two\n")) for one in (say, other)]
            while relay.met < 2:
                await asyncio.sleep(0)
            assert seen == [b"one\n"] and not any(task.done() for task in held)
            relay.mend()
            assert await asyncio.gather(*held) == [b"TWO\n", b"TWO\n"]

    over(test)


@pytest.mark.parametrize(("of", "carried_out"), [("request", 0), ("reply", 1)])
def test_what_is_lost_is_lost_once_and_only_where_it_holds_the_word(
    of: str, carried_out: int
) -> None:
    async def test(relay: Relay, seen: list[bytes]) -> None:
        loss = Loss(of="request" if of == "request" else "reply", left=1, to=b"set")
        relay.lose(loss)
        async with talking(relay) as say:
            assert await say(b"get x\n") == b"GET X\n"
            with pytest.raises(ConnectionResetError):
                await say(b"SET x\n")
        async with talking(relay) as say:
            assert await say(b"SET x\n") == b"SET X\n"
        assert loss.lost == 1
        assert seen.count(b"SET x\n") == 1 + carried_out

    over(test)


def test_a_loss_of_changes_lets_pass_what_only_reads_and_what_is_asked_again() -> None:
    async def test(relay: Relay, seen: list[bytes]) -> None:
        loss = Loss(of="reply", left=2, sparing=Sparing())
        relay.lose(loss)
        async with talking(relay) as say:
            assert await say(b"get x\n") == b"GET X\n"
            with pytest.raises(ConnectionResetError):
                await say(b"incr x\n")
        async with talking(relay) as say:
            assert await say(b"incr x\n") == b"INCR X\n"
            with pytest.raises(ConnectionResetError):
                await say(b"set x\n")
        assert loss.lost == 2 and seen.count(b"incr x\n") == 2

    over(test)


@pytest.mark.parametrize("skips", [0, 1])
def test_who_has_changed_something_waits_while_others_are_served(skips: int) -> None:
    async def test(relay: Relay, _: list[bytes]) -> None:
        other, hold = Relay(), Hold(skips=skips)
        await other.open(relay._to)
        for way in (relay, other):
            way.holds.append(hold)
        async with talking(relay) as say, talking(other) as others:
            assert await say(b"get x\n") == b"GET X\n" and not hold.begun.is_set()
            for _ in range(skips):
                assert await say(b"set x\n") == b"SET X\n"
            held = asyncio.ensure_future(say(b"set x\n"))
            await hold.begun.wait()
            assert await others(b"set x\n") == b"SET X\n" and not held.done()
            hold.over.set()
            assert await held == b"SET X\n"
        await other.close()

    over(test)


def test_a_loss_that_several_ways_share_is_met_once_in_all() -> None:
    async def test(relay: Relay, seen: list[bytes]) -> None:
        loss = Loss(of="reply", left=1)
        other = Relay()
        await other.open(relay._to)
        relay.lose(loss)
        other.lose(loss)
        async with talking(relay) as say:
            with pytest.raises(ConnectionResetError):
                await say(b"one\n")
        async with talking(other) as say:
            assert await say(b"two\n") == b"TWO\n"
        await other.close()

    over(test)


def test_a_program_that_is_not_there_resets_the_connection() -> None:
    async def run() -> None:
        with socket.socket() as silent:  # the relay does not get its port, and it takes nobody
            silent.bind(("127.0.0.1", 0))
            relay = Relay()
            await relay.open(silent.getsockname()[1])
            reader, _ = await asyncio.open_connection("127.0.0.1", relay.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            await relay.close()

    asyncio.run(run())

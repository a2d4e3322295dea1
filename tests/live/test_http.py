"""The HTTP client does to a body exactly what it is told, and knows how much of it left."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from patchstorm.dialect.exchange import Head
from patchstorm.dialect.operations import Mischief
from patchstorm.live.host import ThisHost
from patchstorm.live.http import Client, Delivery, NoAnswer

from .fakes import Seen, absorbing, reply, serving
from .helpers import until

STALL_MS = 399

BODY = bytes(range(1, 251)) * 400  # 100,000 bytes
NO_CONTENT = reply(204, "Upload-Offset: 100000", "X-Twice: a", "X-Twice: b")


def head(length: int = len(BODY), method: str = "PATCH") -> Head:
    return Head(method=method, path="/upload?token=t", headers=(("Upload-Offset", "0"),),
                length=length, has_body=True)  # fmt: skip


def blocks(data: bytes = BODY, size: int = 30_000) -> Callable[[], Iterator[memoryview]]:
    def each() -> Iterator[memoryview]:
        for start in range(0, len(data), size):
            yield memoryview(data)[start : start + size]

    return each


def deliver(
    answer: bytes | None = NO_CONTENT,
    *,
    after: int = len(BODY),
    mischief: Mischief | None = None,
    client: Client | None = None,
) -> tuple[Delivery, Seen]:
    async def run() -> tuple[Delivery, Seen]:
        seen = Seen()
        async with serving(absorbing(seen, answer, after=after)) as port:
            chosen = client or Client(timeout_ms=5_000)
            delivery = await chosen.deliver(port, head(), blocks(), mischief)
            if not (mischief and mischief.lose_request):
                await asyncio.wait_for(seen.over.wait(), 5)
        return delivery, seen

    return asyncio.run(run())


def test_a_good_network_delivers_head_and_body_and_reads_the_answer() -> None:
    delivery, seen = deliver()
    assert delivery.error is None
    assert delivery.reply is not None
    assert delivery.reply.status == 204
    assert delivery.reply.headers["upload-offset"] == "100000"
    assert delivery.reply.headers["x-twice"] == "a, b"
    assert delivery.sent == len(BODY)
    assert seen.body() == BODY
    assert seen.head().startswith(b"PATCH /upload?token=t HTTP/1.1\r\nHost: 127.0.0.1\r\n")


class Noting(socket.socket):
    """Writes down what is handed over with each send, and whether more is announced."""

    sends: ClassVar[list[tuple[int, bool]]] = []

    def send(self, data: memoryview, flags: int = 0) -> int:  # type: ignore[override]
        taken = super().send(data, flags)
        self.sends.append((taken, bool(flags & socket.MSG_MORE)))
        return taken


class NotingHost(ThisHost):
    def socket(self) -> socket.socket:
        return Noting(socket.AF_INET, socket.SOCK_STREAM)


class DownHost(ThisHost):
    def socket(self) -> socket.socket:
        raise OSError(errno.EHOSTUNREACH, "it has no power")


class PoorHost(ThisHost):
    def socket(self) -> socket.socket:
        raise OSError(errno.EMFILE, "too many open files")


def test_nobody_is_reached_on_a_host_that_is_down_and_a_lack_of_ours_is_no_answer_of_its() -> None:
    delivery = asyncio.run(Client().deliver(1, head(), host=DownHost()))
    assert (delivery.reply, delivery.sent, delivery.error) == (None, 0, NoAnswer.UNREACHABLE)

    with pytest.raises(OSError, match="too many open files"):
        asyncio.run(Client().deliver(1, head(), host=PoorHost()))


@pytest.mark.parametrize("cut", [None, 0])
@pytest.mark.parametrize("decided", [False, True])
def test_where_blocks_are_decided_about_the_first_goes_out_in_one_piece_with_the_head(
    decided: bool, cut: int | None
) -> None:
    async def turn() -> None:
        return None

    async def run() -> None:
        seen = Seen()
        async with serving(absorbing(seen, NO_CONTENT, after=len(BODY))) as port:
            delivery = await Client(timeout_ms=5_000).deliver(
                port, head(), blocks(), Mischief(cut_after=cut), host=NotingHost(),
                turn=turn if decided else None,
            )  # fmt: skip
            assert delivery.sent == (len(BODY) if cut is None else 0)
            await asyncio.wait_for(seen.over.wait(), 5)
        assert seen.body() == BODY[:cut]

    Noting.sends.clear()
    asyncio.run(run())
    announced = [more for _, more in Noting.sends]
    assert announced[0] is (decided and cut is None)
    assert not any(announced[1:])


@pytest.mark.parametrize("cut", [0, 1, 29_999, 30_000, 30_001, 99_999])
@pytest.mark.parametrize("ending", ["fin", "reset"])
def test_a_cut_body_ends_at_exactly_that_byte(cut: int, ending: str) -> None:
    client = Client(timeout_ms=5_000, ending="fin" if ending == "fin" else "reset")
    delivery, seen = deliver(mischief=Mischief(cut_after=cut), client=client)
    assert (delivery.reply, delivery.error, delivery.sent) == (None, "cut", cut)
    assert seen.body() == BODY[:cut]
    assert seen.endings == [ending]


def test_a_cut_beyond_the_end_is_no_cut() -> None:
    delivery, seen = deliver(mischief=Mischief(cut_after=len(BODY)))
    assert delivery.reply is not None
    assert seen.body() == BODY


def test_a_lost_request_never_reaches_the_server() -> None:
    delivery, seen = deliver(mischief=Mischief(lose_request=True))
    assert (delivery.reply, delivery.error, delivery.sent) == (None, "lost", 0)
    assert seen.data == []


def test_a_dropped_response_was_preceded_by_the_whole_body() -> None:
    delivery, seen = deliver(mischief=Mischief(drop_response=True))
    assert (delivery.reply, delivery.error, delivery.sent) == (None, "dropped", len(BODY))
    assert seen.body() == BODY


def test_a_stall_delays_the_rest_of_the_body_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> tuple[int, Seen, Delivery]:
        seen, over, rest = Seen(), asyncio.Event(), asyncio.sleep

        async def sleep(seconds: float) -> None:
            """The stall lasts until the test ends it."""
            await (over.wait() if seconds == STALL_MS / 1_000 else rest(seconds))

        monkeypatch.setattr(asyncio, "sleep", sleep)
        mischief = Mischief(stall_after=40_000, stall_ms=STALL_MS)
        async with serving(absorbing(seen, NO_CONTENT, after=len(BODY))) as port:
            task = asyncio.create_task(Client().deliver(port, head(), blocks(), mischief))
            await until(lambda: seen.data and len(seen.body()) >= 40_000)
            await rest(0.05)  # time for what must not come
            before = len(seen.body())
            over.set()
            return before, seen, await task

    before, seen, delivery = asyncio.run(run())
    assert before == 40_000
    assert seen.body() == BODY
    assert delivery.reply is not None


@pytest.mark.parametrize("stall_after", [0, 30_000, 100_000])
def test_a_chunked_body_is_framed_and_whole_wherever_it_stalls(stall_after: int) -> None:
    mischief = Mischief(chunked=True, stall_after=stall_after, stall_ms=1)
    delivery, seen = deliver(after=len(BODY) + 20, mischief=mischief)
    assert delivery.reply is not None
    assert delivery.sent == len(BODY)
    assert b"Transfer-Encoding: chunked" in seen.head()
    assert b"Content-Length" not in seen.head()
    assert dechunked(seen.body()) == BODY


def dechunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        body, raw = body + raw[:length], raw[length + 2 :]
        if length == 0:
            assert raw == b""
    return body


def test_an_early_refusal_is_read_while_the_body_is_still_being_sent() -> None:
    async def run() -> Delivery:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(413, body=b"too large"))
            await writer.drain()
            await asyncio.sleep(5)  # never reads the body: the client would block for ever

        big = 64 << 20
        zero = memoryview(bytes(1 << 20))
        async with serving(refuse) as port:
            return await Client(timeout_ms=4_000).deliver(
                port, head(big), lambda: (zero for _ in range(big >> 20))
            )

    delivery = asyncio.run(run())
    assert delivery.reply is not None
    assert (delivery.reply.status, delivery.reply.body) == (413, b"too large")
    assert delivery.sent < 64 << 20


def test_a_refusal_that_closes_at_once_is_an_answer_or_a_reset_but_never_more() -> None:
    async def run() -> Delivery:
        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply(409))
            writer.close()

        async with serving(refuse) as port:
            return await Client().deliver(port, head(), blocks())

    delivery = asyncio.run(run())
    if delivery.reply is None:
        assert delivery.error in ("reset", "closed")
    else:
        assert delivery.reply.status == 409


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 204 No Con", "closed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "closed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "garbled"),
    ],
)
def test_half_an_answer_is_no_answer(answer: bytes, error: str) -> None:
    async def run() -> Delivery:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(BODY[-250:])
            writer.write(answer)
            writer.close()

        async with serving(talk) as port:
            return await Client().deliver(port, head(), blocks())

    delivery = asyncio.run(run())
    assert (delivery.reply, delivery.sent, delivery.error) == (None, len(BODY), error)
    assert (delivery.garbled is not None) == (error == "garbled")


def test_a_body_that_ends_with_the_connection_is_whole() -> None:
    async def run() -> Delivery:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(BODY[-250:])
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it")
            writer.close()

        async with serving(talk) as port:
            return await Client().deliver(port, head(), blocks())

    delivery = asyncio.run(run())
    assert delivery.reply is not None
    assert (delivery.reply.status, delivery.reply.body) == (200, b"all of it")


def test_a_silent_server_is_a_timeout_and_an_impatient_client_has_given_up() -> None:
    silent = Client(timeout_ms=150)
    assert deliver(None, client=silent)[0].error == "timeout"
    assert deliver(None, mischief=Mischief(abandon_ms=50))[0].error == "abandoned"


def test_nobody_listening_is_refused() -> None:
    async def run() -> Delivery:
        async with serving(absorbing(Seen())) as port:
            pass
        return await Client().deliver(port, head(), blocks())

    assert asyncio.run(run()) == Delivery(reply=None, sent=0, error="refused")


def test_a_head_answer_has_no_body_although_it_tells_a_length() -> None:
    async def run() -> Delivery:
        async with serving(
            absorbing(Seen(), b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n")
        ) as port:
            return await Client(timeout_ms=2_000).deliver(
                port, Head(method="HEAD", path="/upload", headers=())
            )

    delivery = asyncio.run(run())
    assert delivery.reply is not None
    assert delivery.reply.body == b""


def test_bytes_are_told_as_they_are_sent() -> None:
    counts: list[int] = []

    async def run() -> Delivery:
        async with serving(absorbing(Seen(), NO_CONTENT, after=len(BODY))) as port:
            return await Client().deliver(port, head(), blocks(), on_sent=counts.append)

    delivery = asyncio.run(run())
    assert sum(counts) == delivery.sent == len(BODY)
    assert len(counts) >= 4

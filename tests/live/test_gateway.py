"""The gateway between a program and a storm: what it hands on, answers by itself, and breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from patchstorm.dialect.tus.heard import heard
from patchstorm.history.model import Completion, UploadInfo
from patchstorm.live.gateway import Gateway, Taken
from patchstorm.scenario import payload
from patchstorm.scenario.plan import UploadPlan

SIZE = 1_000
FILE = UploadPlan(number=3, info=UploadInfo(id="u0", size=SIZE, target="t"), chunk=100)
BYTES = payload.generate(3, 0, 0, SIZE)
TYPE = "Content-Type: application/offset+octet-stream\r\n"


@asynccontextmanager
async def opened() -> AsyncIterator[Gateway]:
    gateway = Gateway(FILE, ["u0", "u1"], heard)
    await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.close()


class Caller:
    """A program's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def to(cls, gateway: Gateway) -> Caller:
        return cls(*await asyncio.open_connection("127.0.0.1", gateway.port))

    def say(self, head: str, body: bytes = b"", *, length: int | None = None) -> None:
        counted = f"Content-Length: {len(body) if length is None else length}\r\n"
        self.writer.write(f"{head}Host: x\r\n{counted}\r\n".encode() + body)

    async def hear(self) -> str:
        """The head of an answer."""
        return (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()


def ok(status: int = 204, **headers: str) -> Completion:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Completion(op=0, time_ns=0, outcome="ok", status=status, headers=named)


async def taken(gateway: Gateway) -> Taken:
    async with asyncio.timeout(30):
        return await gateway.asked.get()


def test_a_request_is_handed_on_and_the_connection_serves_the_next() -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            caller.say(f"POST /files/ HTTP/1.1\r\nUpload-Length: {SIZE}\r\nUser-Agent: me\r\n")
            one = await taken(gateway)
            assert (one.asked.request.kind, one.asked.request.upload) == ("create", "")
            assert one.asked.request.beside == (("User-Agent", "me"),)
            one.give(ok(201, location="/a/b", upload_offset="0", content_length="7"), "/files/u0")
            answer = await caller.hear()
            assert answer.startswith("http/1.1 201")
            assert "location: /files/u0\r\n" in answer
            assert "content-length: 0\r\n" in answer
            assert "upload-offset: 0\r\n" in answer
            caller.say(f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: 10\r\n{TYPE}", BYTES[10:30])
            two = await taken(gateway)
            request = two.asked.request
            assert (request.kind, request.upload, request.offset) == ("append", "u0", 10)
            assert (request.length, two.asked.came) == (20, 20)
            two.give(ok())
            assert (await caller.hear()).startswith("http/1.1 204")

    asyncio.run(tried())


def test_without_an_answer_the_connection_is_reset() -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            caller.say("HEAD /files/u1 HTTP/1.1\r\n")
            one = await taken(gateway)
            assert (one.asked.request.kind, one.asked.request.upload) == ("query", "u1")
            one.give(Completion(op=0, time_ns=0, outcome="info"))
            with pytest.raises(ConnectionResetError):
                await caller.reader.read()

    asyncio.run(tried())


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /files/u0 HTTP/1.1\r\n", 405),
        ("HEAD /files/u7 HTTP/1.1\r\n", 404),
        ("POST /elsewhere HTTP/1.1\r\n", 404),
        (f"PATCH /files/u0 HTTP/1.1\r\n{TYPE}", 400),
        (f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: -1\r\n{TYPE}", 400),
    ],
)
def test_what_is_nobodys_is_answered_here_and_kept_from_the_fleet(head: str, status: int) -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            caller.say(head)
            assert (await caller.hear()).startswith(f"http/1.1 {status}")
            assert gateway.asked.empty()

    asyncio.run(tried())


@pytest.mark.parametrize("framed", [True, False])
def test_of_a_body_that_breaks_off_it_is_told_how_much_came(framed: bool) -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            head = f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: 0\r\n{TYPE}"
            if framed:
                caller.say(head, BYTES[:60], length=100)
            else:
                chunk = b"3c\r\n" + BYTES[:60] + b"\r\n"
                caller.writer.write(
                    f"{head}Host: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunk
                )
            await caller.writer.drain()
            caller.writer.close()
            one = await taken(gateway)
            assert one.asked.came == 60
            assert one.asked.request.length == (100 if framed else SIZE)

    asyncio.run(tried())


def test_who_waits_to_be_asked_for_its_body_is_asked() -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            head = f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: 0\r\nExpect: 100-continue\r\n{TYPE}"
            caller.say(head, length=5)
            assert (await caller.hear()).startswith("http/1.1 100")
            caller.writer.write(BYTES[:5])
            assert (await taken(gateway)).asked.came == 5

    asyncio.run(tried())


def test_a_method_in_a_header_counts_and_is_sent_on_as_it_was_written() -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            override = "X-HTTP-Method-Override: PATCH\r\n"
            caller.say(
                f"POST /files/u0 HTTP/1.1\r\nUpload-Offset: 0\r\n{override}{TYPE}", BYTES[:9]
            )
            request = (await taken(gateway)).asked.request
            assert (request.kind, request.method) == ("append", "POST")
            assert ("X-HTTP-Method-Override", "PATCH") in request.beside

    asyncio.run(tried())


@pytest.mark.parametrize(
    ("head", "body", "says"),
    [
        (
            f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: 0\r\n{TYPE}",
            b"wrong",
            "not those of its file",
        ),
        (
            f"PATCH /files/u0 HTTP/1.1\r\nUpload-Offset: 990\r\n{TYPE}",
            BYTES[:20],
            "not those of its file",
        ),
        ("POST /files/ HTTP/1.1\r\nUpload-Length: 7\r\n", b"", "in one upload"),
        ("POST /files/ HTTP/1.1\r\nUpload-Concat: partial\r\n", b"", "in one upload"),
    ],
)
def test_a_program_that_uploads_something_else_is_told_of(
    head: str, body: bytes, says: str
) -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            caller.say(head, body)
            with pytest.raises(ConnectionResetError):
                await caller.reader.read()
            assert gateway.asked.empty()
            assert says in str(gateway.wrong)

    asyncio.run(tried())


@pytest.mark.parametrize(
    ("told", "begins"), [("http://host:1/a", "http://127.0.0.1:"), ("/a?b=c", "/files/u1")]
)
def test_an_address_is_given_in_the_form_that_the_server_has(told: str, begins: str) -> None:
    async def tried() -> None:
        async with opened() as gateway:
            location = gateway.location("u1", told)
            assert location.startswith(begins)
            assert location.endswith("/files/u1")

    asyncio.run(tried())


def test_when_it_is_closed_nobody_listens_and_nobody_is_left_waiting() -> None:
    async def tried() -> None:
        async with opened() as gateway:
            caller = await Caller.to(gateway)
            caller.say("HEAD /files/u0 HTTP/1.1\r\n")
            await taken(gateway)
        with pytest.raises(ConnectionResetError):
            await caller.reader.read()
        with pytest.raises(ConnectionRefusedError):
            await Caller.to(gateway)

    asyncio.run(tried())

"""Tiny servers on loopback that do exactly what a test says, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """What arrived at a fake server: raw bytes of each connection, and how each ended."""

    data: list[bytearray] = field(default_factory=list)
    endings: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def body(self, index: int = 0) -> bytes:
        return bytes(self.data[index].partition(b"\r\n\r\n")[2])

    def head(self, index: int = 0) -> bytes:
        return bytes(self.data[index].partition(b"\r\n\r\n")[0])


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """A server on a free port of 127.0.0.1; yields the port."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


def absorbing(seen: Seen, answer: bytes | None = None, *, after: int = 0) -> Handler:
    """Reads to the end of the connection; answers once ``after`` bytes of body have come."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = bytearray()
        seen.data.append(data)
        answered = answer is None
        try:
            while block := await reader.read(65536):
                data += block
                _, blank, body = data.partition(b"\r\n\r\n")
                if not answered and blank and len(body) >= after:
                    answered = True
                    assert answer is not None
                    writer.write(answer)
            seen.endings.append("fin")
        except ConnectionResetError:
            seen.endings.append("reset")
        finally:
            writer.close()
            seen.over.set()

    return handle


def reply(status: int, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

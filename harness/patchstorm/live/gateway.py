"""The way of a program to the fleet: a small HTTP/1.1 server on loopback that answers nothing by itself.

What is asked of it waits in :attr:`Gateway.asked` for whoever carries it on, and gets the answer, or has its
connection reset, when that has been done. What a request means is the dialect's to say; uploads have paths of
the harness's own here, so that no program reaches a replica past the gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import h11
from msgspec.structs import replace

from patchstorm.dialect.base import Heard
from patchstorm.dialect.operations import Request
from patchstorm.errors import UsageError
from patchstorm.history.model import Completion
from patchstorm.live.http import SERVER_ADDRESS
from patchstorm.live.relay import reset
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Asked
from patchstorm.scenario.plan import UploadPlan

ENDPOINT: Final = "/files/"
READ_BYTES: Final = 256 * 1024
_NOT_PASSED_ON: Final = frozenset(
    ("host", "connection", "keep-alive", "te", "upgrade", "content-length", "transfer-encoding", "expect",
     "trailer", "proxy-authorization")
)  # fmt: skip
"""What a program says of its own connection."""
_NOT_GIVEN_BACK: Final = frozenset(
    ("connection", "keep-alive", "content-length", "transfer-encoding", "location", "date", "trailer",
     "upgrade")
)  # fmt: skip

Hear = Callable[[str, Sequence[tuple[str, str]]], Heard | None]


@dataclass(slots=True)
class Taken:
    """A request that waits for its answer; ``answer`` is given once, None: the connection breaks."""

    asked: Asked
    answer: asyncio.Future[tuple[int, tuple[tuple[str, str], ...]] | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def give(self, end: Completion | None, location: str = "") -> None:
        """Answer as ``end`` says. ``location`` stands for the address in it; the body is left out."""
        if self.answer.done():
            return
        if end is None or end.status is None:
            self.answer.set_result(None)
            return
        headers = [pair for pair in end.headers.items() if pair[0].lower() not in _NOT_GIVEN_BACK]
        if location and "location" in end.headers:
            headers.append(("location", location))
        self.answer.set_result((end.status, tuple(headers)))


class Gateway:
    """One program's. ``file`` is the upload whose bytes the program's file has, ``hear`` the dialect's.

    ``uploads`` are all that it may come to work on; a path that is nobody's is answered 404 here.
    """

    def __init__(self, file: UploadPlan, uploads: Iterable[str], hear: Hear) -> None:
        self.asked: asyncio.Queue[Taken] = asyncio.Queue()
        self.wrong: UsageError | None = None
        """Why no storm can be run with this program."""
        self._file = file
        self._hear = hear
        self._paths = {f"{ENDPOINT}{ident}": ident for ident in uploads}
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        """Listen, on a port that is free."""
        self._server = await asyncio.start_server(self._connected, SERVER_ADDRESS, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more, and break what is there."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def endpoint(self) -> str:
        """The creation URL."""
        return f"http://{SERVER_ADDRESS}:{self.port}{ENDPOINT}"

    def location(self, upload: str, told: str) -> str:
        """An upload's address here, in the form in which the server ``told`` its own: whole, or a path."""
        path = f"{ENDPOINT}{upload}"
        return f"http://{SERVER_ADDRESS}:{self.port}{path}" if "://" in told else path

    # ---- connections

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(_Line(reader, writer))
        except (OSError, h11.RemoteProtocolError, asyncio.CancelledError):
            reset(writer)  # nobody waits for this task
        except UsageError as error:
            self.wrong = error
            reset(writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, line: _Line) -> None:
        while (head := await line.head()) is not None:
            request = self._read(head)
            if isinstance(request, HTTPStatus):
                await line.body(0)
                await line.answer(request, ())
            else:
                taken = Taken(await self._whole(head, request, line))
                self.asked.put_nowait(taken)
                answer = await taken.answer
                if answer is None:
                    raise ConnectionResetError
                await line.answer(*answer)
            if not line.next():
                return

    def _read(self, head: h11.Request) -> Request | HTTPStatus:
        """What a head asks for, its body aside; a status where the gateway itself has to answer."""
        path = head.target.decode("latin-1").partition("?")[0].rstrip("/")
        try:
            heard = self._hear(head.method.decode("ascii"), _its_own(head))
        except ValueError:
            return HTTPStatus.BAD_REQUEST
        if heard is None:
            return HTTPStatus.METHOD_NOT_ALLOWED
        request = heard.request
        if request.kind not in ("create", "discover"):
            upload = self._paths.get(path)
            return HTTPStatus.NOT_FOUND if upload is None else replace(request, upload=upload)
        if path != ENDPOINT.rstrip("/"):
            return HTTPStatus.NOT_FOUND
        if heard.part or heard.size not in (None, self._file.size):
            what = "a part of an upload" if heard.part else f"an upload of {heard.size} bytes"
            raise UsageError(
                f"the program creates {what}, and its file has {self._file.size}: give it options with which "
                "it sends its file in one upload"
            )
        return request

    async def _whole(self, head: h11.Request, request: Request, line: _Line) -> Asked:
        """The request with its body's length and as much of the body as came; its bytes are the file's."""
        start = request.offset
        announced = dict(head.headers).get(b"content-length")
        data, ended = await line.body(self._file.size + 1)
        length = len(data) if ended else max(len(data), self._file.size - start)
        if announced is not None:
            length = int(announced)
        if not (request.kind == "append" or request.whole):
            length, data = 0, b""
        honest = start + length <= self._file.size and data == payload.generate(
            self._file.number, 0, start, len(data)
        )
        if not honest:
            raise UsageError(
                f"the program sent {length} bytes at offset {start} that are not those of its file, which "
                f"has {self._file.size}: what a server makes of them cannot be judged"
            )
        return Asked(request=replace(request, length=length), came=len(data))


class _Line:
    """One connection of a program."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)

    async def head(self) -> h11.Request | None:
        """The next request's; None where none comes any more."""
        event = await self._event()
        return event if isinstance(event, h11.Request) else None

    async def body(self, bytes_max: int) -> tuple[bytes, bool]:
        """As much of it as comes before the connection ends, and whether that was all.

        Nothing beyond ``bytes_max`` is kept.
        """
        if self._http.they_are_waiting_for_100_continue:
            await self._send(h11.InformationalResponse(status_code=100, headers=[]))
        data = bytearray()
        while True:
            try:
                event = await self._event()
            except (OSError, h11.RemoteProtocolError):
                return bytes(data), False
            if isinstance(event, h11.Data):
                data += event.data[: max(0, bytes_max - len(data))]
            else:
                return bytes(data), isinstance(event, h11.EndOfMessage)

    async def answer(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """With no body."""
        fields = list(headers)
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            fields.append(("content-length", "0"))
        await self._send(h11.Response(status_code=status, headers=fields))
        await self._send(h11.EndOfMessage())

    def next(self) -> bool:
        """Whether another request may come here."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            self._http.receive_data(await self._reader.read(READ_BYTES))
        return event

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._writer.write(data)
            await self._writer.drain()


def _its_own(head: h11.Request) -> tuple[tuple[str, str], ...]:
    """What the program says to the server, as it wrote it."""
    pairs = (
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in head.headers.raw_items()
    )
    return tuple(pair for pair in pairs if pair[0].lower() not in _NOT_PASSED_ON)

"""Two replicas over one directory, and a client that spells single requests for the probes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.dialect.tus.codec import (
    PATCH_TYPE,
    TUS_VERSION,
    created_url,
    encode,
    published_path,
)
from patchstorm.errors import TargetError
from patchstorm.history.model import UploadInfo
from patchstorm.live import tree
from patchstorm.live.fleet import Fleet, running
from patchstorm.live.http import Client, Ending
from patchstorm.live.storage import Storage, opened
from patchstorm.live.tree import Change
from patchstorm.live.watch import TreeWatch
from patchstorm.scenario import payload
from patchstorm.target.model import Target

REPLICAS = 2
POLL_S = 0.05
SAID_BYTES = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An upload that a probe created: its number, declared size and URL."""

    number: int
    size: int
    url: str

    def body(self, offset: int, length: int) -> bytes:
        return bytes(payload.generate(self.number, 0, offset, length))

    @property
    def info(self) -> UploadInfo:
        return UploadInfo(id=f"p{self.number}", size=self.size, target=f"probe-{self.number}.bin")


class Silence(Exception):
    """A request that a probe relies on got no answer; the message says which and why."""


@dataclass(slots=True)
class Bench:
    """What the probes work with. ``changes`` are what appeared and vanished on the storage."""

    target: Target
    fleet: Fleet
    storage: Storage
    changes: list[Change] = field(default_factory=list)
    _count: int = 0

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        replica: int = 0,
        mischief: Mischief | None = None,
        ending: Ending | None = None,
    ) -> Reply | None:
        """One request with the headers that tus and the target ask for; None without an answer."""
        fixed = {"Tus-Resumable": TUS_VERSION, **self.target.wire.headers}
        head = Head(
            method=method,
            path=path,
            headers=tuple({**fixed, **(headers or {})}.items()),
            length=len(body or b""),
            has_body=body is not None,
        )
        port = self.fleet.replicas[replica].port
        assert port is not None
        client = Client(timeout_ms=self.target.wire.request_ms)
        delivery = await client.deliver(
            port, head, (lambda: _blocks(body)) if body else None, mischief, ending=ending
        )
        return delivery.reply

    async def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        replica: int = 0,
    ) -> Reply:
        """As :meth:`send`; Silence where no answer came."""
        reply = await self.send(method, path, headers, body, replica=replica)
        if reply is None:
            raise Silence(f"{method} {path} got no answer")
        return reply

    @property
    def next(self) -> int:
        """The number that the next upload will have."""
        return self._count + 1

    async def post(
        self, size: int | None, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[Reply, int]:
        """A creation and the number of its upload. ``size`` None declares no length."""
        self._count += 1
        number = self._count
        info = UploadInfo(id=f"p{number}", size=size or 0, target=f"probe-{number}.bin")
        usual = encode(self.target.wire, Request(kind="create", upload=info.id), info, None)
        said = dict(usual.headers)
        if size is None:
            del said["Upload-Length"]
        if body:
            said["Content-Type"] = PATCH_TYPE
        reply = await self.ask("POST", usual.path, {**said, **(headers or {})}, body)
        return reply, number

    async def create(self, size: int) -> Made:
        """A new upload of ``size`` bytes; TargetError where the server makes none."""
        reply, number = await self.post(size)
        url = created_url(self.target.wire, reply)
        if url is None:
            raise TargetError(
                f"POST {self.target.wire.path} creates no upload: it was answered "
                f"{described(reply)}. Is `wire.path` right? Must requests carry something more "
                "(`wire.headers`, `wire.metadata`)?"
            )
        return Made(number=number, size=size, url=url)

    async def patch(
        self,
        url: str,
        offset: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        replica: int = 0,
    ) -> Reply:
        fixed = {"Content-Type": PATCH_TYPE, "Upload-Offset": str(offset)}
        return await self.ask("PATCH", url, {**fixed, **(headers or {})}, body, replica=replica)

    async def offset(self, url: str, *, replica: int = 0) -> int | None:
        """The offset that HEAD gives; None where it gives none."""
        reply = await self.ask("HEAD", url, replica=replica)
        return offset_of(reply) if reply.status < 300 else None

    def path(self, made: Made) -> str | None:
        """Where the target's file says that the upload's bytes lie, below the root."""
        wire, files = self.target.wire, self.target.files
        return published_path(files.published, wire, made.info, made.url)

    async def assembled(self, made: Made) -> bytes | None:
        """The bytes as the target's file says that they are had; None where there are none."""
        if self.target.files.read == "get":
            reply = await self.send("GET", made.url)
            return reply.body if reply is not None and reply.status == 200 else None
        path = self.path(made)
        try:
            return (self.storage.view / (path or "")).read_bytes()
        except OSError:
            return None

    def holding(self, wanted: bytes) -> list[str]:
        """The files below the root that hold exactly ``wanted``."""
        view = self.storage.view
        return [
            path
            for path in tree.paths(view)
            if (view / path).is_file() and (view / path).read_bytes() == wanted
        ]


def _blocks(body: bytes) -> Iterator[memoryview]:
    yield memoryview(body)


def offset_of(reply: Reply) -> int | None:
    """The Upload-Offset of an answer; None where there is none that is a number."""
    text = reply.headers.get("upload-offset", "")
    return int(text) if text.isascii() and text.isdigit() else None


def described(reply: Reply | None) -> str:
    """An answer in a phrase, with the beginning of what it said."""
    if reply is None:
        return "no answer"
    said = " ".join(reply.body[:SAID_BYTES].decode("utf-8", "replace").split())
    return f"{reply.status} ({said})" if said and reply.status >= 300 else str(reply.status)


async def until(seconds: float) -> AsyncIterator[None]:
    """Turns, a little apart, until ``seconds`` have passed."""
    deadline = time.monotonic() + seconds
    while True:
        yield
        if time.monotonic() >= deadline:
            return
        await asyncio.sleep(POLL_S)


@contextlib.asynccontextmanager
async def benched(
    target: Target, log_dir: Path, *, lifetime_ms: int | None = None
) -> AsyncIterator[Bench]:
    """A bench with its replicas started; TargetError where they do not start."""
    async with (
        opened("tmpfs") as storage,
        running(target, storage, REPLICAS, log_dir=log_dir, lifetime_ms=lifetime_ms) as fleet,
    ):
        bench = Bench(target, fleet, storage)
        watch = TreeWatch(storage.view)
        watch.listen(bench.changes.append)
        async with watch:
            yield bench

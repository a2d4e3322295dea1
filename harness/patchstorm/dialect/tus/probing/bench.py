"""A client that spells single requests of tus for the probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.ground import Ending, Ground
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.dialect.tus.codec import PATCH_TYPE, TUS_VERSION, created_url, encode, fetch
from patchstorm.errors import TargetError
from patchstorm.history.model import UploadInfo

SAID_BYTES = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An upload that a probe created: its number, declared size and URL."""

    ground: Ground
    number: int
    size: int
    url: str

    def body(self, offset: int, length: int) -> bytes:
        return self.ground.payload(self.number, offset, length)

    @property
    def info(self) -> UploadInfo:
        return _info(self.number, self.size)


def _info(number: int, size: int) -> UploadInfo:
    return UploadInfo(id=f"p{number}", size=size, target=f"probe-{number}.bin")


class Silence(Exception):
    """A request that a probe relies on got no answer; the message says which and why."""


@dataclass(slots=True)
class Bench:
    """What the probes work with."""

    ground: Ground
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
        fixed = {"Tus-Resumable": TUS_VERSION, **self.ground.wire.headers}
        return await self.ground.send(
            method, path, {**fixed, **(headers or {})}, body, replica=replica, mischief=mischief,
            ending=ending,
        )  # fmt: skip

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

    def sample(self, size: int) -> Made:
        """The next upload, not created yet: its bytes can be had."""
        return Made(ground=self.ground, number=self._count + 1, size=size, url="")

    async def post(
        self, size: int | None, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> tuple[Reply, int]:
        """A creation and the number of its upload. ``size`` None declares no length."""
        self._count += 1
        number = self._count
        info = _info(number, size or 0)
        usual = encode(self.ground.wire, Request(kind="create", upload=info.id), info, None)
        said = dict(usual.headers)
        if size is None:
            del said["Upload-Length"]
        if body:
            said["Content-Type"] = PATCH_TYPE
        reply = await self.ask("POST", usual.path, {**said, **(headers or {})}, body)
        return reply, number

    def made(self, number: int, size: int, url: str) -> Made:
        """The upload of that number, whose URL is known by now."""
        return Made(ground=self.ground, number=number, size=size, url=url)

    async def create(self, size: int) -> Made:
        """A new upload of ``size`` bytes; TargetError where the server makes none."""
        reply, number = await self.post(size)
        url = created_url(self.ground.wire, reply)
        if url is None:
            raise TargetError(
                f"POST {self.ground.wire.path} creates no upload: it was answered "
                f"{described(reply)}. Is `wire.path` right? Must requests carry something more "
                "(`wire.headers`, `wire.metadata`)?"
            )
        return self.made(number, size, url)

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
        return self.ground.path(made.info, made.url)

    async def assembled(self, made: Made) -> bytes | None:
        """The bytes as the target's file says that they are had; None where there are none."""
        if self.ground.by_get:
            reply = await self.send("GET", fetch(self.ground.wire, made.url).path)
            return reply.body if reply is not None and reply.status == 200 else None
        return self.ground.read(self.path(made) or "")

    def holding(self, wanted: bytes) -> list[str]:
        """The files below the root that hold exactly ``wanted``."""
        return [path for path in self.ground.paths() if self.ground.read(path) == wanted]


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

"""A client that spells single requests of tus for the probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from patchstorm.dialect.cases.claims import NUMBER
from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.ground import Ending, Ground
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.dialect.tus.codec import (
    PATCH_TYPE,
    TUS_VERSION,
    created_url,
    encode,
    fetch,
    published_path,
    upload_id,
)
from patchstorm.errors import TargetError
from patchstorm.history.model import UploadInfo

SAID_BYTES = 160
NOT_IMPLEMENTED = 501
TOLD_WITHIN_S = 0.06


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An upload that a probe created: its number, declared size and URL."""

    ground: Ground
    number: int
    size: int
    url: str
    target: str = ""

    def body(self, offset: int, length: int) -> bytes:
        return self.ground.payload(self.number, offset, length)

    @property
    def info(self) -> UploadInfo:
        return _info(self.number, self.size, self.target)


def _info(number: int, size: int, target: str = "") -> UploadInfo:
    return UploadInfo(id=f"p{number}", size=size, target=target or f"probe-{number}.bin")


class Silence(Exception):
    """What a probe relies on was not to be had, mostly an answer; the message says what and why."""


Way = Literal["path", "get", "search", "nowhere"]
"""How assembled bytes are had: where a pattern says, with GET, wherever a file holds them, or not at all."""


@dataclass(slots=True)
class Bench:
    """What the probes work with.

    ``published`` and ``way`` are how bytes are had: what the target's file says, until that was seen
    to be wrong.
    """

    ground: Ground
    published: str = ""
    way: Way = "path"
    _count: int = 0

    def __post_init__(self) -> None:
        self.published = self.published or self.ground.published
        self.way = "get" if self.ground.by_get else self.way

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
        any_status: bool = False,
    ) -> Reply:
        """As :meth:`send`; Silence where no answer came, Failure where it is 5xx, save for ``any_status``."""
        reply = await self.send(method, path, headers, body, replica=replica)
        if reply is None:
            raise Silence(f"{method} {path} got no answer")
        if reply.status >= 500 and reply.status != NOT_IMPLEMENTED and not any_status:
            raise Failure(f"{method} {path}: {described(reply)}")
        return reply

    def sample(self, size: int) -> Made:
        """The next upload, not created yet: its bytes can be had."""
        return Made(ground=self.ground, number=self._count + 1, size=size, url="")

    async def post(
        self,
        size: int | None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        target: str = "",
        any_status: bool = False,
    ) -> tuple[Reply, int]:
        """A creation and the number of its upload. ``size`` None declares no length."""
        self._count += 1
        number = self._count
        info = _info(number, size or 0, target)
        usual = encode(self.ground.wire, Request(kind="create", upload=info.id), info, None)
        said = dict(usual.headers)
        if size is None:
            del said["Upload-Length"]
        if body:
            said["Content-Type"] = PATCH_TYPE
        headers = {**said, **(headers or {})}
        reply = await self.ask("POST", usual.path, headers, body, any_status=any_status)
        return reply, number

    def made(self, number: int, size: int, url: str, target: str = "") -> Made:
        """The upload of that number, whose URL is known by now."""
        return Made(ground=self.ground, number=number, size=size, url=url, target=target)

    async def create(self, size: int, target: str = "") -> Made:
        """A new upload of ``size`` bytes; TargetError where the server makes none."""
        reply, number = await self.post(size, target=target)
        url = created_url(self.ground.wire, reply)
        if url is None:
            raise TargetError(
                f"POST {self.ground.wire.path} creates no upload: it was answered "
                f"{described(reply)}. Is `wire.path` right? Must requests carry something more "
                "(`wire.headers`, `wire.metadata`)?"
            )
        return self.made(number, size, url, target)

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

    async def known(self, url: str, *, replica: int = 0) -> int | str | None:
        """As :meth:`offset`, and what was answered instead where that is no offset."""
        reply = await self.send("HEAD", url, replica=replica)
        if reply is None or reply.status >= 300:
            return described(reply)
        return offset_of(reply)

    def path(self, made: Made) -> str:
        """Where the finished file of the upload is taken to lie, below the root."""
        return published_path(self.published, self.ground.wire, made.info, made.url) or ""

    def name(self, made: Made) -> str:
        """The server's own name for the upload."""
        return upload_id(self.ground.wire, made.url)

    async def fetched(self, made: Made) -> bytes | None:
        """The bytes that GET on the upload's URL gives; None where it gives none."""
        reply = await self.send("GET", fetch(self.ground.wire, made.url).path)
        return reply.body if reply is not None and reply.status == 200 else None

    async def assembled(self, made: Made) -> bytes | None:
        """The finished bytes as they are had from this server; None where there are none."""
        if self.way == "get":
            return await self.fetched(made)
        return self.ground.read(self.path(made))

    async def holds(self, made: Made, wanted: bytes) -> bool:
        """Whether the bytes of ``made`` are ``wanted`` at last, however they are had.

        Silence where no finished bytes are to be had from this server: then their absence shows nothing.
        """
        if self.way == "nowhere":
            raise Silence("the bytes of finished uploads are not to be had, so it cannot be told")
        async for _ in self.ground.turns(self.ground.convergence_s):
            if self.way == "search":
                if self.holding(wanted):
                    return True
            elif await self.assembled(made) == wanted:
                return True
        return False

    async def completed(self, made: Made, offset: int) -> bool:
        """Whether an upload whose first ``offset`` bytes are there comes out right with the rest."""
        await self.patch(made.url, offset, made.body(offset, made.size - offset))
        return await self.holds(made, made.body(0, made.size))

    def holding(self, wanted: bytes) -> list[str]:
        """The files below the root that hold exactly ``wanted``."""
        return [path for path in self.ground.paths() if self.ground.read(path) == wanted]

    async def rest(self) -> None:
        """Let what happened on the storage be told."""
        async for _ in self.ground.turns(TOLD_WITHIN_S):
            pass


class Failure(Exception):
    """A request that a probe relies on was answered 5xx: nothing follows from it."""


def offset_of(reply: Reply) -> int | None:
    """The Upload-Offset of an answer; None where there is none that is a number."""
    text = reply.headers.get("upload-offset", "")
    return int(text) if NUMBER.fullmatch(text) else None


def described(reply: Reply | None) -> str:
    """An answer in a phrase, with the beginning of what it said."""
    if reply is None:
        return "no answer"
    said = " ".join(reply.body[:SAID_BYTES].decode("utf-8", "replace").split())
    return f"{reply.status} ({said})" if said and reply.status >= 300 else str(reply.status)

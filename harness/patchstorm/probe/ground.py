"""Two replicas over one directory, for the probes of a dialect (``dialect.ground.Ground``)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.ground import Ending, Ground
from patchstorm.dialect.operations import Mischief
from patchstorm.errors import UnreadableError
from patchstorm.live import beneath, tree
from patchstorm.live.fleet import Fleet, running
from patchstorm.live.http import Client
from patchstorm.live.storage import Storage, opened
from patchstorm.live.tree import Change
from patchstorm.live.watch import TreeWatch
from patchstorm.scenario import payload
from patchstorm.target.model import Target
from patchstorm.target.patterns import covers, matches

REPLICAS = 2
POLL_S = 0.05
Said = Callable[[str], None]
READ_BYTES_MAX = 64 << 20  # far beyond what a probe sends


class LiveGround:
    """Real replicas and their storage."""

    def __init__(
        self, target: Target, fleet: Fleet, storage: Storage, log_dir: Path, said: Said
    ) -> None:
        self.wire = target.wire
        self.published = target.files.published
        self.by_get = target.files.read == "get"
        self.expires = bool(target.start.lifetime)
        self.phases: Mapping[str, tuple[str, ...]] = target.phases
        self.declared: Collection[str] = target.capabilities
        self.convergence_s = target.settle.convergence_ms / 1_000
        self.sweep_s = target.settle.sweep_ms / 1_000
        self.shown: list[tuple[str, str]] = []
        self.filled: dict[str, bool] = {}
        self._target = target
        self._fleet = fleet
        self._view = storage.view
        self._log_dir = log_dir
        self._said = said

    def saw(self, change: Change) -> None:
        self.shown.append((change.path, change.what))
        if change.filled is not None:
            self.filled[change.path] = change.filled or self.filled.get(change.path, False)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        replica: int = 0,
        mischief: Mischief | None = None,
        ending: Ending | None = None,
    ) -> Reply | None:
        head = Head(
            method=method,
            path=path,
            headers=tuple(headers.items()),
            length=len(body or b""),
            has_body=body is not None,
        )
        port = self._fleet.replicas[replica].port
        assert port is not None
        client = Client(timeout_ms=self.wire.request_ms)
        delivery = await client.deliver(
            port, head, (lambda: _blocks(body)) if body else None, mischief, ending=ending
        )
        return delivery.reply

    def payload(self, number: int, offset: int, length: int) -> bytes:
        return bytes(payload.generate(number, 0, offset, length))

    def read(self, path: str) -> bytes | None:
        try:
            with beneath.opened(self._view, path) as file:
                return None if file is None else os.pread(file, READ_BYTES_MAX, 0)
        except (OSError, ValueError, UnreadableError):
            return None

    def paths(self) -> tuple[str, ...]:
        return tree.paths(self._view)

    def special(self, path: str) -> str | None:
        try:
            return beneath.special(self._view, path)
        except UnreadableError:
            return None

    def is_directory(self, path: str) -> bool:
        full = self._view / path
        return full.is_dir() and not full.is_symlink()

    def matches(self, path: str, patterns: tuple[str, ...]) -> bool:
        return matches(path, patterns)

    def is_internal(self, path: str) -> bool:
        files = self._target.files
        return covers(path, files.internal) or covers(path, files.leftovers)

    def may_stay(self, path: str) -> bool:
        return matches(path, self._target.files.leftovers)

    @property
    def last_words(self) -> str:
        """What the replicas said at the end, for the reader of a failure."""
        return "\n".join(filter(None, (replica.tail() for replica in self._fleet.replicas)))

    def begins(self, probe: str) -> None:
        self._said(probe)

    async def turns(self, seconds: float) -> AsyncIterator[None]:
        deadline = time.monotonic() + seconds
        while True:
            yield
            left = deadline - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(POLL_S, left))

    def shortlived(self, lifetime_ms: int) -> AbstractAsyncContextManager[Ground]:
        return grounded(self._target, self._log_dir, self._said, lifetime_ms=lifetime_ms)


def _blocks(body: bytes) -> Iterator[memoryview]:
    yield memoryview(body)


@contextlib.asynccontextmanager
async def grounded(
    target: Target, log_dir: Path, said: Said, *, lifetime_ms: int | None = None
) -> AsyncIterator[LiveGround]:
    """A ground with its replicas started; TargetError where they do not start."""
    async with (
        opened("tmpfs") as storage,
        running(target, storage, REPLICAS, log_dir=log_dir, lifetime_ms=lifetime_ms) as fleet,
    ):
        ground = LiveGround(target, fleet, storage, log_dir, said)
        watch = TreeWatch(storage.view)
        watch.listen(ground.saw)
        async with watch:
            yield ground

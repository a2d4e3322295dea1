"""SHA-256 beside the work: one thread writes a block while another hashes it.

Hashing and writing take about the same time and both leave the interpreter free, so on two cores a
body comes in, and a file is assembled, in little more than the time of one of them. A store that is
simulated uses ``hashlib.sha256`` itself; both satisfy :class:`Digest`.
"""

from __future__ import annotations

import hashlib
from collections import deque
from threading import Condition
from typing import TYPE_CHECKING, Protocol

from .port import Data

if TYPE_CHECKING:
    from concurrent.futures import Executor

QUEUED_BYTES_MAX = 2 << 20
INLINE_BYTES_MAX = 64 << 10


class Digest(Protocol):
    """What the store asks of a hash.

    A block that can change (anything but ``bytes``) must not change before the next call returns.
    """

    def update(self, block: Data, /) -> None: ...
    def digest(self) -> bytes: ...
    def hexdigest(self) -> str: ...


class HashedBeside:
    """A SHA-256 whose blocks are hashed by one of the executor's threads, in their order."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._sha256 = hashlib.sha256()
        self._blocks: deque[Data] = deque()
        self._queued_bytes = 0
        self._running = False
        self._changed = Condition()

    def update(self, block: Data, /) -> None:
        """Take a block. Waits when much is queued, and for earlier blocks before one that can change."""
        if not isinstance(block, bytes) or self._queued_bytes >= QUEUED_BYTES_MAX:
            self._wait()
        if len(block) <= INLINE_BYTES_MAX and not self._running:
            self._sha256.update(block)
            return
        with self._changed:
            self._blocks.append(block)
            self._queued_bytes += len(block)
            if not self._running:
                self._running = True
                self._executor.submit(self._run)

    def digest(self) -> bytes:
        self._wait()
        return self._sha256.digest()

    def hexdigest(self) -> str:
        return self.digest().hex()

    def _wait(self) -> None:
        with self._changed:
            while self._running:
                self._changed.wait()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._blocks:
                    self._running = False
                    self._changed.notify_all()
                    return
                block = self._blocks.popleft()
                self._queued_bytes -= len(block)
            self._sha256.update(block)

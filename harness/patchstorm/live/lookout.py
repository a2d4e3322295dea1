"""The harness's end of a sentinel: one for a storm that strikes at what shows on the storage."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

from patchstorm.errors import InconclusiveError
from patchstorm.live.guard import guard

ARMED_S_MAX = 20.0


class Sight(NamedTuple):
    """What a rule waits for was seen; ``held``: it was still going on when the fleet stood still."""

    rule: str
    path: str
    time_ns: int
    held: bool


class Lookout:
    """Speaks with the sentinel process.

    ``seen`` is called while the whole fleet stands still, with all that was seen of it in that state.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.seen: Callable[[list[Sight]], None] | None = None
        self._process = process
        self._waiting = b""
        self._armed = asyncio.Event()

    async def arm(self, root: Path, rules: list[dict[str, Any]]) -> None:
        """Watch ``root`` from now on. Each rule: id, nth, and patterns ``appeared``, ``vanished``,
        ``changed``."""
        self.tell(watch=str(root), rules=rules)
        try:
            async with asyncio.timeout(ARMED_S_MAX):
                await self._armed.wait()
        except TimeoutError:
            raise InconclusiveError(
                "the process that watches the storage did not come up; is the machine overloaded?"
            ) from None

    def tell(self, **message: Any) -> None:
        """Send a message; nothing if the sentinel is gone."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def readable(self) -> None:
        """The sentinel said something."""
        assert self._process.stdout is not None
        data = self._process.stdout.read1(1 << 16)  # type: ignore[attr-defined]
        if not data:
            asyncio.get_running_loop().remove_reader(self._process.stdout)
            return
        *lines, self._waiting = (self._waiting + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message.get("armed"):
                self._armed.set()
            elif self.seen is not None:
                self.seen([Sight(**sight) for sight in message["sights"]])


@contextlib.asynccontextmanager
async def looking_out() -> AsyncIterator[Lookout]:
    """A sentinel of its own for one storm; it comes up while the caller does other things."""
    process = subprocess.Popen(
        [sys.executable, "-m", "patchstorm.live.sentinel"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    guard.adopt_group(process.pid)
    assert process.stdin is not None and process.stdout is not None
    lookout = Lookout(process)
    loop = asyncio.get_running_loop()
    loop.add_reader(process.stdout, lookout.readable)
    try:
        yield lookout
    finally:
        loop.remove_reader(process.stdout)
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        guard.release_group(process.pid)

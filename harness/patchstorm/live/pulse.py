"""The harness's own heartbeat: was it scheduled at all, or are its bounds worth nothing?"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from patchstorm.history import Recorder
from patchstorm.history.events import Stall

BEAT_MS = 25
STALL_MS = 250


@contextlib.asynccontextmanager
async def beating(recorder: Recorder) -> AsyncIterator[None]:
    """Write a ``stall`` event whenever the event loop stood still for more than STALL_MS."""
    task = asyncio.create_task(_beat(recorder))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _beat(recorder: Recorder) -> None:
    last = time.monotonic_ns()
    while True:
        await asyncio.sleep(BEAT_MS / 1_000)
        now = time.monotonic_ns()
        late_ms = (now - last) // 1_000_000 - BEAT_MS
        if late_ms > STALL_MS:
            recorder.add(Stall(time_ns=now, for_ms=late_ms))
        last = now

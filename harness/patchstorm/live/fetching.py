"""The assembled bytes of uploads, where a target's bytes are had with GET on their URLs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from patchstorm.history.model import Final
from patchstorm.run.last_look import final_of
from patchstorm.scenario.plan import Plan, UploadPlan

POLL_S = 0.1
Get = Callable[[UploadPlan], Awaitable[bytes | None]]


async def fetched(plan: Plan, get: Get, *, until: float) -> list[Final]:
    """The finals of a plan's uploads; ``get`` gives the bytes of one.

    An upload that is not whole yet is asked for again until the moment ``until`` (time.monotonic).
    """
    found = []
    for upload in plan.uploads:
        data = await get(upload)
        while (data is None or len(data) < upload.size) and time.monotonic() < until:
            await asyncio.sleep(POLL_S)
            data = await get(upload)
        found.append(final_of(plan, upload, data))
    return found

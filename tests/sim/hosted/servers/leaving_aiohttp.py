"""The small server on aiohttp, which ends itself or fails at every PATCH but the first: ``LEAVES`` is how."""

import asyncio
import os
import sys
import threading
from contextlib import suppress

from aiohttp import web
from race_aiohttp import make as make_safe


async def in_handler():
    sys.exit(3)


async def in_task():
    async def leave():
        sys.exit("it had enough")

    await asyncio.create_task(leave())


async def in_executor():
    await asyncio.to_thread(sys.exit)


async def in_thread():
    """Ends the thread and nothing else."""
    threading.Thread(target=sys.exit, args=(6,)).start()


async def caught():
    with suppress(SystemExit):
        sys.exit(7)


async def in_error():
    print("LookupError: nothing there", file=sys.stderr)
    raise LookupError("nothing there")


async def in_conflict():
    print("no way")
    raise web.HTTPConflict(headers={"Tus-Resumable": "1.0.0"})


async def linger():
    try:
        await asyncio.sleep(3600)
    finally:
        print("wound up")


LINGERS = []
LEAVE = {
    one.__name__: one
    for one in (in_handler, in_task, in_executor, in_thread, caught, in_error, in_conflict)
}


@web.middleware
async def leaving(request, handler):
    if request.headers.get("Upload-Offset", "0") != "0":
        LINGERS.append(asyncio.create_task(linger()))
        await asyncio.sleep(0)  # it has begun
        await LEAVE[os.environ["LEAVES"]]()
    return await handler(request)


def make():
    app = make_safe()
    app.middlewares.append(leaving)
    return app

"""A small tus server on aiohttp: one file holds an upload's bytes, and its size is the offset.

It looks at the size and then appends, with nothing in between that keeps others out. ``LOCKED=1`` is its
repaired twin, which holds a lock on a file beside the upload from the look to the append.
"""

import asyncio
import fcntl
import os
import uuid
from pathlib import Path

from aiohttp import web

ROOT = Path(os.environ["UPLOADS"])
LOCKED = os.environ.get("LOCKED") == "1"
TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


def places(ident):
    return ROOT / f"{ident}.part", ROOT / f"{ident}.size", ROOT / f"{ident}.bin"


def look(ident):
    size = places(ident)[1]
    with open(size, "r+") as lock:
        if LOCKED:
            fcntl.flock(lock, fcntl.LOCK_EX)
        return *found(ident), size.read_text().partition(" ")[2]


def found(ident):
    """The offset and the size; an upload that is complete is published by whoever meets it."""
    part, size, done = places(ident)
    whole = int(size.read_text().split()[0])
    if done.exists():
        return whole, whole
    offset = part.stat().st_size
    if offset == whole:
        try:
            os.replace(part, done)
        except FileNotFoundError:  # it was made, and its reply got lost
            done.stat()
    return offset, whole


def append(ident, at, body):
    part, size, done = places(ident)
    with open(size, "r+") as lock:
        if LOCKED:
            fcntl.flock(lock, fcntl.LOCK_EX)
        offset, whole = found(ident)
        if offset != at:
            return None
        with open(part if offset < whole else done, "ab") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        found(ident)
        return offset + len(body)


async def create(request):
    ident = uuid.uuid4().hex
    part, size, _ = places(ident)
    part.touch()
    with open(ROOT / f"{ident}.new", "w") as file:
        file.write(f"{request.headers['Upload-Length']} {request.headers['Upload-Metadata']}")
    os.replace(ROOT / f"{ident}.new", size)
    return web.Response(status=201, headers={**TUS, "Location": f"/files/{ident}"})


async def head(request):
    try:
        offset, whole, metadata = await asyncio.to_thread(look, request.match_info["ident"])
    except FileNotFoundError:
        return web.Response(status=404, headers=TUS)
    about = {"Upload-Length": str(whole), "Upload-Metadata": metadata}
    return web.Response(headers={**TUS, "Upload-Offset": str(offset), **about})


async def patch(request):
    body = await request.read()
    at = int(request.headers["Upload-Offset"])
    try:
        offset = await asyncio.to_thread(append, request.match_info["ident"], at, body)
    except FileNotFoundError:
        return web.Response(status=404, headers=TUS)
    if offset is None:
        return web.Response(status=409, headers=TUS)
    return web.Response(status=204, headers={**TUS, "Upload-Offset": str(offset)})


def make():
    app = web.Application()
    app.router.add_post("/files", create)
    app.router.add_head("/files/{ident:[0-9a-f]+}", head)
    app.router.add_patch("/files/{ident:[0-9a-f]+}", patch)
    return app

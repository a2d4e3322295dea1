"""A small tus server on aiohttp that keeps who may write in Redis: a lease for each upload, for a while.

``SET NX PX`` gives the lease to one writer, who appends to the upload's file and gives it back. A writer that
stands still for longer than the lease writes all the same. ``FENCED=1`` is its repaired twin: each lease has
a number that only grows, bytes go into a file that is named after it, and what counts is said by a link that
can be made once for each offset, so a writer who lost its lease is late.
"""

import asyncio
import contextlib
import os
import secrets
import uuid
from pathlib import Path

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import RedisError

ROOT = Path(os.environ["UPLOADS"])
FENCED = os.environ.get("FENCED") == "1"
LEASE_MS = int(os.environ.get("LEASE_MS", "200"))
WAIT_S, TRIES = 0.02, 50
REDIS = web.AppKey("redis", Redis)
TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
GIVE_BACK = """
if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end
return 0
"""


class Busy(Exception):
    """Somebody else has the lease for long."""


@contextlib.asynccontextmanager
async def lease(redis, ident):
    """The fencing number of the lease; it may be over while its holder still goes on."""
    key, mine = f"lease:{ident}", secrets.token_hex(8)
    for _ in range(TRIES):
        if await redis.set(key, mine, nx=True, px=LEASE_MS):
            break
        await asyncio.sleep(WAIT_S)
    else:
        raise Busy
    try:
        yield await redis.incr("fence")
    finally:
        with contextlib.suppress(RedisError, OSError):
            await redis.eval(GIVE_BACK, 1, key, mine)


def length_of(ident):
    return int((ROOT / f"{ident}.info").read_text().split()[0])


def parts(ident):
    """The pieces that count, each a link (offset, file) made once; together they are the upload so far."""
    offset, found = 0, []
    while True:
        piece = ROOT / f"{ident}.parts" / f"{offset}"
        try:
            size = piece.stat().st_size
        except FileNotFoundError:
            return offset, found
        found.append(piece)
        offset += size


def offset_of(ident):
    if (ROOT / f"{ident}.bin").exists():
        return length_of(ident)
    return parts(ident)[0] if FENCED else (ROOT / f"{ident}.part").stat().st_size


def append(ident, at, body, fence):
    whole = length_of(ident)
    if offset_of(ident) != at:
        return None
    if FENCED:
        if body and not append_fenced(ident, at, body, fence):
            return None
    elif body:
        write(ROOT / f"{ident}.part", body, "ab")
    publish(ident, whole, fence)
    return at + len(body)


def append_fenced(ident, at, body, fence):
    folder = ROOT / f"{ident}.parts"
    piece = folder / f"{at}.{fence}.part"
    write(piece, body, "xb")
    try:
        os.link(piece, folder / f"{at}")
    except FileExistsError:
        return False
    sync(folder)
    return True


def publish(ident, whole, fence):
    done = ROOT / f"{ident}.bin"
    if done.exists() or offset_of(ident) != whole:
        return
    if not FENCED:
        os.replace(ROOT / f"{ident}.part", done)
        return
    draft = ROOT / f"{ident}.{fence}.draft"
    write(draft, b"".join(piece.read_bytes() for piece in parts(ident)[1]), "wb")
    os.replace(draft, done)
    sync(ROOT)


def write(path, body, how):
    with open(path, how) as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def sync(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_upload(ident, about):
    if FENCED:
        (ROOT / f"{ident}.parts").mkdir()
    else:
        (ROOT / f"{ident}.part").touch()
    write(ROOT / f"{ident}.new", about.encode(), "wb")
    os.replace(ROOT / f"{ident}.new", ROOT / f"{ident}.info")
    sync(ROOT)


async def create(request):
    ident = uuid.uuid4().hex
    about = f"{request.headers['Upload-Length']} {request.headers['Upload-Metadata']}"
    await asyncio.to_thread(make_upload, ident, about)
    return web.Response(status=201, headers={**TUS, "Location": f"/files/{ident}"})


def look(ident):
    about = (ROOT / f"{ident}.info").read_text().split(" ", 1)
    return str(offset_of(ident)), *about


async def head(request):
    ident = request.match_info["ident"]
    try:
        offset, length, metadata = await asyncio.to_thread(look, ident)
    except FileNotFoundError:
        return web.Response(status=404, headers=TUS)
    about = {"Upload-Length": length, "Upload-Metadata": metadata, "Upload-Offset": offset}
    return web.Response(headers={**TUS, **about})


async def patch(request):
    ident, at = request.match_info["ident"], int(request.headers["Upload-Offset"])
    body = await request.read()
    if not (ROOT / f"{ident}.info").exists():
        return web.Response(status=404, headers=TUS)
    try:
        async with lease(request.app[REDIS], ident) as fence:
            offset = await asyncio.to_thread(append, ident, at, body, fence)
    except (Busy, RedisError, OSError):
        return web.Response(status=503, headers={**TUS, "Retry-After": "1"})
    if offset is None:
        return web.Response(status=409, headers=TUS)
    return web.Response(status=204, headers={**TUS, "Upload-Offset": str(offset)})


async def connect(app):
    app[REDIS] = Redis.from_url(os.environ["REDIS_URL"], socket_timeout=2)
    yield
    await app[REDIS].aclose()


def make():
    app = web.Application()
    app.cleanup_ctx.append(connect)
    app.router.add_post("/files", create)
    app.router.add_head("/files/{ident}", head)
    app.router.add_patch("/files/{ident}", patch)
    return app

"""What an upload is made of, each stage alone: hashing, HTTP, and copying bytes in and out of files."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import socket
import time
from multiprocessing.connection import Connection
from pathlib import Path

from tus_client import TusClient

BLOCK_BYTES = 256 << 10


def hashing_s(data: memoryview) -> float:
    """Seconds to take the SHA-256 of everything once, in blocks as they come from a socket."""
    started_s = time.perf_counter()
    digest = hashlib.sha256()
    for at in range(0, len(data), BLOCK_BYTES):
        digest.update(data[at : at + BLOCK_BYTES])
    digest.digest()
    return time.perf_counter() - started_s


def writing_s(data: memoryview, path: Path) -> float:
    """Seconds to write everything to a new file, in the same blocks."""
    started_s = time.perf_counter()
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    for at in range(0, len(data), BLOCK_BYTES):
        os.pwrite(fd, data[at : at + BLOCK_BYTES], at)
    os.fsync(fd)
    os.close(fd)
    return time.perf_counter() - started_s


def copying_s(source: Path, target: Path) -> float:
    """Seconds to read a file and write it to another, without looking at the bytes."""
    started_s = time.perf_counter()
    reading = os.open(source, os.O_RDONLY)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    buffer = bytearray(1 << 20)
    view = memoryview(buffer)
    offset = 0
    while count := os.preadv(reading, [buffer], offset):
        os.pwrite(writing, view[:count], offset)
        offset += count
    os.fsync(writing)
    os.close(reading)
    os.close(writing)
    return time.perf_counter() - started_s


def http_s(data: memoryview, chunk_bytes: int) -> float:
    """Seconds for the same requests to the same HTTP layer, which forgets every byte."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve_and_forget, args=(theirs,))
    process.start()
    try:
        client = TusClient(ours.recv(), "/upload")
        started_s = time.perf_counter()
        client.upload(data, chunk_bytes, "forgotten")
        taken_s = time.perf_counter() - started_s
        client.close()
        return taken_s
    finally:
        process.terminate()
        process.join()


def _serve_and_forget(ready: Connection) -> None:
    from aiohttp import web

    from chunkstore.listening import Listener
    from chunkstore.log import Log

    async def forget(request: web.BaseRequest) -> web.Response:
        received = int(request.headers.get("Upload-Offset", "0"))
        while block := await request.content.readany():
            received += len(block)
        headers = {"Location": "/upload?token=x", "Upload-Offset": str(received)}
        return web.Response(status=201 if request.method == "POST" else 204, headers=headers)

    async def serve() -> None:
        runner = web.ServerRunner(Listener(forget, Log("error")))
        await runner.setup()
        listener = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, listener).start()
        ready.send(listener.getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(serve())

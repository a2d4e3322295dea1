"""A tus server of a page, to be run as a process: ``mini.py ROOT PORT MOOD``. Standard library only.

Moods: ``locked`` holds flock while it compares the offset and writes, and syncs before it answers; ``bare``
does neither; ``remembers`` refuses a name that it was asked for before; ``spins`` has a lock in memory and
asks for it again and again; ``busy`` computes for ever once it is asked for a PATCH; ``recorded`` appends the
bytes, and only then writes down the offset that it believes; ``hasty`` believes that a write takes all;
``fresh`` is ``locked`` and opens a file before it says how long it is; ``holds`` has the record open while it
replaces it, and believes that nothing is there where it is missing; ``waits`` looks again; ``marks`` makes
a file for each KiB and counts those that it sees; ``undoes`` takes the bytes back when a rename fails;
``litters`` is ``locked`` and has a file beside the bytes while it writes them;
``sweeps`` is ``locked`` and looks at all files every 20 ms, under a lock in memory that a PATCH needs, too;
``ends`` ends when it is asked for a PATCH.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.server
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator

ROOT, MOOD = sys.argv[1], sys.argv[3]
LOCKS = MOOD in ("locked", "fresh", "litters", "sweeps")
RECORDS = MOOD in ("recorded", "holds", "waits", "marks", "undoes")
KIB = 1024
TAKEN = threading.Lock()
SEEN: set[str] = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def said(self, status: int, **headers: object) -> None:
        self.send_response(status)
        self.send_header("Tus-Resumable", "1.0.0")
        self.send_header("Connection", "close")
        self.send_header("Content-Length", "0")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def do_OPTIONS(self) -> None:
        self.said(204, Tus_Version="1.0.0", Tus_Extension="creation")

    def do_POST(self) -> None:
        metadata = self.headers.get("Upload-Metadata", "")
        if MOOD == "remembers" and metadata in SEEN:
            return self.said(409)
        SEEN.add(metadata)
        ident = secrets.token_hex(16)
        said = f"{self.headers['Upload-Length']}\n{metadata}"
        for name, data in ((f"{ident}.said", said.encode()), (ident, b"")):
            with open(f"{ROOT}/{name}", "xb") as file:
                file.write(data)
                os.fsync(file.fileno())
        sync_directory()
        if RECORDS:
            record(f"{ROOT}/{ident}", 0)
        return self.said(201, Location=f"/files/{ident}")

    def do_HEAD(self) -> None:
        path = self.at()
        if not os.path.exists(path):
            return self.said(404)
        with open(f"{path}.said", "rb") as file:
            length, _, metadata = file.read().decode().partition("\n")
        more = {"Upload_Metadata": metadata} if metadata else {}
        with opened(path) if MOOD == "fresh" else contextlib.nullcontext():
            size = offset_of(path)
        return self.said(
            200, Upload_Offset=size, Upload_Length=length, Cache_Control="no-store", **more
        )

    def do_PATCH(self) -> None:
        path = self.at()
        data = self.rfile.read(int(self.headers["Content-Length"]))
        offset = int(self.headers["Upload-Offset"])
        while MOOD == "busy":
            pass
        if MOOD == "ends":
            print("enough", file=sys.stderr, flush=True)
            os._exit(3)
        if not os.path.exists(path):
            return self.said(404)
        with opened(path) as file:
            if offset_of(path) != offset:
                return self.said(409)
            if RECORDS:
                os.lseek(file, 0, os.SEEK_END)
            if MOOD == "litters":
                open(f"{path}.busy", "w").close()
            while data:
                done = os.write(file, data) if RECORDS else os.pwrite(file, data, offset)
                done = len(data) if MOOD == "hasty" else done
                data, offset = data[done:], offset + done
            if RECORDS:
                try:
                    record(path, offset)
                except FileNotFoundError:
                    if MOOD == "undoes":
                        os.truncate(file, int(self.headers["Upload-Offset"]))
                        return self.said(500)
            if LOCKS:
                os.fsync(file)
            if MOOD == "litters":
                os.unlink(f"{path}.busy")
        return self.said(204, Upload_Offset=offset)

    def at(self) -> str:
        return f"{ROOT}/{os.path.basename(self.path)}"

    def log_message(self, *_: object) -> None:
        return None


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    while MOOD == "spins" and not TAKEN.acquire(blocking=False):
        pass
    if MOOD == "sweeps":
        TAKEN.acquire()
    file = os.open(path, os.O_RDWR)
    try:
        if LOCKS:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)
        if MOOD in ("spins", "sweeps"):
            TAKEN.release()


def offset_of(path: str) -> int:
    if not RECORDS:
        return os.stat(path).st_size
    if MOOD == "marks":
        offset = 0
        while os.path.exists(f"{path}.{offset + KIB}.at.said"):
            offset += KIB
        return offset
    if MOOD == "holds" and not os.path.exists(f"{path}.at.said"):
        return 0
    while MOOD == "waits" and not os.path.exists(f"{path}.at.said"):
        time.sleep(0.01)
    with open(f"{path}.at.said") as file:
        return int(file.read())


def record(path: str, offset: int) -> None:
    if MOOD == "marks":
        for at in range(0, offset + 1, KIB):
            open(f"{path}.{at}.at.said", "a").close()
        return
    with open(f"{path}.new.said", "w") as file:
        file.write(str(offset))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.ExitStack() as still:
        if MOOD in ("holds", "waits") and offset:
            still.enter_context(open(f"{path}.at.said"))
        os.replace(f"{path}.new.said", f"{path}.at.said")


def sync_directory() -> None:
    directory = os.open(ROOT, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def sweep() -> None:
    while True:
        time.sleep(0.02)
        with TAKEN:
            for name in os.listdir(ROOT):
                with contextlib.suppress(FileNotFoundError):
                    os.stat(f"{ROOT}/{name}")


if __name__ == "__main__":
    if MOOD == "sweeps":
        threading.Thread(target=sweep, daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()

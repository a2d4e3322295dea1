"""A small tus server that means harm: hostile.py MODE PORT ROOT.

It stores what it is sent in ROOT under names of its own. Each mode is one way to hurt whoever asks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

MODE, PORT, ROOT = sys.argv[1], int(sys.argv[2]), sys.argv[3]
Headers = dict[str, str]

LOCATIONS = {
    "location-bracket": "http://[bad/",
    "location-nul": "/files/a%00b",
    "location-space": "/files/x y HTTP/1.1",
    "location-escape": "/files/a\x1b[31mb",
    "location-dots": "/files/..%2f..%2fvictim",
}
OFFSETS = {"offset-long": "9" * 5_000, "offset-huge": str(2**64)}
PROBLEMS = {
    "problem-deep": b"[" * 200_000,
    "problem-surrogate": json.dumps({"status": "\ud800", "detail": "\x1b[31m\ud800"}).encode(),
}
FLOODS = {
    "flood-interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000,
    "flood-headers": b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 5_000,
    "flood-body": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 9_000,
}


def plant(path: str) -> None:
    """What is made in place of an object."""
    if MODE == "object-fifo":
        os.mkfifo(path)
    elif MODE == "object-link":
        os.symlink(os.environ["VICTIM"], path)
    elif MODE == "object-loop":
        os.symlink(os.path.basename(path), path)
    elif MODE == "object-huge":
        with open(path, "wb") as file:
            file.truncate(1 << 40)
    elif MODE not in LOCATIONS:
        with open(path, "wb"):
            pass


def answer(
    sock: socket.socket, status: int, headers: Headers | None = None, body: bytes = b""
) -> None:
    lines = {
        "Tus-Resumable": "1.0.0",
        "Cache-Control": "no-store",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sock.sendall(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode("latin-1") + body)


def handle(sock: socket.socket) -> None:
    with sock, sock.makefile("rb") as file:
        method, path, *_ = file.readline().decode("latin-1").split()
        headers: Headers = {}
        while line := file.readline().decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if method == "OPTIONS":
            answer(sock, 204, {"Tus-Version": "1.0.0", "Tus-Extension": "creation"})
        elif MODE in FLOODS:
            sock.sendall(FLOODS[MODE])
            while True:
                sock.sendall(b"1\r\na\r\n" * 9_000 if MODE == "flood-body" else FLOODS[MODE])
        else:
            body = file.read(int(headers.get("content-length", 0)))
            METHODS.get(method, refuse)(sock, path.rpartition("/")[2], headers, body)


def leave_names() -> None:
    """Names that are no text, and links to what has no end."""
    for name in (b"\xff-name", b"esc\x1b[31m", b"two\nlines"):
        with open(os.path.join(ROOT.encode(), name), "wb"):
            pass
    for link, to in (("everything", "/"), ("loop", ".")):
        os.symlink(to, os.path.join(ROOT, link))


def leave_depth() -> None:
    """A file beside more directories in one another than a path can name."""
    os.mkdir(os.path.join(ROOT, "d"))
    with open(os.path.join(ROOT, "d", "left"), "wb"):
        pass
    at = os.open(ROOT, os.O_RDONLY)
    for _ in range(3_000):
        with contextlib.suppress(FileExistsError):
            os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)


LEAVING = {"names": leave_names, "deep": leave_depth}


def create(sock: socket.socket, name: str, headers: Headers, body: bytes) -> None:
    ident = f"u{len(LENGTHS)}"
    LENGTHS[ident], OFFSETS_NOW[ident] = int(headers["upload-length"]), 0
    METADATA[ident] = headers.get("upload-metadata", "")
    plant(os.path.join(ROOT, ident))
    if MODE in LEAVING and len(LENGTHS) == 1:
        LEAVING[MODE]()
    answer(sock, 201, {"Location": LOCATIONS.get(MODE, f"/files/{ident}")})


def query(sock: socket.socket, name: str, headers: Headers, body: bytes) -> None:
    length = LENGTHS.get(name, LENGTHS["u0"])  # under whatever name it was given out
    offset = OFFSETS.get(MODE, str(OFFSETS_NOW.get(name, 0)))
    told = {"Upload-Offset": offset, "Upload-Length": str(length)}
    answer(sock, 200, {**told, "Upload-Metadata": METADATA.get(name, METADATA["u0"])})


def append(sock: socket.socket, name: str, headers: Headers, body: bytes) -> None:
    if MODE in PROBLEMS:
        answer(sock, 409, {"Content-Type": "application/problem+json"}, PROBLEMS[MODE])
        return
    OFFSETS_NOW[name] = int(headers["upload-offset"]) + len(body)
    if not MODE.startswith("object") and name in LENGTHS:
        with open(os.path.join(ROOT, name), "ab") as file:
            file.write(body)
    answer(sock, 204, {"Upload-Offset": OFFSETS.get(MODE, str(OFFSETS_NOW[name]))})


def refuse(sock: socket.socket, name: str, headers: Headers, body: bytes) -> None:
    answer(sock, 405)


METHODS: dict[str, Callable[[socket.socket, str, Headers, bytes], None]] = {
    "POST": create,
    "HEAD": query,
    "PATCH": append,
}
LENGTHS: dict[str, int] = {}
METADATA: dict[str, str] = {}
OFFSETS_NOW: dict[str, int] = {}


def begin() -> None:
    """What a mode does before the first request."""
    if MODE == "words":
        os.write(1, b"\x1b[2J\x1b]0;mine\x07\x9b31m\xff <b>bold</b> ]]>\n")
        sys.exit(3)
    elif MODE == "log":
        for _ in range(int(os.environ["LOG_MB"])):
            os.write(1, (b"x" * 1_023 + b"\n") * 1_024)
    elif MODE == "stubborn":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
    elif MODE == "daemon":
        child = "import os, time; os.setsid(); os.fork() and os._exit(0); time.sleep(600)"
        subprocess.Popen([sys.executable, "-S", "-c", child, os.environ["MARK"]])
    elif MODE == "nameless":
        child = "import os, time; os.setsid(); os.fork() and os._exit(0); print(os.getpid(), flush=True); "
        asked = [sys.executable, "-S", "-c", f"{child}time.sleep(600)"]
        with subprocess.Popen(asked, stdout=subprocess.PIPE, text=True, env={}) as left:
            assert left.stdout is not None
            pid = left.stdout.readline()
        with open(f"{os.environ['VICTIM']}.pid", "w") as file:
            file.write(pid)


begin()
server = socket.create_server(("127.0.0.1", PORT), backlog=64)
while True:
    threading.Thread(target=handle, args=(server.accept()[0],), daemon=True).start()

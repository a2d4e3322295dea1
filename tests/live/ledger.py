"""A tus server with its offsets in a keeper, as a process: ``ledger.py PORT KEEPER ROOT MOOD SHARED``.

Moods: ``right``; ``early`` acknowledges once it has sent the offset, before the keeper has it; ``trusting``
takes no reply for a yes; ``repeating`` adds to the offset, and adds again if no reply came; ``caching`` has
all in files, too, and asks the keeper only what it may forget; ``alone`` never asks it; ``leasing`` has
a lease of the keeper and no other lock; ``fenced`` has one, too, and looks again under a lock when it writes.
Standard library only.
"""

from __future__ import annotations

import fcntl
import http.server
import os
import socket
import sys
import time
import uuid
from pathlib import Path

PORT, KEEPER, ROOT, MOOD = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
SHARED = Path(sys.argv[5])
OF_FILES = ("caching", "alone")
OF_LEASES = ("leasing", "fenced")
TRIES = 3
WORK_S = 0.02  # whatever else a server does between asking and writing
PATIENCE_S = 2.0


class Lost(Exception):
    """No reply of the keeper: what was asked may have been done, or not."""


class Way:
    """One request's connection to the keeper, made anew after each loss."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None

    def sent(self, line: str) -> socket.socket:
        try:
            if self.sock is None:
                self.sock = socket.create_connection(("127.0.0.1", KEEPER), timeout=PATIENCE_S)
            self.sock.sendall(f"{line}\n".encode())
        except OSError:
            self.close()
            raise Lost from None
        return self.sock

    def ask(self, line: str) -> str:
        said = b""
        try:
            sock = self.sent(line)
            while not said.endswith(b"\n"):
                piece = sock.recv(1024)
                if not piece:
                    raise Lost
                said += piece
        except (OSError, Lost):
            self.close()
            raise Lost from None
        return said.decode().strip()

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
        self.sock = None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, **headers: object) -> None:
        self.send_response(status)
        self.send_header("Tus-Resumable", "1.0.0")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def do_OPTIONS(self) -> None:
        self.answer(204, Tus_Version="1.0.0", Tus_Extension="creation")

    def served(self) -> None:
        """Whatever is asked, by one who may fail to ask the keeper: then nobody is told anything."""
        self.way = Way()
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        try:
            {"POST": self.made, "HEAD": self.told, "PATCH": self.stored}[self.command](body)
        except Lost:
            self.answer(503, Retry_After=1)
        finally:
            self.way.close()

    do_POST = do_HEAD = do_PATCH = served  # noqa: N815

    def made(self, _: bytes) -> None:
        name, size = uuid.uuid4().hex, self.headers["Upload-Length"]
        (SHARED / name).write_text(size)
        (SHARED / f"{name}.metadata").write_text(self.headers.get("Upload-Metadata", ""))
        (ROOT / name).touch()
        if MOOD != "alone":
            self.way.ask(f"CAS size:{name} - {size}")
            self.way.ask(f"CAS at:{name} - 0")
        self.answer(201, Location=f"/files/{name}")

    def told(self, _: bytes) -> None:
        name = self.path.rpartition("/")[2]
        size = "-" if MOOD == "alone" else self.way.ask(f"GET size:{name}")
        if MOOD in OF_FILES and size == "-" and (SHARED / name).exists():
            size = (SHARED / name).read_text()
        at = self.stands(name)
        if "-" in (size, at):
            self.answer(404)
        else:
            told = (SHARED / f"{name}.metadata").read_text()
            more = {"Upload_Metadata": told} if told else {}
            self.answer(200, Upload_Length=size, Upload_Offset=at, Cache_Control="no-store", **more)

    def stored(self, body: bytes) -> None:
        name, offset = self.path.rpartition("/")[2], int(self.headers["Upload-Offset"])
        if not (ROOT / name).exists():
            self.answer(404)
            return
        if MOOD in OF_LEASES:
            self.leased(name, offset, body)
        else:
            self.locked(name, offset, body)

    def leased(self, name: str, offset: int, body: bytes) -> None:
        lease = uuid.uuid4().hex
        if self.way.ask(f"CAS lease:{name} - {lease}") != lease:
            self.answer(423)
            return
        try:
            if self.stands(name) != str(offset):
                self.answer(409)
                return
            time.sleep(WORK_S)
            (self.locked if MOOD == "fenced" else self.written)(name, offset, body)
        finally:
            self.way.ask(f"CAS lease:{name} {lease} -")

    def locked(self, name: str, offset: int, body: bytes) -> None:
        with (ROOT / name).open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if self.stands(name) == str(offset):
                self.written(name, offset, body)
            else:
                self.answer(409)

    def written(self, name: str, offset: int, body: bytes) -> None:
        with (ROOT / name).open("r+b") as file:
            os.pwrite(file.fileno(), body, offset)
        at = self.recorded(name, offset, len(body))
        self.answer(204, Upload_Offset=at)

    def stands(self, name: str) -> str:
        if MOOD in OF_FILES:
            return str((ROOT / name).stat().st_size) if (ROOT / name).exists() else "-"
        return self.way.ask(f"GET at:{name}")

    def recorded(self, name: str, offset: int, length: int) -> int:
        """Where the upload stands now. Nobody else can have recorded anything: the file is locked."""
        line, end = f"CAS at:{name} {offset} {offset + length}", offset + length
        if MOOD in OF_FILES:
            return end
        if MOOD == "early":
            self.way.sent(line)
            return end
        if MOOD == "repeating":
            line = f"ADD at:{name} {length}"
        for _ in range(TRIES):
            try:
                at = int(self.way.ask(line))
            except Lost:
                if MOOD == "trusting":
                    return end
                continue
            if at == end or MOOD == "repeating":
                return at
            break  # one came late, of a request that had been given up
        raise Lost

    def log_message(self, *_: object) -> None:
        return None


if __name__ == "__main__":
    if MOOD != "alone":
        Way().ask("GET nothing")  # no server that cannot ask at its start; the harness sees it end
    http.server.ThreadingHTTPServer.request_queue_size = 64
    http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()

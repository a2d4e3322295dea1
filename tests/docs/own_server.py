"""A server as somebody might have one: ``own_server.py PORT DIRECTORY``. Standard library only.

Correct as several processes: a body is read whole and then appended under a lock. Everything about its
files is its own: the directories, one made at the start and one at the first upload, and the names, which
no URL tells. It announces no extension but creation.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import http.server
import json
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

VERSION = "1.0.0"
PATCH_TYPE = "application/offset+octet-stream"
NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path

    def reply(self, status: int, body: bytes = b"", **more: str) -> None:
        self.send_response(status)
        self.send_header("Tus-Resumable", VERSION)
        for name, value in more.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, **more: str) -> None:
        """Without having read the body: the connection cannot be used any more."""
        self.close_connection = True
        self.reply(status, Connection="close", **more)

    @property
    def record(self) -> Path:
        return self.root / "ledger" / self.path.rpartition("/")[2]

    def known(self) -> dict[str, Any] | None:
        """The record of the upload that the URL names; None where there is none."""
        if not re.fullmatch(r"/files/[0-9a-f]{32}", self.path):
            return None
        try:
            text = self.record.read_text()
        except FileNotFoundError:
            return None
        found: dict[str, Any] = json.loads(text)
        return found

    def do_OPTIONS(self) -> None:
        self.reply(204, Tus_Version=VERSION, Tus_Extension="creation")

    def accepted(self) -> bool:
        """Whether the client speaks this version; it is told if not."""
        if self.headers.get("Tus-Resumable") == VERSION:
            return True
        self.refuse(412, Tus_Version=VERSION)
        return False

    def do_POST(self) -> None:
        method = self.headers.get("X-HTTP-Method-Override", "POST").upper()
        if method in ("PATCH", "HEAD", "OPTIONS", "DELETE"):
            getattr(self, f"do_{method}")()
            return
        if not self.accepted():
            return
        length, metadata = (
            self.headers.get("Upload-Length", ""),
            self.headers.get("Upload-Metadata", ""),
        )
        has_body = self.headers.get("Content-Length", "0") != "0"
        if self.path.rstrip("/") != "/files":
            self.refuse(404)
        elif not NUMBER.fullmatch(length) or not sound(metadata) or has_body:
            self.refuse(400)
        else:
            name, data = secrets.token_hex(16), f"vault/{secrets.token_hex(8)}"
            (self.root / "vault").mkdir(exist_ok=True)
            (self.root / data).touch()
            record = {"length": int(length), "metadata": metadata, "data": data}
            new = self.root / "ledger" / f"{name}.new"
            new.write_text(json.dumps(record))
            new.rename(self.root / "ledger" / name)
            self.reply(201, Location=f"/files/{name}")

    def do_HEAD(self) -> None:
        if not self.accepted():
            return
        known = self.known()
        if known is None:
            self.refuse(404, Cache_Control="no-store")
            return
        more = {"Upload_Metadata": known["metadata"]} if known["metadata"] else {}
        size = (self.root / known["data"]).stat().st_size
        self.reply(
            200, Upload_Offset=str(size), Upload_Length=str(known["length"]), Cache_Control="no-store",
            **more,
        )  # fmt: skip

    def do_GET(self) -> None:
        known = self.known()
        data = b"" if known is None else (self.root / known["data"]).read_bytes()
        if known is None or len(data) < known["length"]:
            self.refuse(404)
        else:
            self.reply(200, data)

    def do_DELETE(self) -> None:
        if self.accepted():
            self.refuse(405)

    def do_PATCH(self) -> None:
        if not self.accepted():
            return
        known, at = self.known(), self.headers.get("Upload-Offset", "")
        if known is None:
            self.refuse(404)
        elif self.headers.get("Content-Type") != PATCH_TYPE:
            self.refuse(415)
        elif not NUMBER.fullmatch(at) or not NUMBER.fullmatch(
            self.headers.get("Content-Length", "")
        ):
            self.refuse(400)
        elif int(at) + int(self.headers["Content-Length"]) > known["length"]:
            self.refuse(413 if int(at) <= known["length"] else 409)
        else:
            self.append(self.root / known["data"], int(at))

    def append(self, data: Path, at: int) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        with locked(data) as file:
            current = os.fstat(file).st_size == at
            while current and body:
                body = body[os.write(file, body) :]
        if current:
            self.reply(204, Upload_Offset=str(at + length))
        else:
            self.reply(409)

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def locked(path: Path) -> Iterator[int]:
    file = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def sound(metadata: str) -> bool:
    """Whether this is Upload-Metadata as tus has it."""
    keys = []
    for pair in metadata.split(",") if metadata else ():
        key, _, value = pair.strip().partition(" ")
        keys.append(key)
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            return False
    return all(keys) and len(keys) == len(set(keys))


def main() -> None:
    port, root = int(sys.argv[1]), Path(sys.argv[2])
    (root / "ledger").mkdir(exist_ok=True)
    Handler.root = root
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()

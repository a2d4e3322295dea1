"""A tus client that costs next to nothing: one socket, kept open, bodies sent from memory as they lie."""

from __future__ import annotations

import base64
import socket
from urllib.parse import urlsplit

_TUS = "Tus-Resumable: 1.0.0\r\n"


class Refused(Exception):
    """The server answered something other than success; holds its status line."""


class TusClient:
    """One connection to one server."""

    def __init__(self, port: int, base_path: str) -> None:
        self._port = port
        self._base_path = base_path
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def close(self) -> None:
        self._socket.close()

    def create(self, size: int, name: str) -> str:
        """The path and query of a new upload."""
        metadata = base64.b64encode(name.encode()).decode()
        headers = self._ask(
            f"POST {self._base_path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{_TUS}"
            f"Upload-Length: {size}\r\nUpload-Metadata: filename {metadata}\r\n"
            "Content-Length: 0\r\n\r\n"
        )
        parts = urlsplit(headers["location"])
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def patch(self, location: str, offset: int, body: memoryview | bytes) -> int:
        """Send one PATCH; the offset the server announces."""
        headers = self._ask(
            f"PATCH {location} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{_TUS}"
            f"Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n",
            body,
        )
        return int(headers["upload-offset"])

    def upload(self, data: memoryview, chunk_bytes: int, name: str) -> None:
        """All of it, in PATCHes of ``chunk_bytes``, one after the other."""
        location = self.create(len(data), name)
        offset = 0
        while offset < len(data):
            offset = self.patch(location, offset, data[offset : offset + chunk_bytes])

    def _ask(self, head: str, body: memoryview | bytes = b"") -> dict[str, str]:
        self._socket.sendall(head.encode())
        if len(body):
            self._socket.sendall(body)
        status, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        self._skip_body(headers)
        if not status.split(" ", 2)[1].startswith("2"):
            raise Refused(status)
        return headers

    def _skip_body(self, headers: dict[str, str]) -> None:
        if headers.get("transfer-encoding", "") == "chunked":
            while length := int(self._until(b"\r\n"), 16):
                self._take(length + 2)
            self._until(b"\r\n")
        else:
            self._take(int(headers.get("content-length", "0")))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._receive()
        found, _, self._rest = self._rest.partition(mark)
        return found

    def _take(self, length: int) -> None:
        while len(self._rest) < length:
            self._receive()
        self._rest = self._rest[length:]

    def _receive(self) -> None:
        block = self._socket.recv(65536)
        if not block:
            raise Refused("the server closed the connection")
        self._rest += block

"""Talking to real replicas: requests over http.client, and raw sockets where a client misbehaves."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chunkstore.testing import Fleet

PATCH_TYPE = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}
_PATIENCE_S = 90.0  # only what never comes takes that long


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    fleet: Fleet,
    method: str,
    location: str = "/upload",
    headers: dict[str, str] | None = None,
    body: bytes | Iterable[bytes] | None = None,
    replica: int = 0,
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", fleet.replicas[replica].port, timeout=60)
    try:
        connection.request(method, location, body, TUS | (headers or {}))
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def create(fleet: Fleet, size: int, name: str = "file.bin", replica: int = 0) -> str:
    metadata = f"filename {base64.b64encode(name.encode()).decode()}"
    fields = {"Upload-Length": str(size), "Upload-Metadata": metadata}
    answer = ask(fleet, "POST", headers=fields, replica=replica)
    assert answer.status == 201, answer
    return local(answer.headers["location"])


def local(location: str) -> str:
    """Path and query of a location, to be asked of any replica."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}"


def patch(
    fleet: Fleet,
    location: str,
    offset: int,
    body: bytes | Iterable[bytes],
    replica: int = 0,
    **headers: str,
) -> Answer:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": PATCH_TYPE, "Upload-Offset": str(offset)} | given
    return ask(fleet, "PATCH", location, fields, body, replica)


def head(fleet: Fleet, location: str, replica: int = 0) -> Answer:
    return ask(fleet, "HEAD", location, replica=replica)


def patch_head(location: str, offset: int, length: int, extra: str = "") -> bytes:
    """The head of a PATCH, for a socket that sends the body as it likes."""
    return (
        f"PATCH {location} HTTP/1.1\r\nHost: test\r\nTus-Resumable: 1.0.0\r\n"
        f"Content-Type: {PATCH_TYPE}\r\nUpload-Offset: {offset}\r\n"
        f"Content-Length: {length}\r\n{extra}\r\n"
    ).encode()


def connect(fleet: Fleet, replica: int = 0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", fleet.replicas[replica].port), timeout=90)


def eventually(claim: Callable[[], bool]) -> bool:
    """Whether the claim becomes true; for what a server does after its client has gone."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        if claim():
            return True
        time.sleep(0.02)
    return claim()


def temporary_files(fleet: Fleet) -> list[str]:
    return [path.name for path in (fleet.root / ".upload").rglob("*.tmp")]

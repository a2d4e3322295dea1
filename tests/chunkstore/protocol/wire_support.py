"""A wire without sockets: requests go straight into an exchange over a store."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chunkstore.config import Settings
from chunkstore.model import Claims
from chunkstore.protocol import Exchange, Head, Response
from chunkstore.tokens import mint

SECRET = b"a secret of the fleet, 32 bytes!"
PATCH_TYPE = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def problem_of(response: Response) -> dict[str, Any]:
    assert response.header("content-type") == "application/problem+json"
    document: dict[str, Any] = json.loads(response.body)
    assert document["status"] == response.status
    return document


@dataclass
class Wire:
    """Sends requests to one replica's protocol layer."""

    store: Any
    root: Path
    settings: Settings

    def exchange(
        self, method: str, path: str = "/upload", headers: dict[str, str] | None = None
    ) -> Exchange:
        bare, _, query = path.partition("?")
        pairs = tuple((TUS if headers is None else headers).items())
        return Exchange(
            self.store, self.settings, Head(method=method, path=bare, query=query, headers=pairs)
        )

    def request(
        self,
        method: str,
        path: str = "/upload",
        headers: dict[str, str] | None = None,
        body: Iterable[bytes] = (),
    ) -> Response:
        exchange = self.exchange(method, path, headers)
        response = exchange.begin()
        for block in body:
            if response is None:
                response = exchange.data(block)
        return exchange.end() if response is None else response

    def create(self, size: int, name: str = "file.bin", **headers: str) -> str:
        """POST; the location of the new upload."""
        response = self.request("POST", headers=self.creation(size, name) | headers)
        assert response.status == 201, response
        location = response.header("location")
        assert location is not None
        return location

    def creation(self, size: int, name: str = "file.bin") -> dict[str, str]:
        metadata = f"filename {b64(name.encode())}"
        return TUS | {"Upload-Length": str(size), "Upload-Metadata": metadata}

    def patch(self, location: str, offset: int, body: bytes, **headers: str) -> Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = TUS | {
            "Content-Type": PATCH_TYPE,
            "Content-Length": str(len(body)),
            "Upload-Offset": str(offset),
        }
        return self.request("PATCH", location, fields | given, [body] if body else [])

    def offset(self, location: str) -> str | None:
        return self.request("HEAD", location).header("upload-offset")

    def status(self, location: str) -> dict[str, Any]:
        response = self.request("GET", location.replace("/upload?", "/upload/status?"))
        assert response.status == 200, response
        document: dict[str, Any] = json.loads(response.body)
        return document

    def token(self, **changes: Any) -> str:
        claims = {"session": "s1", "size": 10, "target": "t.bin", "expires_s": 4_000_000_000}
        return mint(Claims(**(claims | changes)), SECRET)

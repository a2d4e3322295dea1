"""Clients that mean no good, or do not know what they do: no token in the log, no bytes as they travel."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from server_support import PATCH_TYPE, connect, create, eventually, head, patch

from chunkstore.testing import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """One replica is enough for what these clients do."""
    with Fleet(tmp_path, 1) as running:
        yield running


def spoken(fleet: Fleet, request: bytes) -> bytes:
    """What the replica answers to these bytes, until it closes."""
    with connect(fleet) as sock:
        said = b""
        with suppress(ConnectionResetError):  # what was sent to a connection that was refused
            sock.sendall(request)
            while block := sock.recv(65536):
                said += block
    return said


def everywhere(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


PLACES = [
    "/upload%3Ftoken={token}",
    "/upload%3ftoken%3d{token}",
    "/upload%253Ftoken%253D{token}",
    "/upload/{token}",
    "/upload/token={everywhere}",
    "/upload/{everywhere}",
    "/upload/{payload}",
    "/upload/{signature}",
    "/other;token={token}",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_token_in_a_path_does_not_reach_the_log(fleet: Fleet, place: str) -> None:
    token = create(fleet, 10).partition("token=")[2]
    _, payload, signature = token.split(".")
    path = place.format(
        token=token, payload=payload, signature=signature, everywhere=everywhere(token)
    )
    request = (
        f"HEAD {path} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nConnection: close\r\n\r\n"
    )
    assert spoken(fleet, request.encode()).startswith(b"HTTP/1.1 404")
    assert eventually(lambda: '"status":404' in fleet.logs())
    told = fleet.logs()
    for secret in (token, payload, signature, everywhere(token)[:60], quote(payload)[:30]):
        assert secret not in told
        assert secret[:24] not in told


def test_a_token_as_a_method_does_not_reach_the_log(fleet: Fleet) -> None:
    token = create(fleet, 10).partition("token=")[2]
    request = f"{token} /upload HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
    assert spoken(fleet, request.encode())[9:12] in (b"400", b"405")
    assert token[:24] not in fleet.logs()


def test_an_ordinary_path_is_told(fleet: Fleet) -> None:
    spoken(fleet, b"GET /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert eventually(lambda: '"path":"/health"' in fleet.logs())


@pytest.mark.parametrize(
    "coding", ["gzip, chunked", "GZIP,chunked", "deflate, chunked", "chunked, chunked"]
)
def test_a_transfer_coding_that_is_not_undone_is_refused(fleet: Fleet, coding: str) -> None:
    data = b"x" * 64
    body = gzip.compress(data)
    location = create(fleet, len(body))
    lines = (
        f"PATCH {location} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nContent-Type: {PATCH_TYPE}\r\n"
        f"Upload-Offset: 0\r\nTransfer-Encoding: {coding}\r\nConnection: close\r\n\r\n"
    )
    chunked = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    assert spoken(fleet, lines.encode() + chunked)[9:12] == b"501"
    assert head(fleet, location).headers["upload-offset"] == "0"
    assert not (fleet.root / "file.bin").exists()


def test_a_chunked_body_is_taken_however_it_is_spelt(fleet: Fleet) -> None:
    location = create(fleet, 5)
    lines = (
        f"PATCH {location} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nContent-Type: {PATCH_TYPE}\r\n"
        "Upload-Offset: 0\r\nTransfer-Encoding: Chunked\r\nConnection: close\r\n\r\n"
    )
    assert spoken(fleet, lines.encode() + b"5\r\nhello\r\n0\r\n\r\n")[9:12] == b"204"
    assert (fleet.root / "file.bin").read_bytes() == b"hello"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, 1, options=("--connections", "4")) as running:
        yield running


def test_connections_are_capped_and_taken_again(small: Fleet) -> None:
    location = create(small, 5)
    held: list[socket.socket] = []
    try:
        for _ in range(4):
            held.append(connect(small))
            held[-1].sendall(b"GET /upload/none HTTP/1.1\r\nHost: t\r\n\r\n")
            assert held[-1].recv(9) == b"HTTP/1.1 ", "it is served, and stays open"
        refused = spoken(small, b"")
        assert refused.startswith(b"HTTP/1.1 423 ")
        assert b"\r\nRetry-After: 1\r\n" in refused
        assert any(json.loads(line)["event"] == "no-room" for line in small.logs().splitlines())
    finally:
        for one in held:
            one.close()
    assert eventually(lambda: spoken(small, b"BAD\r\n\r\n")[9:12] == b"400")
    assert patch(small, location, 0, b"hello").status == 204

"""Bodies of every kind: huge, cut off, refused early, announced with Expect, chunked."""

from __future__ import annotations

import base64
import hashlib
import itertools
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_support import (
    PATCH_TYPE,
    ask,
    connect,
    create,
    eventually,
    head,
    local,
    patch,
    patch_head,
    temporary_files,
)

from chunkstore.testing import Fleet

MIB = 1 << 20


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """One replica is enough for what a body does on its way."""
    with Fleet(tmp_path, 1) as running:
        yield running


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Fleet]:
    """Two, for what the other one knows of it."""
    with Fleet(tmp_path, 2) as running:
        yield running


def zeros(size: int) -> Iterator[bytes]:
    block = bytes(MIB)
    return itertools.repeat(block, size // MIB)


def offset(fleet: Fleet, location: str) -> int:
    return int(head(fleet, location).headers["upload-offset"])


def memory_growth(fleet: Fleet, size: int) -> int:
    """By how many bytes one PATCH of ``size`` bytes raises the replica's peak memory."""
    location = create(fleet, size, "huge.bin")
    warm = create(fleet, MIB, "warm.bin")
    assert patch(fleet, warm, 0, bytes(MIB)).status == 204
    before = fleet.replicas[0].rss_bytes_max()
    answer = patch(fleet, location, 0, zeros(size), Content_Length=str(size))
    assert (answer.status, answer.headers["upload-offset"]) == (204, str(size))
    assert (fleet.root / "huge.bin").stat().st_size == size
    return fleet.replicas[0].rss_bytes_max() - before


def test_a_large_patch_needs_little_memory(fleet: Fleet) -> None:
    assert memory_growth(fleet, 256 * MIB) < 64 * MIB


@pytest.mark.slow
def test_a_patch_of_a_gibibyte_needs_little_memory(fleet: Fleet) -> None:
    assert memory_growth(fleet, 1024 * MIB) < 64 * MIB


def test_of_a_client_that_leaves_mid_body_all_that_came_is_kept(pair: Fleet) -> None:
    location = create(pair, 10 * MIB)
    with connect(pair) as client:
        client.sendall(patch_head(location, 0, 10 * MIB) + b"\1" * 3 * MIB)
    assert eventually(lambda: offset(pair, location) == 3 * MIB)
    assert not temporary_files(pair)
    assert patch(pair, location, 3 * MIB, b"\2" * 7 * MIB, replica=1).status == 204
    assert (pair.root / "file.bin").read_bytes() == b"\1" * 3 * MIB + b"\2" * 7 * MIB
    assert '"level":"error"' not in pair.logs()


def test_an_upload_whose_every_connection_breaks_gets_on_with_each_of_them(fleet: Fleet) -> None:
    """As tus-js-client does by default: all that is left in one PATCH, each cut after 2 MiB."""
    data = b"".join(bytes([n]) * MIB for n in range(7))
    location, reached = create(fleet, len(data)), []
    while (at := offset(fleet, location)) < len(data):
        reached.append(at)
        with connect(fleet) as client:
            client.sendall(patch_head(location, at, len(data) - at) + data[at : at + 2 * MIB])
        assert eventually(lambda at=at: offset(fleet, location) > at)  # type: ignore[misc]
    assert reached == [0, 2 * MIB, 4 * MIB, 6 * MIB]
    assert (fleet.root / "file.bin").read_bytes() == data


def test_of_a_client_that_resets_mid_body_what_was_received_is_kept(fleet: Fleet) -> None:
    location = create(fleet, MIB)
    with connect(fleet) as client:
        client.sendall(patch_head(location, 0, MIB) + bytes(1000))
        assert eventually(lambda: bool(temporary_files(fleet)))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert eventually(lambda: not temporary_files(fleet))
    assert offset(fleet, location) == 1000
    assert '"level":"error"' not in fleet.logs()


def test_with_a_checksum_a_body_that_breaks_off_leaves_nothing(fleet: Fleet) -> None:
    location = create(fleet, MIB)
    digest = base64.b64encode(hashlib.sha256(bytes(MIB)).digest()).decode()
    with connect(fleet) as client:
        announced = patch_head(location, 0, MIB, f"Upload-Checksum: sha256 {digest}\r\n")
        client.sendall(announced + bytes(1000))
        assert eventually(lambda: bool(temporary_files(fleet)))
    assert eventually(lambda: not temporary_files(fleet))
    assert offset(fleet, location) == 0


def test_a_body_that_stands_still_is_cut_off_and_kept(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--idle-timeout", "300ms"]) as fleet:
        location = create(fleet, MIB)
        with connect(fleet) as client:
            client.sendall(patch_head(location, 0, MIB) + bytes(1000))
            assert client.recv(4096).startswith(b"HTTP/1.1 408")
        assert temporary_files(fleet) == []
        assert offset(fleet, location) == 1000


def test_a_replica_that_stops_keeps_what_came_of_a_body_in_its_middle(tmp_path: Path) -> None:
    with Fleet(tmp_path, 2, ["--grace", "300ms"]) as fleet:
        location = create(fleet, MIB)
        with connect(fleet) as client:
            client.sendall(patch_head(location, 0, MIB) + bytes(1000))
            assert eventually(lambda: bool(temporary_files(fleet)))
            fleet.replicas[0].send(signal.SIGTERM)
            told = client.recv(4096)
        assert told.startswith(b"HTTP/1.1 503")
        assert b"\r\nRetry-After: " in told
        assert fleet.replicas[0].wait() == 0
        assert head(fleet, location, replica=1).headers["upload-offset"] == "1000"


@pytest.mark.parametrize("announced", [100, MIB, 200 * MIB])
def test_an_early_refusal_reaches_a_client_that_is_still_sending(
    fleet: Fleet, announced: int
) -> None:
    location = create(fleet, 10)
    answer = patch(
        fleet, location, 0, zeros(min(announced, 8 * MIB)), Content_Length=str(announced)
    )
    assert answer.status == 413
    assert answer.json["expected"] == "at most 10 bytes"


def test_after_a_small_refused_body_the_connection_goes_on(fleet: Fleet) -> None:
    location = create(fleet, 10)
    with connect(fleet) as client:
        client.sendall(patch_head(location, 0, 100_000) + bytes(100_000))
        assert client.recv(65536).startswith(b"HTTP/1.1 413")
        client.sendall(patch_head(location, 0, 10) + b"0123456789")
        assert client.recv(65536).startswith(b"HTTP/1.1 204")


def test_a_refusal_is_sent_before_the_body(fleet: Fleet) -> None:
    location = create(fleet, 10)
    with connect(fleet) as client:
        client.sendall(patch_head(location, 0, 1000 * MIB))
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


def test_expect_continue_is_answered_when_the_body_is_wanted(fleet: Fleet) -> None:
    location = create(fleet, 5)
    with connect(fleet) as client:
        client.sendall(patch_head(location, 0, 5, "Expect: 100-continue\r\n"))
        assert client.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hello")
        assert client.recv(65536).startswith(b"HTTP/1.1 204")


def test_expect_continue_is_refused_when_it_is_not(fleet: Fleet) -> None:
    location = create(fleet, 5)
    with connect(fleet) as client:
        client.sendall(patch_head(location, 0, 50, "Expect: 100-continue\r\n"))
        assert client.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_of_unknown_length(fleet: Fleet) -> None:
    location = create(fleet, 3 * MIB)
    answer = patch(fleet, location, 0, (bytes([n]) * MIB for n in (1, 2, 3)))
    assert (answer.status, answer.headers["upload-offset"]) == (204, str(3 * MIB))
    assert (fleet.root / "file.bin").read_bytes() == b"\1" * MIB + b"\2" * MIB + b"\3" * MIB


def test_a_chunked_body_past_the_end_is_refused(fleet: Fleet) -> None:
    location = create(fleet, MIB)
    answer = patch(fleet, location, 0, (bytes(MIB) for _ in range(3)))
    assert answer.status == 413
    assert head(fleet, location).headers["upload-offset"] == "0"
    assert eventually(lambda: not temporary_files(fleet))


def test_a_broken_chunk_is_no_end_of_the_body(fleet: Fleet) -> None:
    location = create(fleet, 10)
    start = patch_head(location, 0, 0).replace(
        b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n"
    )
    with connect(fleet) as client:
        client.sendall(start + b"5\r\nhello\r\nxyz\r\n")
        assert b" 400 Bad Request\r\n" in client.recv(65536)
    assert head(fleet, location).headers["upload-offset"] == "0"
    assert eventually(lambda: not temporary_files(fleet))


def test_an_encoded_body_is_not_decoded(fleet: Fleet) -> None:
    location = create(fleet, 10)
    assert patch(fleet, location, 0, b"x", Content_Encoding="gzip").status == 415


def test_creation_with_upload_over_the_wire(pair: Fleet) -> None:
    fields = {
        "Upload-Length": str(3 * MIB),
        "Upload-Metadata": "filename Y3d1",
        "Content-Type": PATCH_TYPE,
    }
    answer = ask(pair, "POST", headers=fields, body=bytes(2 * MIB))
    assert (answer.status, answer.headers["upload-offset"]) == (201, str(2 * MIB))
    done = patch(pair, local(answer.headers["location"]), 2 * MIB, bytes(MIB), replica=1)
    assert done.headers["upload-offset"] == str(3 * MIB)
    assert (pair.root / "cwu").stat().st_size == 3 * MIB


def test_the_method_can_be_overridden(fleet: Fleet) -> None:
    location = create(fleet, 5)
    fields = {
        "X-HTTP-Method-Override": "PATCH",
        "Content-Type": PATCH_TYPE,
        "Upload-Offset": "0",
    }
    assert ask(fleet, "POST", location, fields, b"hello").status == 204

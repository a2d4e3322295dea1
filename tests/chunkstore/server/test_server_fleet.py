"""Several real replicas over one directory are one server."""

from __future__ import annotations

import base64
import hashlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server_support import (
    ask,
    connect,
    create,
    eventually,
    head,
    patch,
    patch_head,
    temporary_files,
)

from chunkstore.testing import Fleet

DATA = bytes(range(256)) * 4096  # 1 MiB


def test_an_upload_wanders_between_replicas(fleet: Fleet) -> None:
    location = create(fleet, len(DATA), replica=0)
    step = len(DATA) // 4
    for index in range(4):
        answer = patch(
            fleet, location, index * step, DATA[index * step :][:step], replica=index % 2
        )
        assert answer.status == 204
        seen = head(fleet, location, replica=(index + 1) % 2)
        assert seen.headers["upload-offset"] == str((index + 1) * step)
    assert (fleet.root / "file.bin").read_bytes() == DATA


def test_every_patch_delivered_to_both_replicas_at_once(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    step = len(DATA) // 16
    jobs = [(offset, replica) for offset in range(0, len(DATA), step) for replica in (0, 1)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda job: patch(fleet, location, job[0], DATA[job[0] :][:step], job[1]), jobs
            )
        )
    assert {answer.status for answer in answers} == {204}
    assert (fleet.root / "file.bin").read_bytes() == DATA
    assert head(fleet, location, 1).headers["upload-offset"] == str(len(DATA))


def test_of_two_contradicting_writers_one_wins(fleet: Fleet) -> None:
    location = create(fleet, 1000)
    bodies = [bytes([value]) * 1000 for value in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda at: patch(fleet, location, 0, bodies[at], at % 2), range(len(bodies)))
        )
    statuses = [answer.status for answer in answers]
    assert sorted(statuses) == [204] + [409] * 7
    assert (fleet.root / "file.bin").read_bytes() == bodies[statuses.index(204)]


def test_status_of_one_replica_completes_at_another(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    patch(fleet, location, 1000, DATA[1000:5000], replica=0)
    document = ask(fleet, "GET", location.replace("?", "/status?"), replica=1).json
    for gap in document["missing_ranges"]:
        start, end = gap["offset"], gap["offset"] + gap["length"]
        assert patch(fleet, location, start, DATA[start:end], replica=1).status == 204
    assert (fleet.root / "file.bin").read_bytes() == DATA


def test_what_was_acknowledged_survives_the_death_of_every_replica(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    assert patch(fleet, location, 0, DATA[:700_000]).status == 204
    for index in (0, 1):
        fleet.replicas[index].kill()
        fleet.restart(index)
    assert head(fleet, location, 1).headers["upload-offset"] == "700000"
    assert patch(fleet, location, 700_000, DATA[700_000:], replica=1).status == 204
    assert (fleet.root / "file.bin").read_bytes() == DATA


def test_the_sweeper_of_another_replica_takes_away_what_a_dead_one_left(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    with connect(fleet, 0) as stalled:
        stalled.sendall(patch_head(location, 0, len(DATA)) + DATA[:1000])
        assert eventually(lambda: bool(temporary_files(fleet)))
        fleet.replicas[0].kill()
    assert eventually(lambda: not temporary_files(fleet))
    assert head(fleet, location, 1).headers["upload-offset"] == "0"


def test_an_expired_upload_is_gone_and_leaves_a_tombstone(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--sweep-seconds", "100ms"]) as fleet:
        for seconds in (2, 8, 32):  # however busy the machine is, one of these is begun in time
            name = f"short-{seconds}"
            token = fleet.token(name, 10, f"{name}.bin", expires_s=int(time.time()) + seconds)
            location = f"/upload?token={token}"
            if (status := patch(fleet, location, 0, b"12345").status) == 204:
                break
            assert status == 410
        assert status == 204
        assert eventually(lambda: head(fleet, location).status == 410)
        session = fleet.root / ".upload" / name
        assert eventually(
            lambda: {path.name for path in session.iterdir()} == {"info.json", ".lock"}
        )
        assert not (fleet.root / f"{name}.bin").exists()


def test_tokens_of_every_kind(fleet: Fleet) -> None:
    good = fleet.token("kinds", 10, "kinds.bin")
    expired = fleet.token("old", 10, "old.bin", expires_s=1)
    header, payload, signature = good.split(".")
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    assert head(fleet, f"/upload?token={good}").status == 200
    assert head(fleet, f"/upload?token={good}", replica=1).status == 200
    assert head(fleet, f"/upload?token={expired}").status == 410
    assert head(fleet, f"/upload?token={header}.{payload}.{signature[:-2]}AA").status == 401
    assert head(fleet, f"/upload?token={unsigned}.{payload}.").status == 401
    assert head(fleet, f"/upload?token={header}.{payload}").status == 400
    assert head(fleet, "/upload").status == 400
    fleet.secret = b"the secret of some other fleet.."
    assert head(fleet, f"/upload?token={fleet.token('kinds', 10, 'kinds.bin')}").status == 401


def test_checksums_over_the_wire(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    right = base64.b64encode(hashlib.sha256(DATA).digest()).decode()
    wrong = base64.b64encode(bytes(32)).decode()
    refused = patch(fleet, location, 0, DATA, Upload_Checksum=f"sha256 {wrong}")
    assert refused.status == 460
    assert refused.headers["content-type"] == "application/problem+json"
    assert head(fleet, location).headers["upload-offset"] == "0"
    assert patch(fleet, location, 0, DATA, Upload_Checksum=f"sha256 {right}").status == 204


def takes_nobody(fleet: Fleet, replica: int) -> bool:
    """Whether a replica has stopped listening, though it may still end what it began."""
    with socket.socket() as knocking:
        return knocking.connect_ex(("127.0.0.1", fleet.replicas[replica].port)) != 0


def test_a_stopped_replica_ends_what_is_in_flight(fleet: Fleet) -> None:
    location = create(fleet, len(DATA))
    with connect(fleet, 0) as slow:
        slow.sendall(patch_head(location, 0, len(DATA)) + DATA[:500_000])
        assert eventually(lambda: bool(temporary_files(fleet)))
        fleet.replicas[0].send(signal.SIGTERM)
        assert eventually(lambda: takes_nobody(fleet, 0))
        slow.sendall(DATA[500_000:])
        assert slow.recv(4096).startswith(b"HTTP/1.1 204")
    assert fleet.replicas[0].wait() == 0  # a second signal might meet its last moments
    assert (fleet.root / "file.bin").read_bytes() == DATA


def test_a_stop_does_not_wait_for_ever_for_a_stalled_client(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--grace", "1s"]) as fleet:
        location = create(fleet, len(DATA))
        with connect(fleet, 0) as stalled:
            stalled.sendall(patch_head(location, 0, len(DATA)) + DATA[:1000])
            assert eventually(lambda: bool(temporary_files(fleet)))
            assert fleet.replicas[0].stop(signal.SIGINT) == 0
        assert temporary_files(fleet) == []

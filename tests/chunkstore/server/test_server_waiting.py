"""Waiting for a lock: bounded, on no worker, and nobody else's business."""

from __future__ import annotations

import fcntl
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from server_support import (
    connect,
    create,
    eventually,
    head,
    patch,
    patch_head,
    temporary_files,
)

from chunkstore.testing import Fleet


@contextmanager
def locked(fleet: Fleet) -> Iterator[None]:
    """Holds the lock of the only session, as a replica does that was paused in the middle."""
    (path,) = (fleet.root / ".upload").glob("*/.lock")
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, 1, ["--workers", "2", "--lock-wait", "20s"]) as fleet:
        yield fleet


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path, 1, ["--lock-wait", "200ms"]) as fleet:
        yield fleet


def test_when_the_bound_is_over_the_answer_is_423(impatient: Fleet) -> None:
    location = create(impatient, 10)
    with locked(impatient):
        for answer in (head(impatient, location), patch(impatient, location, 0, b"hello")):
            assert answer.status == 423
            assert int(answer.headers["retry-after"]) >= 1
    assert patch(impatient, location, 0, b"hello").status == 204


def test_who_waits_gets_through_when_the_lock_is_free(patient: Fleet) -> None:
    location = create(patient, 10)
    with ThreadPoolExecutor(1) as pool:
        with locked(patient):
            waiting = pool.submit(patch, patient, location, 0, b"hello")
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
        assert waiting.result(timeout=90).status == 204


def test_many_waiters_occupy_no_worker(patient: Fleet) -> None:
    """Ten requests wait for one upload's lock; two workers are enough for everybody else."""
    location = create(patient, 10)
    with ThreadPoolExecutor(10) as pool:
        with locked(patient):
            waiting = [pool.submit(head, patient, location) for _ in range(10)]
            for index in range(10):
                other = f"/upload?token={patient.token(f'other-{index}', 5, f'other-{index}')}"
                assert patch(patient, other, 0, b"hello").status == 204
            assert not any(request.done() for request in waiting)
        assert {request.result(timeout=90).status for request in waiting} == {200}


@pytest.mark.parametrize("rest", [b"567", b"56789"])
def test_what_came_is_kept_of_a_waiter_that_leaves(patient: Fleet, rest: bytes) -> None:
    """Whether it is a part of the body or all of it; so it waits for the lock although nobody listens."""
    location = create(patient, 10)
    with connect(patient) as client:
        client.sendall(patch_head(location, 0, 10) + b"01234")
        assert eventually(lambda: bool(temporary_files(patient)))
        with locked(patient):
            client.sendall(rest)
            client.close()
            assert head(patient, "/upload?token=" + patient.token("other", 1, "o")).status == 200
    told = str(5 + len(rest))
    assert eventually(lambda: head(patient, location).headers["upload-offset"] == told)


def test_what_came_is_kept_of_a_waiter_that_leaves_before_its_body_was_read(patient: Fleet) -> None:
    location = create(patient, 10)
    with connect(patient) as client, locked(patient):
        client.sendall(patch_head(location, 0, 10) + b"01234")
        client.close()
        assert head(patient, "/upload?token=" + patient.token("other", 1, "o")).status == 200
    assert eventually(lambda: head(patient, location).headers["upload-offset"] == "5")


def test_a_waiter_that_leaves_before_its_body_is_forgotten(patient: Fleet) -> None:
    location = create(patient, 10)
    with connect(patient) as client, locked(patient):
        client.sendall(patch_head(location, 0, 10))
        client.close()
        assert eventually(lambda: '"status":400' in patient.logs())
    assert head(patient, location).headers["upload-offset"] == "0"


def test_a_replica_that_stops_still_waits_for_a_lock_that_is_free_soon(patient: Fleet) -> None:
    """It gives up at half its grace at the latest, and not at once: 423 would undo what was uploaded."""
    location = create(patient, 10)
    with ThreadPoolExecutor(1) as pool:
        with locked(patient):
            waiting = pool.submit(patch, patient, location, 0, b"hello")
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            patient.replicas[0].send(signal.SIGTERM)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        assert waiting.result(timeout=90).status == 204
    assert patient.replicas[0].wait() == 0


def test_a_stop_does_not_wait_for_a_lock_for_longer_than_its_grace(tmp_path: Path) -> None:
    options = ["--lock-wait", "60s", "--grace", "1s"]
    with Fleet(tmp_path, 1, options) as fleet, ThreadPoolExecutor(1) as pool:
        location = create(fleet, 10)
        with locked(fleet):
            waiting = pool.submit(head, fleet, location)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.3)
            fleet.replicas[0].send(signal.SIGTERM)
            assert waiting.result(timeout=90).status == 423
            assert fleet.replicas[0].wait() == 0

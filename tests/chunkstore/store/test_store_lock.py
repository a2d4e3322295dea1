"""Rule 9: the lock is never waited for, and never held while bodies stream, are compared or copied."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faultport import Call, FaultPort
from storescene import DATA, PATCHES, Client, World, claims_for, port_of

from chunkstore.errors import Busy, Conflict
from chunkstore.model import Claims
from chunkstore.store import Store

LIES = bytes(byte ^ 1 for byte in DATA)
BYTES_OF_UPLOADS = re.compile(r"/(body|stage|chunk)_[^/]*$")


def watch(port: FaultPort) -> list[str]:
    """The calls about upload bytes that were made while a session's lock was held."""
    found: list[str] = []

    def look(call: Call) -> None:
        moves_bytes = call.name in ("pread", "preadv", "pwrite", "write")
        syncs_bytes = call.name == "fsync"
        if (moves_bytes or syncs_bytes) and BYTES_OF_UPLOADS.search(call.path):
            assert port.calls
            if port.holds_session_lock:
                found.append(f"{call.name} {call.path}")

    port.before = look
    return found


@contextmanager
def held(world: World, claims: Claims) -> Iterator[None]:
    """Somebody else holds the session's lock."""
    fd = os.open(world.session(claims) / ".lock", os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_upload_bytes_move_under_the_lock(world: World, overwrite: bool) -> None:
    claims, store = claims_for(overwrite=overwrite), world.replica()
    found = watch(port_of(store))
    Client(world, claims).run(store)
    world.patch(store, claims, 3, DATA[3:12])
    assert found == []
    assert sum(call.path.endswith("/.lock") for call in port_of(store).calls) > 10


def test_nor_when_bodies_contradict_or_chunks_are_damaged(world: World) -> None:
    claims, store = claims_for(), world.replica()
    found = watch(port_of(store))
    world.patch(store, claims, 2, DATA[2:6])
    world.patch(store, claims, 9, DATA[9:12])
    with pytest.raises(Conflict):
        world.patch(store, claims, 0, LIES)
    (world.session(claims) / "chunks" / "chunk_9.dat").write_bytes(b"???")
    world.patch(store, claims, 0, DATA)
    store.sweep()
    assert world.published(claims) == DATA
    assert found == []


def test_the_watch_sees_a_store_that_holds_the_lock(world: World) -> None:
    """The check itself: it fires when the lock is held from the first byte."""
    claims, store = claims_for(), world.replica()
    store.create(claims)
    found = watch(port_of(store))
    incoming = store.begin(claims, 0, 3)
    with store.session(claims):
        incoming.write(DATA[:3])
    incoming.abort()
    assert len(found) == 1


def test_every_flock_only_tries(world: World) -> None:
    claims, store = claims_for(), world.replica()
    store.create(claims)
    with held(world, claims):
        for ask in (store.view, store.status, store.terminate):
            with pytest.raises(Busy):
                ask(claims)
        with pytest.raises(Busy):
            store.begin(claims, 0, 3)
        assert store.sweep() == []
    world.require_no_leak()


@pytest.mark.parametrize("index", range(len(PATCHES)))
def test_a_body_that_finds_the_lock_taken_is_committed_later(world: World, index: int) -> None:
    """Busy changes nothing: the same call again succeeds."""
    claims, store = claims_for(), world.replica()
    for number, (start, end) in enumerate(PATCHES):
        incoming = store.begin(claims, start, end - start)
        incoming.write(DATA[start:end])
        if number == index:
            with held(world, claims):
                for _ in range(3):
                    with pytest.raises(Busy):
                        incoming.commit()
        world.patiently(incoming.commit)
        incoming.abort()
    assert world.published(claims) == DATA
    world.sweep_clean()


def test_other_uploads_go_on(world: World) -> None:
    stuck, free = claims_for("stuck", target="stuck"), claims_for("free", target="free")
    store: Store = world.replica()
    store.create(stuck)
    with held(world, stuck):
        world.patch(store, free, 0, DATA)
        assert store.sweep() == []
        assert world.left_over() == {"stuck/chunks", "stuck/records"}
    assert world.published(free) == DATA


def test_the_lock_file_outlives_the_upload(world: World) -> None:
    """A waiter on an unlinked inode and a newcomer on a fresh one would both be inside."""
    claims, store = claims_for(), world.replica()
    store.create(claims)
    lock = world.session(claims) / ".lock"
    identity = lock.stat().st_ino
    world.patch(store, claims, 0, DATA)
    store.terminate(claims)
    world.sweep_clean()
    assert lock.stat().st_ino == identity


def test_a_lock_on_a_file_that_is_no_longer_the_lock_is_none(world: World) -> None:
    claims, store = claims_for(), world.replica()
    store.create(claims)
    lock = world.session(claims) / ".lock"

    def swap(call: Call) -> None:
        if call.name == "flock":
            port_of(store).before = None
            lock.unlink()
            lock.touch()

    port_of(store).before = swap
    with pytest.raises(Busy):
        store.view(claims)
    assert store.view(claims).offset == 0


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ESTALE])
@pytest.mark.parametrize("asked", ["flock", "fstat"])
def test_a_lock_file_that_another_host_is_removing_is_busy(
    world: World, asked: str, code: int
) -> None:
    """NFS refuses calls on an open file whose last name another client removed (RFC 1813, NFS3ERR_STALE)."""
    claims, store = claims_for(), world.replica()
    failed = False

    def removed(call: Call) -> None:
        nonlocal failed
        if call.name == asked and call.path.endswith("/.lock") and not failed:
            failed = True
            raise OSError(code, "gone")

    port_of(store).before = removed
    with pytest.raises(Busy):
        store.create(claims)
    assert failed
    port_of(store).before = None
    assert store.create(claims).state == "uploading"

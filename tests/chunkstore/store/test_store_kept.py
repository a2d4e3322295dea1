"""Rule 14: of a body that broke off the prefix is kept: durable, whole, and nothing that contradicts.

Each claim is made at every call that keeping makes: where the replica dies, where the call fails, where
another replica does something in between.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from faultport import Call, Died, die_at, fail_at, run_at
from storedisk import Disk
from storescene import DATA, World, claims_for, port_of, scratch

from chunkstore.errors import Busy, Conflict, Gone, Locked, StoreError
from chunkstore.model import Claims
from chunkstore.store import Store

SIZE = len(DATA)
LIES = bytes(byte ^ 0x80 for byte in DATA)
HELD = (10, 13)
"""Committed before the body comes, so that of a longer prefix two pieces are new."""
CAME = (6, 15)
"""How many of the body's bytes came: short of what is there, and past it."""


def broke_off(world: World, store: Store, claims: Claims, came: int, data: bytes = DATA) -> None:
    """A body for the whole upload, of which so many bytes come."""
    incoming = world.patiently(lambda: store.begin(claims, 0, SIZE))
    try:
        world.patiently(lambda: incoming.write(data[:came]))
        world.patiently(incoming.keep)
    finally:
        incoming.abort()


def begun(world: World, disk: Disk | None = None) -> Claims:
    claims = claims_for()
    world.patch(replica(world, disk), claims, HELD[0], DATA[slice(*HELD)])
    return claims


def replica(world: World, disk: Disk | None) -> Store:
    store = world.replica()
    if disk is not None:
        disk.attach(port_of(store))
    return store


def calls_of(came: int) -> list[Call]:
    """The calls that a body of so many bytes makes."""
    with scratch() as root:
        world = World(root)
        claims, store = begun(world), world.replica()
        broke_off(world, store, claims, came)
        return port_of(store).calls


def keeping_calls(came: int) -> list[int]:
    return [call.number for call in calls_of(came)]


def reached(world: World, claims: Claims, came: int) -> int:
    """How far the upload has come: to nothing, or to all that came of the body."""
    offset = world.insist(lambda: world.replica().view(claims)).offset
    assert offset in (0, came)
    return offset


def ended(world: World, claims: Claims) -> None:
    world.finish(claims, DATA)
    world.sweep_clean()
    world.require_no_leak()


@pytest.mark.parametrize("came", [*CAME, SIZE])
def test_the_prefix_is_committed_as_any_body_of_its_length(world: World, came: int) -> None:
    claims, store = begun(world), world.replica()
    broke_off(world, store, claims, came)
    assert reached(world, claims, came) == came
    ended(world, claims)


def test_of_a_body_of_which_nothing_came_nothing_is_kept(world: World) -> None:
    claims, store = begun(world), world.replica()
    broke_off(world, store, claims, 0)
    status = world.status(store, claims)
    assert (status.committed_offset, status.chunks_received) == (0, [HELD[0]])


@pytest.mark.parametrize("data", [LIES, DATA[:12] + LIES[12:]])
def test_a_prefix_that_contradicts_committed_bytes_is_dropped_whole(
    world: World, data: bytes
) -> None:
    claims, store = begun(world), world.replica()
    with pytest.raises(Conflict):
        broke_off(world, store, claims, 15, data)
    status = world.status(store, claims)
    assert (status.committed_offset, status.chunks_received) == (0, [HELD[0]])
    ended(world, claims)


def test_after_the_publication_nothing_is_kept(world: World) -> None:
    claims, store = begun(world), world.replica()
    late = store.begin(claims, 0, SIZE)
    late.write(LIES[:5])
    world.finish(claims, DATA)
    with pytest.raises(Conflict):
        late.keep()
    late.abort()
    broke_off(world, store, claims, 5, LIES)
    ended(world, claims)


def test_of_a_terminated_upload_nothing_is_kept(world: World) -> None:
    claims, store = begun(world), world.replica()
    incoming = store.begin(claims, 0, SIZE)
    incoming.write(DATA[:5])
    world.replica().terminate(claims)
    with pytest.raises(Gone):
        incoming.keep()
    incoming.abort()
    world.sweep_clean()
    world.require_no_leak()


@pytest.mark.parametrize("came", CAME)
def test_a_replica_that_dies_keeps_all_that_came_or_nothing(came: int) -> None:
    """And who answers from that makes it durable first, since the dead one may not have."""
    seen = set()
    for number in keeping_calls(came):
        with scratch() as root:
            world, disk = World(root), Disk(root, {"s": DATA})
            claims, dying, other = begun(world, disk), replica(world, disk), replica(world, disk)
            port_of(dying).before = die_at(number)
            with pytest.raises(Died):
                broke_off(world, dying, claims, came)
            port_of(dying).bury()
            offset = world.insist(partial(other.view, claims)).offset
            assert offset in (0, came)
            disk.require_acknowledged(world.session(claims), {*range(offset), *range(*HELD)})
            seen.add(offset)
            ended(world, claims)
    assert seen == {0, came}


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("came", CAME)
def test_where_a_call_fails_all_that_came_is_kept_or_nothing(came: int, code: int) -> None:
    seen = set()
    for call in calls_of(came):
        if call.name == "close":
            continue  # it is closed all the same
        with scratch() as root:
            world = World(root)
            claims, store = begun(world), world.replica()
            port_of(store).before = fail_at(call.number, code)
            with suppress(StoreError, OSError):
                broke_off(world, store, claims, came)
            port_of(store).before = None
            assert port_of(store).paths == {}, "a body that broke off left files open"
            seen.add(reached(world, claims, came))
            ended(world, claims)
    assert seen == {0, came}


def resent(world: World, store: Store, claims: Claims) -> None:
    world.patch(store, claims, 0, DATA[:8])


def went_on(world: World, store: Store, claims: Claims) -> None:
    """The client is back before its broken body is done with: it asks HEAD and sends the rest."""
    at = store.view(claims).offset
    world.patch(store, claims, at, DATA[at:])


def broke_off_too(world: World, store: Store, claims: Claims) -> None:
    broke_off(world, store, claims, 8)


def swept(world: World, store: Store, claims: Claims) -> None:
    store.sweep()


@pytest.mark.parametrize("act", [resent, went_on, broke_off_too, swept])
@pytest.mark.parametrize("came", CAME)
def test_whatever_else_happens_meanwhile(
    came: int, act: Callable[[World, Store, Claims], None]
) -> None:
    for number in keeping_calls(came):
        with scratch() as root:
            world = World(root)
            claims, store, other = begun(world), world.replica(), world.replica()
            port_of(store).before = run_at(number, partial(_tried, world, other, claims, act))
            with suppress(Locked):  # its temporary file can have been swept while it was made
                broke_off(world, store, claims, came)
            ended(world, claims)


def _tried(
    world: World, store: Store, claims: Claims, act: Callable[[World, Store, Claims], None]
) -> None:
    with suppress(Busy, AssertionError):  # the first holds the lock, and will for as long as this
        act(world, store, claims)


def contradicted_at(number: int, came: int) -> None:
    kept: list[bytes] = []
    with scratch() as root:
        world = World(root)
        claims, store, other = begun(world), world.replica(), world.replica()

        def act() -> None:
            if not kept:
                with suppress(
                    Busy, Conflict, AssertionError
                ):  # it holds the lock, or was the first
                    broke_off(world, other, claims, 4, LIES)
                    kept.append(LIES)

        port_of(store).before = run_at(number, act)
        try:
            broke_off(world, store, claims, came)
        except Conflict:
            assert kept
        else:
            assert not kept
        world.finish(claims, LIES[:4] + DATA[4:] if kept else DATA)
        world.sweep_clean()


@pytest.mark.parametrize("came", CAME)
def test_of_two_contradicting_ones_the_first_is_kept_and_the_other_dropped_whole(came: int) -> None:
    for number in keeping_calls(came):
        contradicted_at(number, came)

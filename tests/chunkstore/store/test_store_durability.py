"""Rule 1: acknowledged is durable, and no power loss leaves books that name what is gone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faultport import Call, Died, die_at
from storedisk import Disk
from storescene import DATA, Client, World, claims_for, count_calls, port_of, scratch

from chunkstore.model import Claims, Options
from chunkstore.store import Store

SPILLING = Options(segment_records=2)
LONG = bytes(range(1, 41))
ROLES = {
    "a body": r"/body_",
    "an assembled file": r"/stage_",
    "info.json": r"/info_",
    "a segment": r"/seg_",
    "the chunks' names": r"/chunks$",
    "the segments' names": r"/records$",
    "the session's names": r"/\.upload/s$",
    "the sessions' names": r"/\.upload$",
    "the root": r"^ROOT$",
    "the target's parent": r"/sub$",
    "the target's directory": r"/sub/deep$",
}


@contextmanager
def watched() -> Iterator[tuple[World, Disk]]:
    with scratch() as root:
        yield World(root, options=SPILLING), Disk(root, {"s": DATA})


def replica(world: World, disk: Disk) -> Store:
    store = world.replica()
    disk.attach(port_of(store))
    return store


def send_all(world: World, disk: Disk, claims: Claims) -> None:
    client = Client(world, claims)
    for request in client.requests(replica(world, disk)):
        request()
        disk.require_acknowledged(world.session(claims), client.acknowledged)
    assert world.published(claims) == DATA


def send_bytewise(world: World, disk: Disk) -> None:
    """So many chunks that records spill into segments."""
    claims = claims_for(size=len(LONG))
    disk.expected["s"] = LONG
    store = replica(world, disk)
    for at in range(len(LONG)):
        world.patch(store, claims, at, LONG[at : at + 1])
        disk.require_acknowledged(world.session(claims), set(range(at + 1)))
    assert world.published(claims) == LONG


@pytest.mark.parametrize("overwrite", [False, True])
def test_every_acknowledgement_is_durable(overwrite: bool) -> None:
    with watched() as (world, disk):
        send_all(world, disk, claims_for(overwrite=overwrite))
        assert disk.synced > 10


def test_segments_are_durable_before_they_are_named() -> None:
    with watched() as (world, disk):
        send_bytewise(world, disk)


def test_a_creation_is_durable() -> None:
    with watched() as (world, disk):
        claims = claims_for(created=True)
        replica(world, disk).create(claims)
        assert disk.durable(world.session(claims) / "info.json") is not None


@pytest.mark.parametrize("overwrite", [False, True])
def test_answers_are_durable_after_a_death_at_any_call(overwrite: bool) -> None:
    """The dead replica may have renamed and not synced; who answers from that must sync it first."""
    claims = claims_for(overwrite=overwrite)
    for number in range(1 + overwrite, count_calls(claims) + 1, 2):
        with watched() as (world, disk):
            client = Client(world, claims)
            dying = replica(world, disk)
            port_of(dying).before = die_at(number)
            with pytest.raises(Died):
                client.run(dying)
            port_of(dying).bury()
            other = replica(world, disk)
            status = world.status(other, claims)
            seen = set(range(status.committed_offset))
            disk.require_acknowledged(world.session(claims), seen | client.acknowledged)
            world.finish(claims, DATA)


@pytest.mark.parametrize("role", ROLES)
def test_a_forgotten_fsync_is_noticed(role: str) -> None:
    """The check itself: without any one kind of fsync it fires."""
    with watched() as (world, disk):
        pattern = re.compile(ROLES[role].replace("ROOT", re.escape(str(disk.root))))
        disk.swallow = lambda path: pattern.search(path) is not None
        with pytest.raises(AssertionError, match="may be"):
            if "segment" in role:
                send_bytewise(world, disk)
            else:
                send_all(world, disk, claims_for())


def test_a_directory_made_by_a_dead_replica_is_synced_too() -> None:
    """It is there, so nobody has to make it; but its own name may never have been written."""
    with watched() as (world, disk):
        (disk.root / "sub").mkdir()
        (disk.root / "sub" / "deep").mkdir()
        send_all(world, disk, claims_for())


def test_a_termination_makes_durable_what_a_dead_replica_had_published(world: World) -> None:
    """Everybody could see the file when DELETE was answered; a power loss must not take it away."""
    claims, disk = claims_for(), Disk(world.root, {"s": DATA})
    dying = replica(world, disk)

    def hook(call: Call) -> None:
        if call.name == "fsync" and world.published(claims) is not None:
            raise Died

    port_of(dying).before = hook
    with pytest.raises(Died):
        world.patch(dying, claims, 0, DATA)
    port_of(dying).bury()
    assert disk.durable(world.root / claims.target) is None
    replica(world, disk).terminate(claims)
    assert disk.durable(world.root / claims.target) == DATA

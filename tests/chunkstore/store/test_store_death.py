"""A replica dies at every single call of an upload in turn, and another one carries on."""

from __future__ import annotations

import pytest
from faultport import Died, die_at
from storescene import DATA, Client, World, claims_for, count_calls, port_of, scratch


def died_at(world: World, client: Client, number: int) -> bool:
    """Run the upload on a replica that dies before the given call; whether it came that far."""
    store = world.replica()
    port_of(store).before = die_at(number)
    try:
        client.run(store)
        return False
    except Died:
        return True
    finally:
        port_of(store).bury()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_client_finishes_on_another_replica(overwrite: bool) -> None:
    claims = claims_for(overwrite=overwrite)
    calls = count_calls(claims)
    assert calls > 100
    for number in range(1, calls + 1):
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)
            assert died_at(world, client, number)
            client.require_kept(world.replica())
            world.finish(claims, DATA)
            world.sweep_clean()
            world.require_no_leak()


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_sweeper_finishes_when_every_byte_was_acknowledged(overwrite: bool) -> None:
    claims = claims_for(overwrite=overwrite)
    for number in range(1 + overwrite, count_calls(claims) + 1, 2):
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)
            died_at(world, client, number)
            sweeper = world.replica()
            before = world.status(sweeper, claims) if world.session(claims).exists() else None
            assert sweeper.sweep() == []
            if before is not None and not before.missing_ranges:
                assert world.published(claims) == DATA
                world.sweep_clean()
            client.require_kept(world.replica())
            world.finish(claims, DATA)


def test_the_sweeper_alone_finishes_a_complete_upload() -> None:
    claims = claims_for()
    for number in range(1, count_calls(claims) + 1):
        with scratch() as root:
            world = World(root)
            died_at(world, Client(world, claims), number)
            info = world.session(claims) / "info.json"
            committed = info.exists() and b"[[0,19]]" in info.read_bytes().replace(b" ", b"")
            sweeper = world.replica()
            assert sweeper.sweep() == []
            if committed:
                assert world.published(claims) == DATA
                assert world.left_over() == set()
            elif not info.exists():
                assert not world.session(claims).exists(), "a session that never came to be"


def test_the_second_replica_dies_too() -> None:
    """Recovery may be interrupted as well: a sample of its calls, after a death at the worst ones."""
    claims = claims_for()
    calls = count_calls(claims)
    for number in range(calls - 36, calls + 1, 3):
        for later in range(1, 60, 4):
            with scratch() as root:
                world = World(root)
                client = Client(world, claims)
                died_at(world, client, number)
                second = world.replica()
                port_of(second).before = die_at(later)
                try:
                    second.sweep()
                except Died:
                    pass
                finally:
                    port_of(second).bury()
                client.require_kept(world.replica())
                world.finish(claims, DATA)
                world.sweep_clean()


def test_a_deletion_that_died_can_be_repeated() -> None:
    claims = claims_for()
    for number in range(1, 60):
        with scratch() as root:
            world = World(root)
            store = world.replica()
            world.patch(store, claims, 0, DATA[:5])
            dying = world.replica()
            port_of(dying).before = die_at(number)
            try:
                dying.terminate(claims)
                break
            except Died:
                port_of(dying).bury()
            other = world.replica()
            assert other.sweep() == []
            if b'"terminated"' not in (world.session(claims) / "info.json").read_bytes():
                assert other.view(claims).offset == 5
                other.terminate(claims)
            world.sweep_clean()
    else:
        raise AssertionError("a deletion takes fewer calls")

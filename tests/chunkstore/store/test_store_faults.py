"""A call fails: the disk is full, the device reports an error, a reply is lost. Nothing is corrupted,
the answer says what it was, and the same requests succeed afterwards."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from faultport import Call, FaultPort, fail_at, lose_reply_at, writes
from storescene import DATA, Client, World, claims_for, count_calls, port_of, scratch

from chunkstore.errors import Locked, OutOfSpace, StoreError
from chunkstore.model import Claims

STEPS = 4


def calls_of(claims: Claims) -> list[Call]:
    with scratch() as root:
        world = World(root)
        store = world.replica()
        Client(world, claims).run(store)
        return port_of(store).calls


def run_with_faults(
    world: World, client: Client, hook_of: Callable[[FaultPort], None]
) -> list[Exception]:
    """Send each request until it succeeds; the fault may strike once. What the failed ones raised."""
    store = world.replica()
    hook_of(port_of(store))
    raised: list[Exception] = []
    for request in client.requests(store):
        for _ in range(STEPS):
            try:
                request()
                break
            except (StoreError, OSError) as error:
                raised.append(error)
                port_of(store).before = port_of(store).after = None
                assert port_of(store).paths == {}, "a failed request left files open"
                if world.session(client.claims).exists():
                    client.require_kept(world.replica())
        else:
            raise AssertionError(f"a correct request never succeeds: {raised}")
    return raised


def require_finished(world: World, client: Client) -> None:
    assert world.published(client.claims) == DATA
    client.require_kept(world.replica())
    world.sweep_clean()
    world.require_no_leak()


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_full_disk_at_every_writing_call(overwrite: bool, lasting: bool) -> None:
    claims = claims_for(overwrite=overwrite)
    struck = 0
    for call in filter(writes, calls_of(claims)):
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)

            def arm(port: FaultPort, number: int = call.number) -> None:
                port.before = fail_at(number, errno.ENOSPC, lasting=lasting)

            raised = run_with_faults(world, client, arm)
            struck += len(raised)
            assert all(isinstance(error, OutOfSpace | Locked) for error in raised), raised
            require_finished(world, client)
    assert struck > 20


@pytest.mark.parametrize("overwrite", [False, True])
def test_device_error_at_every_call(overwrite: bool) -> None:
    claims = claims_for(overwrite=overwrite)
    for call in calls_of(claims):
        if call.name == "close":
            continue
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)

            def arm(port: FaultPort, number: int = call.number) -> None:
                port.before = fail_at(number, errno.EIO)

            raised = run_with_faults(world, client, arm)
            assert all(isinstance(error, OSError | Locked) for error in raised), raised
            require_finished(world, client)


def test_close_reports_an_error_although_it_closed() -> None:
    """close(2) may report what an earlier write met, and closes all the same."""
    claims = claims_for()
    for call in calls_of(claims):
        if call.name != "close":
            continue
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)

            def arm(port: FaultPort, number: int = call.number) -> None:
                port.after = fail_at(number, errno.EIO)

            run_with_faults(world, client, arm)
            require_finished(world, client)


@pytest.mark.parametrize("overwrite", [False, True])
def test_lost_reply_of_every_name_change(overwrite: bool) -> None:
    """Rename, link, mkdir, unlink and rmdir answer that there is nothing to do: no client notices."""
    claims = claims_for(overwrite=overwrite)
    struck: set[str] = set()
    for call in calls_of(claims):
        if call.name not in ("replace", "link", "mkdir", "unlink", "rmdir"):
            continue
        struck.add(call.name)
        with scratch() as root:
            world = World(root)
            client = Client(world, claims)

            def arm(port: FaultPort, number: int = call.number) -> None:
                port.after = lose_reply_at(number)

            assert run_with_faults(world, client, arm) == []
            require_finished(world, client)
    assert struck == {"replace", "link", "mkdir", "unlink", "rmdir"}


def test_full_disk_while_publishing_keeps_the_bytes() -> None:
    """Rule 5: the disk is full from assembly on, and has room again when the sweeper comes."""
    claims = claims_for()
    with scratch() as root:
        world = World(root)
        store = world.replica()
        full = False

        def hook(call: Call) -> None:
            nonlocal full
            full = full or "/stage_" in call.path
            if full and writes(call):
                raise OSError(errno.ENOSPC, "full")

        port_of(store).before = hook
        with pytest.raises(OutOfSpace):
            world.patch(store, claims, 0, DATA)
        with pytest.raises(Locked):
            store.view(claims)
        assert world.published(claims) is None
        port_of(store).before = None
        assert world.replica().sweep() == []
        assert world.published(claims) == DATA
        world.sweep_clean()


def test_an_expired_upload_makes_room_on_a_full_disk() -> None:
    """Ending a session needs a new info.json; its own bytes must not stand in the way of that."""
    claims = claims_for()
    with scratch() as root:
        world = World(root)
        world.patch(world.replica(), claims, 0, DATA[:5])
        world.clock.advance(3601)
        sweeper = world.replica()

        def full_while_chunks_stay(call: Call) -> None:
            chunks = world.session(claims) / "chunks"
            if call.name == "pwrite" and chunks.exists() and any(chunks.iterdir()):
                raise OSError(errno.ENOSPC, "full")

        port_of(sweeper).before = full_while_chunks_stay
        assert sweeper.sweep() == []
        assert world.left_over() == set()
        assert b'"expired"' in (world.session(claims) / "info.json").read_bytes()


def test_an_unwritable_target_directory_delays_publication_only() -> None:
    claims = claims_for()
    with scratch() as root:
        world = World(root)
        store = world.replica()

        def hook(call: Call) -> None:
            if call.name in ("link", "mkdir") and "/.upload" not in str(call.extra or call.path):
                raise PermissionError(errno.EACCES, "not now")

        port_of(store).before = hook
        with pytest.raises(Locked):
            world.patch(store, claims, 0, DATA)
        with pytest.raises(Locked):
            store.view(claims)
        port_of(store).before = None
        assert store.view(claims).offset == len(DATA)
        require_finished(world, Client(world, claims))


def test_the_undisturbed_upload_makes_as_many_calls_each_time() -> None:
    """What the numbers above mean depends on it."""
    claims = claims_for()
    assert count_calls(claims) == count_calls(claims) == len(calls_of(claims))

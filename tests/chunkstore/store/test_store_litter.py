"""Rule 10: one sweep leaves tombstones only, their time removes them, and nothing in use is touched."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faultport import Call, run_at
from storescene import DATA, TOMBSTONE, World, claims_for, port_of, scratch

from chunkstore.errors import Busy, Locked, StoreError
from chunkstore.store import Store


def names(path: Path) -> set[str]:
    return {one.name for one in path.iterdir()}


@pytest.mark.parametrize("end", ["published", "terminated", "expired"])
def test_tombstones_stay_for_their_time_and_no_longer(world: World, end: str) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA if end == "published" else DATA[:5])
    if end == "terminated":
        store.terminate(claims)
    world.clock.advance(3601 if end == "expired" else 3599)
    sweeper = world.replica()
    assert sweeper.sweep() == []
    assert names(world.session(claims)) == TOMBSTONE
    world.clock.advance(59)
    assert sweeper.sweep() == world.replica().sweep() == []
    assert names(world.session(claims)) == TOMBSTONE
    world.clock.advance(3)
    assert sweeper.sweep() == []
    assert names(world.root / ".upload") == set()
    assert world.published(claims) == (DATA if end == "published" else None)


def test_the_dead_writers_files_go_while_the_upload_lives(world: World) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:5])
    for name in ("body_1.tmp", "stage_1.tmp", "stage_2.tmp.pub", "info_1.tmp"):
        (world.session(claims) / name).write_bytes(b"left behind")
    assert world.replica().sweep() == []
    assert names(world.session(claims)) == TOMBSTONE | {"chunks", "records"}
    world.finish(claims, DATA)


def test_what_is_in_use_stays(world: World) -> None:
    claims, store = claims_for(), world.replica()
    incoming = store.begin(claims, 0, 5)
    incoming.write(DATA[:3])
    for _ in range(2):
        assert world.replica().sweep() == []
    incoming.write(DATA[3:5])
    assert world.patiently(incoming.commit).offset == 5
    world.finish(claims, DATA)


@pytest.mark.parametrize("how", ["unlinked", "session gone"])
def test_a_temporary_file_that_vanished_is_never_acknowledged(world: World, how: str) -> None:
    claims, store = claims_for(created=True), world.replica()
    store.create(claims)
    incoming = store.begin(claims, 0, 5)
    incoming.write(DATA[:5])
    if how == "unlinked":
        for body in world.session(claims).glob("body_*"):
            body.unlink()
    else:
        shutil.rmtree(world.session(claims))
    with pytest.raises(StoreError) as refusal:
        world.patiently(incoming.commit)
    assert refusal.value.status == (423 if how == "unlinked" else 404)
    incoming.abort()
    world.require_no_leak()
    if how == "unlinked":
        assert world.status(store, claims).chunks_received == []
        world.finish(claims, DATA)


@pytest.mark.parametrize("asked", ["pwrite", "fsync", "preadv"])
def test_a_temporary_file_whose_handle_is_no_longer_good_has_vanished(
    world: World, asked: str
) -> None:
    """NFS shows a name for a while after a sweeper elsewhere has taken it, and then refuses its handle."""
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 3, DATA[3:5])
    before = world.status(store, claims).chunks_received

    def gone(call: Call) -> None:
        if call.name == asked and "/body_" in call.path:
            raise OSError(errno.ESTALE, "gone", call.path)

    port_of(store).before = gone
    incoming = store.begin(claims, 0, 9)
    with pytest.raises(Locked) as refusal:
        incoming.write(DATA[:9])
        incoming.commit()
    assert not isinstance(refusal.value, Busy), "the body has to come again"
    port_of(store).before = None
    incoming.abort()
    assert world.status(store, claims).chunks_received == before
    world.require_no_leak()
    world.finish(claims, DATA)


def test_a_sweeper_between_making_a_file_and_holding_it(world: World) -> None:
    """The new file looks abandoned for a moment: the body is told at once, not at its end."""
    claims, store, other = claims_for(), world.replica(), world.replica()
    incoming = store.begin(claims, 0, 5)
    swept = 0

    def sweep(call: Call) -> None:
        nonlocal swept
        if call.name == "flock" and "/body_" in call.path and not swept:
            swept = 1
            assert other.sweep() == []

    port_of(store).before = sweep
    with pytest.raises(Busy):
        incoming.write(DATA[:5])
    incoming.write(DATA[:5])
    assert world.patiently(incoming.commit).offset == 5
    world.require_no_leak()


def only_a_lock(world: World) -> None:
    (world.session(claims_for()) / ".lock").touch()


def no_info(world: World) -> None:
    session = world.session(claims_for())
    only_a_lock(world)
    (session / "chunks").mkdir()
    (session / "chunks" / "chunk_0.dat").write_bytes(b"x")
    (session / "body_1.tmp").write_bytes(b"x")


def no_lock(world: World) -> None:
    world.patch(world.replica(), claims_for(), 0, DATA[:5])
    (world.session(claims_for()) / ".lock").unlink()


def half_an_upload(world: World) -> None:
    world.patch(world.replica(), claims_for(), 3, DATA[3:9])


DEBRIS: dict[str, Callable[[World], None]] = {
    "nothing in it": lambda world: None,
    "only a lock": only_a_lock,
    "no info": no_info,
    "no lock": no_lock,
}


@pytest.mark.parametrize("debris", DEBRIS)
def test_what_a_dead_maker_or_remover_left_goes(world: World, debris: str) -> None:
    world.session(claims_for()).mkdir(parents=True)
    DEBRIS[debris](world)
    world.clock.advance(100_000)
    for _ in range(2):
        assert world.replica().sweep() == []
    assert names(world.root / ".upload") == set()


def test_a_lost_lock_file_is_made_again_for_a_living_session(world: World) -> None:
    """A power loss may take any unsynced name; committed bytes must not hang on this one."""
    claims = claims_for(created=True)
    world.replica().create(claims)
    world.patch(world.replica(), claims, 0, DATA[:5])
    (world.session(claims) / ".lock").unlink()
    assert world.replica().sweep() == []
    assert world.replica().view(claims).offset == 5
    world.finish(claims, DATA)


def upload(world: World, store: Store) -> None:
    world.insist(lambda: world.patch(store, claims_for(), 0, DATA[:9]))
    world.insist(lambda: world.patch(store, claims_for(), 9, DATA[9:]))


START = DEBRIS | {"half an upload": half_an_upload}


@pytest.mark.parametrize("start", START)
def test_a_whole_upload_happens_while_the_sweeper_is_paused_anywhere(start: str) -> None:
    """The sweeper saw debris; by the time it acts, a client has made a session of it."""
    number = 0
    while True:
        number += 1
        with scratch() as root:
            world = World(root)
            world.session(claims_for()).mkdir(parents=True)
            START[start](world)
            sweeper, store, done = world.replica(), world.replica(), False

            def act() -> None:
                nonlocal done
                try:
                    world.patch(store, claims_for(), 0, DATA[:9])  # noqa: B023
                    done = True
                except (Locked, AssertionError):
                    return  # the sweeper holds the lock: the client comes back afterwards

            port_of(sweeper).before = run_at(number, act)
            assert sweeper.sweep() == []
            if done:
                assert world.replica().view(claims_for()).offset == 9, "it had been acknowledged"
            upload(world, store)
            assert world.published(claims_for()) == DATA
            world.sweep_clean()
            world.require_no_leak()
            if number > len(port_of(sweeper).calls):
                break


@pytest.mark.parametrize("bad", ["info.json", "records", "name", "file", "empty info"])
def test_one_bad_session_does_not_stop_the_sweep(world: World, bad: str) -> None:
    for session in ("a", "z"):
        world.patch(world.replica(), claims_for(session, target=session), 0, DATA[:5])
    broken = world.session(claims_for("m"))
    world.patch(world.replica(), claims_for("m", target="m"), 0, DATA[:5])
    if bad == "info.json":
        (broken / "info.json").write_bytes(b"{]")
    elif bad == "empty info":
        (broken / "info.json").write_bytes(b"")
    elif bad == "records":
        complete = b'"ranges":[[0,19]],"segments":[["seg_x.json",1,0,19]]'
        info = (broken / "info.json").read_bytes()
        head, _, _ = info.partition(b'"ranges"')
        (broken / "info.json").write_bytes(head + complete + b"}")
        (broken / "records" / "seg_x.json").write_bytes(b"[[")
    elif bad == "name":
        (world.root / ".upload" / "m .n").mkdir()
    else:
        (world.root / ".upload" / "mm").write_bytes(b"")
    world.clock.advance(3601)
    problems = world.replica().sweep()
    assert len(problems) == 1
    for session in ("a", "z"):
        assert names(world.session(claims_for(session))) == TOMBSTONE


def test_an_intent_that_cannot_be_carried_out_ends_with_the_session(world: World) -> None:
    claims, store = claims_for(target="t", overwrite=True), world.replica()
    world.patch(store, claims, 0, DATA[:5])
    (world.root / "t").mkdir()
    with pytest.raises(Locked):
        world.patch(store, claims, 5, DATA[5:])
    world.clock.advance(4000)
    assert world.replica().sweep() == []
    assert world.replica().sweep() == []
    assert names(world.root / ".upload") == set()
    assert names(world.root / "t") == set()

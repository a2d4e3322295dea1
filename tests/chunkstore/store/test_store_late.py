"""Rule 6, the end of it: nothing that arrives after publication alters the file or revives the session."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from faultport import once
from storescene import DATA, World, claims_for, port_of

from chunkstore.errors import Busy, Conflict, Gone, TooLarge
from chunkstore.model import Options
from chunkstore.store import Store

SIZE = len(DATA)
LIES = bytes(byte ^ 1 for byte in DATA)


def publish(world: World) -> tuple[Store, Path]:
    store = world.replica()
    world.patch(store, claims_for(), 0, DATA[:8])
    world.patch(store, claims_for(), 8, DATA[8:])
    world.sweep_clean()
    return world.replica(), world.root / claims_for().target


@pytest.mark.parametrize("span", [(0, 8), (8, 19), (3, 12), (0, 19), (18, 19), (19, 19)])
def test_true_bytes_succeed_and_false_ones_do_not(world: World, span: tuple[int, int]) -> None:
    store, target = publish(world)
    before = (target.stat().st_ino, target.stat().st_mtime_ns)
    view = world.patch(store, claims_for(), span[0], DATA[slice(*span)])
    assert (view.offset, view.state) == (SIZE, "published")
    if span[0] < span[1]:
        with pytest.raises(Conflict):
            world.patch(store, claims_for(), span[0], LIES[slice(*span)])
    with pytest.raises(TooLarge):
        world.patch(store, claims_for(), span[0], DATA[span[0] :] + b"x")
    assert target.read_bytes() == DATA
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == before
    assert world.left_over() == set()
    world.require_no_leak()


def later(target: Path) -> None:
    """Its time stamp moves, as by an NFS client that had it delegated."""
    found = target.stat()
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns + 1))


def test_a_time_stamp_that_moves_is_no_change(world: World) -> None:
    store, target = publish(world)
    reads = {}
    for step in ("moved", "noted", "moved again"):
        if step != "noted":
            later(target)
        before = len(port_of(store).calls)
        assert world.patch(store, claims_for(), 3, DATA[3:12]).state == "published", step
        reads[step] = [call.name for call in port_of(store).calls[before:]].count("preadv")
        with pytest.raises(Conflict):
            world.patch(store, claims_for(), 3, LIES[3:12])
    assert reads == {"moved": 2, "noted": 0, "moved again": 2}, "one read for each chunk, and once"
    assert world.left_over() == set()
    world.require_no_leak()


def test_a_file_that_changes_while_it_is_read_is_judged_again(world: World) -> None:
    store, target = publish(world)
    later(target)
    incoming = store.begin(claims_for(), 3, 9)
    incoming.write(DATA[3:12])
    port_of(store).before = once("preadv", target.name, lambda: later(target))
    with pytest.raises(Busy):
        incoming.commit()
    assert incoming.commit().state == "published"
    world.require_no_leak()


def test_a_session_that_noted_no_bytes_has_only_the_time_stamp(world: World) -> None:
    store, target = publish(world)
    with store.existing(claims_for()) as session:
        published = session.info.published
        assert published is not None
        session.info.published = msgspec.structs.replace(published, seal="")
        session.save(session.info)
    assert world.patch(store, claims_for(), 3, DATA[3:12]).state == "published"
    later(target)
    with pytest.raises(Gone):
        world.patch(store, claims_for(), 3, DATA[3:12])


def test_a_replaced_file_that_a_stale_name_opens_is_looked_up_again(world: World) -> None:
    """An NFS client reopens the file that it knew under the name, until it has listed the directory."""
    claims, old, new = claims_for(overwrite=True), world.root / "old", world.root / "new"
    (world.root / claims.target).parent.mkdir(parents=True)
    (world.root / claims.target).write_bytes(b"what stood there")
    os.link(world.root / claims.target, old)
    world.patch(world.replica(), claims, 0, DATA)
    target, store = world.root / claims.target, world.replica()
    os.rename(target, new)
    os.rename(old, target)
    port_of(store).before = once("listdir", str(target.parent), lambda: os.rename(new, target))
    assert world.patch(store, claims, 3, DATA[3:12]).state == "published"
    assert world.published(claims) == DATA


def changed(target: Path, how: str) -> None:
    if how == "moved":
        target.rename(target.with_name("elsewhere"))
    elif how == "replaced":
        other = target.with_name("other")
        other.write_bytes(LIES)
        os.replace(other, target)
    elif how == "edited":
        found = target.stat()
        target.write_bytes(LIES)
        os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    else:
        target.unlink()


@pytest.mark.parametrize("how", ["moved", "replaced", "edited", "deleted"])
def test_recorded_digests_judge_when_the_file_cannot(world: World, how: str) -> None:
    store, target = publish(world)
    changed(target, how)
    content = target.read_bytes() if target.exists() else None
    assert world.patch(store, claims_for(), 8, DATA[8:]).state == "published"
    with pytest.raises(Conflict):
        world.patch(store, claims_for(), 8, LIES[8:])
    for body in (DATA, LIES):
        with pytest.raises(Gone):
            world.patch(store, claims_for(), 3, body[3:12])
    assert store.view(claims_for()).offset == SIZE
    assert store.sweep() == []
    assert (target.read_bytes() if target.exists() else None) == content


def test_without_a_digest_on_record_the_file_judges(world: World) -> None:
    world.options = Options(segment_records=2)
    data = bytes(range(1, 61))
    claims, store = claims_for(size=len(data)), world.replica()
    for at in range(len(data)):
        world.patch(store, claims, at, data[at : at + 1])
    assert world.patch(store, claims, 0, data[:1]).state == "published"
    with pytest.raises(Conflict):
        world.patch(store, claims, 0, b"\xff")
    (world.root / claims.target).unlink()
    with pytest.raises(Gone):
        world.patch(store, claims, 0, data[:1])
    assert world.patch(store, claims, 59, data[59:]).state == "published"


def test_a_body_on_its_way_while_the_upload_is_published(world: World) -> None:
    for body, refused in ((DATA, False), (LIES, True)):
        session = claims_for("lie" if refused else "true", target="lie" if refused else "true")
        slow, quick = world.replica(), world.replica()
        incoming = slow.begin(session, 2, 5)
        incoming.write(body[2:7])
        world.patch(quick, session, 0, DATA)
        if refused:
            with pytest.raises(Conflict):
                world.patiently(incoming.commit)
        else:
            assert world.patiently(incoming.commit).state == "published"
        incoming.abort()
        assert world.published(session) == DATA
    world.sweep_clean()
    world.require_no_leak()


@pytest.mark.parametrize("published", [False, True])
def test_a_terminated_upload_stays_ended(world: World, published: bool) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA if published else DATA[:5])
    pending = world.replica().begin(claims, 5, 4)
    store.terminate(claims)
    for ask in (store.view, store.status, store.terminate, store.create):
        with pytest.raises(Gone):
            ask(claims)
    with pytest.raises(Gone):
        pending.write(DATA[5:9])
        world.patiently(pending.commit)
    pending.abort()
    with pytest.raises(Gone):
        store.begin(claims, 0, 1)
    assert world.published(claims) == (DATA if published else None)
    world.sweep_clean()


@pytest.mark.parametrize("content", [DATA, LIES])
def test_a_file_edited_while_a_late_body_comes_in_judges_nobody(
    world: World, content: bytes
) -> None:
    store, target = publish(world)
    incoming = store.begin(claims_for(), 3, 9)
    changed(target, "edited")
    incoming.write(content[3:12])
    with pytest.raises(Gone):
        incoming.commit()
    incoming.abort()
    world.require_no_leak()

"""Rules 2, 3, 4 and 8: first committed wins, any boundaries, nothing is a trap, honest status."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from faultport import Call
from storescene import DATA, World, claims_for, port_of

from chunkstore.errors import Conflict, Gone, Locked, TargetTaken, TooLarge, UnknownUpload
from chunkstore.model import Claims
from chunkstore.store import percent

SIZE = len(DATA)
LIES = bytes(byte ^ 1 for byte in DATA)


def state_of(world: World) -> dict[str, bytes]:
    """Everything on disk, except that temporary files may not be there at all."""
    base = world.root / ".upload"
    return {
        str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()
    }


# Rule 2.


@pytest.mark.parametrize("span", [(3, 9), (3, 5), (4, 7), (7, 9), (0, 12), (5, 14), (0, 19)])
def test_a_replay_of_any_boundaries_changes_no_committed_byte(
    world: World, span: tuple[int, int]
) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 3, DATA[3:9])
    chunk = world.session(claims) / "chunks" / "chunk_3.dat"
    identity = chunk.stat().st_ino
    world.patch(world.replica(), claims, span[0], DATA[slice(*span)])
    if span != (0, 19):
        assert (chunk.stat().st_ino, chunk.read_bytes()) == (identity, DATA[3:9])
    world.finish(claims, DATA)


def test_an_exact_replay_changes_nothing_at_all(world: World) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 3, DATA[3:9])
    before = state_of(world)
    view = world.patch(world.replica(), claims, 3, DATA[3:9])
    assert (view.offset, view.count) == (0, 1)
    assert state_of(world) == before


@pytest.mark.parametrize(
    "span", [(3, 9), (3, 5), (4, 7), (7, 9), (0, 12), (8, 14), (0, 4), (0, 19)]
)
def test_contradicting_bytes_are_refused_and_change_nothing(
    world: World, span: tuple[int, int]
) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 3, DATA[3:9])
    before = state_of(world)
    with pytest.raises(Conflict):
        world.patch(world.replica(), claims, span[0], LIES[slice(*span)])
    assert state_of(world) == before
    world.finish(claims, DATA)


@pytest.mark.parametrize("at", [3, 5, 8])
def test_one_false_byte_anywhere_in_the_overlap_is_a_conflict(world: World, at: int) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 3, DATA[3:9])
    body = bytearray(DATA)
    body[at] ^= 1
    before = state_of(world)
    with pytest.raises(Conflict):
        world.patch(store, claims, 0, bytes(body))
    assert state_of(world) == before


def test_bytes_added_while_comparing_are_compared_too(world: World) -> None:
    """The body has been compared with all there was; a liar commits just before it takes the lock."""
    claims, store, other = claims_for(), world.replica(), world.replica()
    incoming = store.begin(claims, 0, SIZE)
    incoming.write(DATA)
    world.patch(other, claims, 5, LIES[5:9])
    with pytest.raises(Conflict):
        world.patiently(incoming.commit)
    incoming.abort()
    assert world.status(other, claims).chunks_received == [5]


# Rule 3.


@pytest.mark.parametrize("first", [1, 2, 3, 5, 7, 19])
@pytest.mark.parametrize("second", [1, 2, 4, 6, 19])
def test_a_resume_with_another_chunk_size(world: World, first: int, second: int) -> None:
    claims = claims_for()
    store, other = world.replica(), world.replica()
    for start in range(0, SIZE // 2, first):
        world.patch(store, claims, start, DATA[start : start + first])
    for start in range(0, SIZE, second):
        world.patch(other, claims, start, DATA[start : start + second])
    assert world.published(claims) == DATA
    world.sweep_clean()


def test_a_body_may_cross_chunks_that_came_out_of_order(world: World) -> None:
    claims, store = claims_for(), world.replica()
    for start, end in ((2, 4), (9, 11), (15, 16), (6, 7)):
        world.patch(store, claims, start, DATA[start:end])
    assert world.patch(world.replica(), claims, 0, DATA).state == "published"
    assert world.published(claims) == DATA


# Rule 4.


@pytest.mark.parametrize("offset", [0, 7, SIZE])
def test_an_empty_patch_is_a_success_that_changes_nothing(world: World, offset: int) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:7])
    before = state_of(world)
    assert world.patch(store, claims, offset, b"").offset == 7
    assert state_of(world) == before
    world.finish(claims, DATA)


@pytest.mark.parametrize("by", ["create", "head", "status", "patch", "sweep"])
def test_an_upload_of_no_bytes_completes(world: World, by: str) -> None:
    claims, store = claims_for(size=0), world.replica()
    if by == "create":
        assert store.create(claims).state == "published"
    elif by == "head":
        assert store.view(claims).state == "published"
    elif by == "status":
        assert store.status(claims).status == "published"
    elif by == "patch":
        assert world.patch(store, claims, 0, b"").state == "published"
    else:
        store.begin(claims, 0, 0).abort()
        store.sweep()
    assert world.published(claims) == b""
    assert world.patch(store, claims, 0, b"").offset == 0
    world.sweep_clean()


@pytest.mark.parametrize("received", [0, 1, SIZE])
def test_an_aborted_body_leaves_no_trace(world: World, received: int) -> None:
    """The way of a checksum mismatch, and of a body with one that broke off: its request aborts it."""
    claims, store = claims_for(), world.replica()
    store.create(claims)
    before = state_of(world)
    incoming = store.begin(claims, 0, SIZE)
    incoming.write(LIES[:received])
    incoming.abort()
    incoming.abort()
    assert state_of(world) == before
    world.finish(claims, DATA)
    world.require_no_leak()


def test_past_the_declared_end(world: World) -> None:
    claims, store = claims_for(), world.replica()
    with pytest.raises(Conflict):
        store.begin(claims, SIZE + 1, 0)
    with pytest.raises(TooLarge):
        store.begin(claims, 10, SIZE - 9)
    incoming = store.begin(claims, 10, None)
    incoming.write(DATA[10:])
    with pytest.raises(TooLarge):
        incoming.write(b"x")
    incoming.abort()
    assert world.status(store, claims).chunks_received == []
    world.finish(claims, DATA)


# Rule 8, and whose session it is.


def test_status_tells_one_story_after_every_step(world: World) -> None:
    claims, store = claims_for(), world.replica()
    acknowledged: set[int] = set()
    for start, end in ((12, 14), (0, 3), (5, 9), (3, 5), (9, 12), (14, 19)):
        world.patch(store, claims, start, DATA[start:end])
        acknowledged |= set(range(start, end))
        status = world.status(world.replica(), claims)
        world.require_agreeing(status, acknowledged)
        assert start in status.chunks_received
        assert status.progress_percent == percent(len(acknowledged), SIZE)
    assert status.chunks_received == [0, 3, 5, 9, 12, 14]
    assert (status.status, status.progress_percent) == ("published", 100.0)


def test_progress_is_never_rounded_up_to_done() -> None:
    assert percent(999_999, 1_000_000) == 99.99
    assert percent(0, 0) == percent(7, 7) == 100.0


def test_the_offset_equals_the_size_only_once_published(world: World) -> None:
    claims = claims_for()
    taken = world.root / claims.target
    world.patch(world.replica(), claims, 0, DATA[:-1])
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"somebody else's")
    with pytest.raises(Conflict):
        world.patch(world.replica(), claims, SIZE - 1, DATA[-1:])
    for ask in (world.replica().view, world.replica().status):
        with pytest.raises(TargetTaken, match="has the target name"):
            ask(claims)
    taken.unlink()
    assert world.replica().view(claims).offset == SIZE


def test_a_status_never_shows_all_bytes_before_they_are_published(world: World) -> None:
    """The last bytes come while it is about to look, from a replica that then fails to publish."""
    claims, store, other = claims_for(), world.replica(), world.replica()
    world.patch(store, claims, 0, DATA[:-1])
    came = []

    def fail_to_publish(call: Call) -> None:
        if "/stage_" in call.path:
            raise OSError(errno.EIO, "no")

    def hook(call: Call) -> None:
        if call.name == "flock" and not came:
            came.append(call)
            port_of(other).before = fail_to_publish
            with pytest.raises(Locked):
                world.patch(other, claims, SIZE - 1, DATA[-1:])

    port_of(store).before = hook
    status = store.status(claims)
    assert came
    assert (status.status, status.missing_ranges) == ("published", [])
    assert world.published(claims) == DATA


def test_a_session_that_this_fleet_made_must_be_there(world: World) -> None:
    with pytest.raises(UnknownUpload):
        world.replica().view(claims_for(created=True))
    assert not Path(world.root / ".upload").exists(), "an unknown upload leaves nothing behind"


def test_an_expired_token_touches_nothing(world: World) -> None:
    claims, store = claims_for(expires_s=999_999), world.replica()
    for ask in (store.view, store.status, store.terminate, store.create):
        with pytest.raises(Gone):
            ask(claims)
    with pytest.raises(Gone):
        store.begin(claims, 0, 1)
    assert list(world.root.iterdir()) == []


@pytest.mark.parametrize(
    "other", [claims_for(size=18), claims_for(target="other"), claims_for(overwrite=True)]
)
def test_other_claims_for_the_same_session_are_refused(world: World, other: Claims) -> None:
    store = world.replica()
    store.create(claims_for())
    with pytest.raises(Conflict):
        store.view(other)


def test_a_later_token_keeps_the_session_longer(world: World) -> None:
    store = world.replica()
    world.patch(store, claims_for(), 0, DATA[:5])
    longer = claims_for(expires_s=1_010_000)
    store.view(longer)
    world.clock.advance(5_000)
    assert store.sweep() == []
    world.finish(longer, DATA)

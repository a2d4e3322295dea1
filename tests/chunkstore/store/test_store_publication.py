"""Rules 5, 6 and 13: completion is certain; published once, whole, last; rivals for one name."""

from __future__ import annotations

import errno
import os

import msgspec
import pytest
from faultport import Call, Died, once, raises
from storescene import DATA, World, claims_for, port_of

from chunkstore.errors import Busy, Conflict, Gone, Locked, TargetTaken
from chunkstore.model import Claims, Info
from chunkstore.store import Store

SIZE = len(DATA)
LIES = bytes(byte ^ 1 for byte in DATA)


def info_of(world: World, claims: Claims) -> Info:
    return msgspec.json.decode((world.session(claims) / "info.json").read_bytes(), type=Info)


# A paused assembler.


def test_while_one_assembles_others_are_busy_and_then_help_themselves(world: World) -> None:
    """Nobody can tell a dead assembler from a paused one: the second waits, then assembles too."""
    claims, paused, other = claims_for(), world.replica(), world.replica()
    seen: list[str] = []

    def meanwhile() -> None:
        with pytest.raises(Busy):
            other.view(claims)
        assert world.published(claims) is None
        world.clock.advance(world.options.stalled_s + 0.1)
        seen.append(other.view(claims).state)

    port_of(paused).before = once("pwrite", "/stage_", meanwhile)
    assert world.patch(paused, claims, 0, DATA).state == "published"
    assert seen == ["published"]
    assert world.published(claims) == DATA
    world.sweep_clean()


def test_a_growing_file_is_not_taken_for_stalled(world: World) -> None:
    claims, paused, other = claims_for(), world.replica(), world.replica()
    for start in range(0, SIZE - 1, 3):
        world.patch(paused, claims, start, DATA[start : start + 3])

    def look(call: Call) -> None:
        if call.name == "pwrite" and "/stage_" in call.path:
            world.clock.advance(world.options.stalled_s * 0.9)
            with pytest.raises(Busy):
                other.view(claims)

    port_of(paused).before = look
    assert world.patch(paused, claims, SIZE - 1, DATA[-1:]).state == "published"
    assert sum(call.name == "link" for call in port_of(other).calls) == 0


def test_the_file_appears_whole_and_at_once(world: World) -> None:
    claims, store = claims_for(), world.replica()
    contents: set[bytes | None] = set()
    port_of(store).before = lambda call: contents.add(world.published(claims))
    world.patch(store, claims, 0, DATA)
    assert contents == {None, DATA}


# Interrupted publication.


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_intents_inode_stays_in_use_until_it_is_decided(world: World, overwrite: bool) -> None:
    """Were the staging file removed, a rival's file could get its inode number and pass for ours."""
    claims, rival = claims_for(overwrite=overwrite), claims_for("rival")
    store = world.replica()
    name = "replace" if overwrite else "link"

    def fail(call: Call) -> None:
        target = str(call.extra[0]) if call.extra else ""
        if call.name == name and target.endswith(claims.target):
            raise OSError(errno.EIO, "not now")

    port_of(store).before = fail
    with pytest.raises(Locked):
        world.patch(store, claims, 0, DATA)
    intent = info_of(world, claims).intent
    assert intent is not None
    assert (world.session(claims) / intent.staging).stat().st_ino == intent.inode
    port_of(store).before = None
    assert world.patch(world.replica(), rival, 0, LIES).state == "published"
    world.replica().sweep()
    assert world.published(claims) == (DATA if overwrite else LIES)
    if not overwrite:
        assert info_of(world, claims).state == "uploading"
        assert info_of(world, claims).complete


def test_published_then_moved_away_before_it_was_recorded(world: World) -> None:
    """The link count tells that it happened: it is not published a second time."""
    claims, dying = claims_for(), world.replica()
    target = world.root / claims.target
    port_of(dying).before = once("fsync", "/sub/deep", raises(Died()))
    with pytest.raises(Died):
        world.patch(dying, claims, 0, DATA)
    port_of(dying).bury()
    assert info_of(world, claims).intent is not None
    os.rename(target, target.with_name("mine"))
    assert world.replica().sweep() == []
    assert not target.exists()
    assert world.replica().view(claims).state == "published"
    assert target.with_name("mine").read_bytes() == DATA


def test_replaced_by_a_rival_before_it_was_recorded(world: World) -> None:
    claims, rival = claims_for(overwrite=True), claims_for("rival", overwrite=True)
    dying = world.replica()
    port_of(dying).before = once("fsync", "/sub/deep", raises(Died()))
    with pytest.raises(Died):
        world.patch(dying, claims, 0, DATA)
    port_of(dying).bury()
    world.patch(world.replica(), rival, 0, LIES)
    world.sweep_clean()
    assert world.published(claims) == LIES, "published once: not over the rival's later file"
    assert world.replica().view(claims).state == "published"


def test_a_lost_reply_and_a_rival_right_behind_it(world: World) -> None:
    """The rename happened, its reply was lost, and before anybody looks the name is another's."""
    claims, rival = claims_for(overwrite=True), claims_for("rival", overwrite=True)
    store, other = world.replica(), world.replica()

    def after(call: Call) -> None:
        if call.name == "replace" and str(call.extra[0]).endswith(claims.target):
            port_of(store).after = None
            world.patch(other, rival, 0, LIES)
            raise FileNotFoundError(errno.ENOENT, "done before")

    port_of(store).after = after
    assert world.patch(store, claims, 0, DATA).state == "published"
    assert world.published(claims) == LIES
    world.sweep_clean()


def test_a_staging_file_that_vanishes_is_made_again(world: World) -> None:
    claims, store = claims_for(), world.replica()

    def vanish() -> None:
        for stage in world.session(claims).glob("stage_*"):
            stage.unlink()

    port_of(store).before = once("link", "/stage_", vanish)
    assert world.patch(store, claims, 0, DATA).state == "published"
    assert world.published(claims) == DATA


@pytest.mark.parametrize("asked", ["pwrite", "fsync"])
def test_a_staging_file_whose_handle_is_no_longer_good_is_made_again(
    world: World, asked: str
) -> None:
    claims, store = claims_for(), world.replica()

    def gone() -> None:
        raise OSError(errno.ESTALE, "gone")

    port_of(store).before = once(asked, "/stage_", gone)
    assert world.patch(store, claims, 0, DATA).state == "published"
    assert world.published(claims) == DATA


def test_overwriting_when_the_staging_file_vanishes_is_no_lost_rivalry(world: World) -> None:
    claims, store = claims_for(overwrite=True, target="t"), world.replica()
    (world.root / "t").write_bytes(b"old")

    def vanish() -> None:
        for stage in world.session(claims).glob("stage_*.pub"):
            stage.unlink()

    port_of(store).before = once("replace", ".pub", vanish)
    assert world.patch(store, claims, 0, DATA).state == "published"
    assert world.published(claims) == DATA


# Rivals.


def test_the_loser_keeps_its_bytes_and_gets_the_name_when_it_is_free(world: World) -> None:
    first, second = claims_for("first"), claims_for("second")
    world.patch(world.replica(), second, 0, LIES[:5])
    world.patch(world.replica(), first, 0, DATA)
    for _ in range(2):
        with pytest.raises(TargetTaken):
            world.patch(world.replica(), second, 5, LIES[5:])
    assert world.replica().sweep() == []
    with pytest.raises(TargetTaken):
        world.replica().view(second)
    assert world.published(first) == DATA
    (world.root / first.target).unlink()
    assert world.replica().sweep() == []
    assert world.published(second) == LIES
    world.sweep_clean()


def test_the_losers_bytes_go_when_its_time_is_over(world: World) -> None:
    first, second = claims_for("first"), claims_for("second")
    world.patch(world.replica(), second, 0, LIES[:5])
    world.patch(world.replica(), first, 0, DATA)
    with pytest.raises(TargetTaken):
        world.patch(world.replica(), second, 5, LIES[5:])
    world.clock.advance(3601)
    assert world.replica().sweep() == []
    assert info_of(world, second).complete, "kept until the expiry plus the allowed skew"
    world.clock.advance(60)
    world.sweep_clean()
    assert info_of(world, second).state == "expired"


def test_creation_refuses_a_name_in_use_unless_overwriting(world: World) -> None:
    (world.root / "t").write_bytes(b"old")
    with pytest.raises(TargetTaken):
        world.replica().create(claims_for(target="t"))
    claims = claims_for("second", target="t", overwrite=True)
    world.replica().create(claims)
    assert (world.root / "t").read_bytes() == b"old"
    world.finish(claims, DATA)
    (world.root / "d").mkdir()
    with pytest.raises(TargetTaken):
        world.replica().create(claims_for("third", target="d", overwrite=True))


def test_a_directory_in_the_targets_place_delays_an_overwriting_upload(world: World) -> None:
    claims, store = claims_for(target="t", overwrite=True), world.replica()
    world.patch(store, claims, 0, DATA[:5])
    (world.root / "t").mkdir()
    with pytest.raises(Locked):
        world.patch(store, claims, 5, DATA[5:])
    (world.root / "t").rmdir()
    assert world.replica().sweep() == []
    assert world.published(claims) == DATA
    world.sweep_clean()


# Nobody comes back, and the token expires.


def dead_before_publication(world: World, claims: Claims) -> None:
    dying = world.replica()
    port_of(dying).before = once("open", "/stage_", raises(Died()))
    with pytest.raises(Died):
        world.patch(dying, claims, 0, DATA)
    port_of(dying).bury()


@pytest.mark.parametrize("later_s", [0, 3601, 100_000])
def test_every_byte_is_committed_and_nobody_comes_back(world: World, later_s: float) -> None:
    """The sweeper finishes what was acknowledged, even when the fleet was down past the expiry."""
    claims = claims_for()
    dead_before_publication(world, claims)
    world.clock.advance(later_s)
    for _ in range(2):
        assert world.replica().sweep() == []
    assert world.published(claims) == DATA
    assert world.left_over() == set()


def test_the_token_expires_during_assembly(world: World) -> None:
    """The last PATCH was in time. Publishing ends, whatever the client is told."""
    claims, store = claims_for(), world.replica()
    port_of(store).before = once("pwrite", "/stage_", lambda: world.clock.advance(4000))
    assert world.patch(store, claims, 0, DATA).state == "published"
    assert world.published(claims) == DATA


def test_a_termination_comes_between_assembly_and_publication(world: World) -> None:
    claims, store, other = claims_for(), world.replica(), world.replica()
    port_of(store).before = once("pwrite", "/stage_", lambda: other.terminate(claims))
    with pytest.raises(Gone):
        world.patch(store, claims, 0, DATA)
    world.sweep_clean()
    assert world.published(claims) is None


def test_published_by_another_and_terminated_before_the_answer(world: World) -> None:
    """The PATCH's bytes are in the published file: it must not be told that it had no effect."""
    claims, store, other = claims_for(), world.replica(), world.replica()

    def publish_and_terminate() -> None:
        other.sweep()
        other.terminate(claims)

    port_of(store).before = once("close", "/body_", publish_and_terminate)
    view = world.patch(store, claims, 0, DATA)
    assert view.offset == len(DATA)
    assert world.published(claims) == DATA
    with pytest.raises(Gone):
        store.view(claims)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_termination_settles_a_publication_that_died(world: World, overwrite: bool) -> None:
    """What had been published stays; what had not is gone."""
    for at, stays in (("link" if not overwrite else "replace", False), ("fsync", True)):
        claims = claims_for(f"s-{at}", target=f"sub/deep/{at}", overwrite=overwrite)
        dying = world.replica()
        part = "/sub/deep" if at == "fsync" else "stage_"
        hook = once(at, part, raises(Died()))
        if at == "fsync":
            port_of(dying).before = lambda call, hook=hook: (
                hook(call) if world.published(claims) is not None else None  # noqa: B023
            )
        else:
            port_of(dying).before = hook
        with pytest.raises(Died):
            world.patch(dying, claims, 0, DATA)
        port_of(dying).bury()
        world.replica().terminate(claims)
        assert world.published(claims) == (DATA if stays else None)
        world.sweep_clean()


def test_conflict_at_publication_is_409_and_no_malformed_request(world: World) -> None:
    """A file stands where the target's directory was to be: the client's request was correct."""
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:5])
    (world.root / "sub").write_bytes(b"in the way")
    with pytest.raises(Conflict):
        world.patch(store, claims, 5, DATA[5:])
    (world.root / "sub").unlink()
    assert world.replica().sweep() == []
    assert world.published(claims) == DATA


def test_another_store_may_be_asked_at_once(world: World) -> None:
    """Every replica of the fleet sees the publication at its next look."""
    claims = claims_for()
    stores: list[Store] = [world.replica() for _ in range(3)]
    for store in stores:
        assert store.view(claims).offset == 0
    world.patch(stores[0], claims, 0, DATA)
    assert [store.view(claims).state for store in stores] == ["published"] * 3

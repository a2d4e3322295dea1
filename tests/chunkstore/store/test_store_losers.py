"""Rule 13: who lost a name is told at the next request, and nobody who may still get it."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest
from faultport import Died, die_at, once, raises, run_at
from storedisk import Disk
from storescene import DATA, World, claims_for, port_of, scratch

from chunkstore.errors import Busy, TargetTaken
from chunkstore.store import Store

LIES = bytes(byte ^ 0x80 for byte in DATA)
WINNER, LOSER = claims_for("first"), claims_for("second")
Ask = Callable[[World, Store], object]
IN_VAIN: dict[str, Ask] = {
    "head": lambda _, store: store.view(LOSER),
    "status": lambda _, store: store.status(LOSER),
    "more": lambda _, store: store.begin(LOSER, 5, 4),
    "again": lambda world, store: world.patch(store, LOSER, 0, LIES[:5]),
    "empty": lambda world, store: world.patch(store, LOSER, 5, b""),
}
each_question = pytest.mark.parametrize("ask", IN_VAIN.values(), ids=IN_VAIN)


def begun(world: World, store: Store | None = None) -> None:
    world.patch(store or world.replica(), LOSER, 0, LIES[:5])
    world.patch(store or world.replica(), WINNER, 0, DATA[:5])


def won(world: World) -> None:
    begun(world)
    world.patch(world.replica(), WINNER, 5, DATA[5:])


@each_question
def test_a_loser_is_told_whatever_it_asks(world: World, ask: Ask) -> None:
    won(world)
    with pytest.raises(TargetTaken, match="has the target name"):
        ask(world, world.replica())
    assert world.published(WINNER) == DATA


@each_question
def test_while_nobody_has_the_name_nobody_has_lost_it(world: World, ask: Ask) -> None:
    begun(world)
    ask(world, world.replica())


def test_a_loser_goes_on_when_the_name_is_free(world: World) -> None:
    won(world)
    with pytest.raises(TargetTaken):
        world.patch(world.replica(), LOSER, 5, LIES[5:9])
    (world.root / LOSER.target).unlink()
    assert world.replica().view(LOSER).offset == 5, "what was refused was not kept"
    world.finish(LOSER, LIES)


def test_who_replaces_has_no_rival(world: World) -> None:
    replacing = claims_for("third", overwrite=True)
    world.patch(world.replica(), replacing, 0, LIES[:5])
    won(world)
    world.finish(replacing, LIES)


def test_a_body_that_tells_its_length_in_the_end_is_judged_by_then(world: World) -> None:
    won(world)
    store = world.replica()
    body = store.begin(LOSER, 5)
    body.write(LIES[5:9])
    with pytest.raises(TargetTaken):
        body.commit()
    body.abort()
    (world.root / LOSER.target).unlink()
    assert store.view(LOSER).offset == 5


def test_what_came_of_a_broken_body_is_kept_though_the_name_is_lost_meanwhile(world: World) -> None:
    begun(world)
    body = world.replica().begin(LOSER, 5)
    body.write(LIES[5:9])
    world.patch(world.replica(), WINNER, 5, DATA[5:])
    body.keep()
    (world.root / LOSER.target).unlink()
    assert world.replica().view(LOSER).offset == 9


def test_a_loser_that_sends_damaged_bytes_anew_is_told(world: World) -> None:
    """Its upload was whole, so what it sends seemed to close it; but a chunk is gone."""
    world.patch(world.replica(), WINNER, 0, DATA[:5])
    world.patch(world.replica(), LOSER, 0, LIES[:5])
    world.patch(world.replica(), WINNER, 5, DATA[5:])
    with pytest.raises(TargetTaken):
        world.patch(world.replica(), LOSER, 5, LIES[5:])
    chunk = world.session(LOSER) / "chunks" / "chunk_5.dat"
    chunk.unlink()
    with pytest.raises(TargetTaken):
        world.patch(world.replica(), LOSER, 5, LIES[5:9])
    assert not chunk.exists(), "what was sent in vain was taken"
    body = world.replica().begin(LOSER, 5)
    body.write(LIES[5:7])
    body.keep()
    (world.root / LOSER.target).unlink()
    assert world.replica().view(LOSER).offset == 7
    world.finish(LOSER, LIES)


def test_where_the_storage_does_not_say_nobody_has_lost(world: World) -> None:
    won(world)
    store = world.replica()
    port_of(store).before = once("open", "/sub", raises(OSError(errno.EIO, "no answer")))
    assert world.patch(store, LOSER, 5, LIES[5:9]).offset == 9


def test_a_file_in_the_way_of_the_directory_takes_the_name_too(world: World) -> None:
    claims = claims_for(target="a/b/c")
    world.patch(world.replica(), claims, 0, DATA[:5])
    world.patch(world.replica(), claims_for("rival", target="a"), 0, LIES)
    with pytest.raises(TargetTaken):
        world.replica().view(claims)


def test_an_upload_is_not_its_own_rival(world: World) -> None:
    """It was linked, its writer died, and then a chunk is damaged: once more it is not complete."""
    dying = world.replica()
    world.patch(dying, WINNER, 0, DATA[:5])
    port_of(dying).after = once("link", "/stage_", raises(Died()))
    with pytest.raises(Died):
        world.patch(dying, WINNER, 5, DATA[5:])
    port_of(dying).bury()
    assert world.published(WINNER) == DATA
    (world.session(WINNER) / "chunks" / "chunk_0.dat").write_bytes(b"xxxxx")
    store = world.replica()
    world.patch(store, WINNER, 0, DATA[:5])
    assert store.view(WINNER).state == "published"


@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("ask", [IN_VAIN["head"], IN_VAIN["more"]], ids=["head", "more"])
def test_what_a_loser_is_told_stays_true_after_a_loss_of_power(ask: Ask, dies: bool) -> None:
    """At any call about the winner's link: the name is told as taken only once no loss of power frees it."""

    def at(number: int) -> None:
        with scratch() as root:
            world, told = World(root), False
            disk = Disk(root, {"first": DATA, "second": LIES})
            store, other = world.replica(), world.replica()
            for each in (store, other):
                disk.attach(port_of(each))
            begun(world, store)

            def question() -> None:
                nonlocal told
                try:
                    ask(world, other)
                except TargetTaken:
                    told = True
                    target = root / WINNER.target
                    assert disk.inode(target) == target.stat().st_ino
                except Busy:
                    return

            port_of(store).before = die_at(number) if dies else run_at(number, question)
            try:
                world.patch(store, WINNER, 5, DATA[5:])
            except Died:
                port_of(store).bury()
                question()
            assert world.replica().sweep() == []
            if not told:
                world.finish(WINNER, DATA)
                with pytest.raises(TargetTaken):
                    ask(world, world.replica())
            assert told or world.published(WINNER) == DATA

    link = link_call()
    for number in range(link - 4, link + 12):
        at(number)


def link_call() -> int:
    """Which call of the winner's replica gives the file its name."""
    with scratch() as root:
        world = World(root)
        store = world.replica()
        begun(world, store)
        world.patch(store, WINNER, 5, DATA[5:])
        return next(call.number for call in port_of(store).calls if call.name == "link")

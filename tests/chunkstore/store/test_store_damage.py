"""Rule 7: what is read back is checked, and a damaged chunk can be repaired by its client."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from faultport import Call
from storescene import DATA, World, claims_for, port_of

from chunkstore.errors import Conflict, Locked
from chunkstore.model import Options
from chunkstore.store import Store

SIZE = len(DATA)
LIES = bytes(byte ^ 1 for byte in DATA)
DAMAGES: dict[str, Callable[[Path], object]] = {
    "altered": lambda path: path.write_bytes(bytes(byte ^ 4 for byte in path.read_bytes())),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "deleted": lambda path: path.unlink(),
}


def chunk(world: World, offset: int) -> Path:
    return world.session(claims_for()) / "chunks" / f"chunk_{offset}.dat"


def send(world: World, store: Store, *spans: tuple[int, int]) -> None:
    for start, end in spans:
        world.patch(store, claims_for(), start, DATA[start:end])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("offset", [0, 6, 13])
def test_exactly_the_damaged_range_returns_to_missing(
    world: World, damage: str, offset: int
) -> None:
    claims, store = claims_for(), world.replica()
    spans = [(0, 6), (6, 13), (13, 19)]
    last = spans[1] if offset != 6 else spans[0]
    send(world, store, *[span for span in spans if span != last])
    DAMAGES[damage](chunk(world, offset))
    view = world.patch(store, claims, last[0], DATA[slice(*last)])
    assert view.state == "uploading"
    assert view.offset < SIZE
    status = world.status(store, claims)
    assert [(gap.offset, gap.offset + gap.length) for gap in status.missing_ranges] == [
        span for span in spans if span[0] == offset
    ]
    world.finish(claims, DATA)
    world.sweep_clean()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_found_by_the_sweeper_or_by_head(world: World, damage: str) -> None:
    """The assembler that would have published died; the chunk was damaged after it."""
    claims, store = claims_for(), world.replica()
    send(world, store, (0, 9))

    def no_assembly(call: Call) -> None:
        if "/stage_" in call.path:
            raise OSError(errno.EIO, "no")

    port_of(store).before = no_assembly
    with pytest.raises(Exception, match="publishing waits"):
        send(world, store, (9, 19))
    DAMAGES[damage](chunk(world, 9))
    assert world.replica().sweep() == []
    assert world.published(claims) is None
    assert world.replica().view(claims).offset == 9
    world.finish(claims, DATA)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("span", [(0, 4), (2, 9), (0, 19), (4, 6)])
def test_damage_found_by_an_overlap_is_repaired_by_it(
    world: World, damage: str, span: tuple[int, int]
) -> None:
    """A true client whose bytes differ from a damaged chunk's is believed: the record tells."""
    claims, store = claims_for(), world.replica()
    send(world, store, (0, 6))
    DAMAGES[damage](chunk(world, 0))
    send(world, store, span)
    world.finish(claims, DATA, rounds=2)  # what the overlap did not touch is found by the assembly
    world.sweep_clean()


@pytest.mark.parametrize("damage", ["altered", "truncated", "deleted"])
def test_a_liar_does_not_profit_from_damage_elsewhere(world: World, damage: str) -> None:
    claims, store = claims_for(), world.replica()
    send(world, store, (0, 6), (6, 12))
    DAMAGES[damage](chunk(world, 0))
    with pytest.raises(Conflict):
        world.patch(store, claims, 4, DATA[4:6] + LIES[6:12])
    world.finish(claims, DATA)


def at_the_drop(world: World, store: Store, offset: int, action: Callable[[], None]) -> None:
    """Arrange for something to happen when an assembler has seen damage and takes the lock to say so."""
    path, looks, done = str(chunk(world, offset)), 0, False

    def hook(call: Call) -> None:
        nonlocal looks, done
        looks += call.name == "open" and call.path == path
        if looks >= 2 and not done and call.name == "flock" and call.path.endswith("/.lock"):
            done = True
            action()

    port_of(store).before = hook


def test_a_repaired_chunk_is_not_dropped_for_the_damage_of_its_forerunner(world: World) -> None:
    """Two assemblers see the damage; one drops it, a client repairs it, then the other comes."""
    claims, store, other = claims_for(), world.replica(), world.replica()
    send(world, store, (0, 6), (6, 13))

    def repair() -> None:
        assert world.patiently(lambda: other.view(claims)).offset == 0
        world.patiently(lambda: world.patch(other, claims, 0, DATA[:6]))
        assert world.status(other, claims).committed_offset == 6, "the other damage is found next"

    for offset in (0, 6):
        DAMAGES["altered"](chunk(world, offset))
    at_the_drop(world, store, 0, repair)
    world.patch(store, claims, 13, DATA[13:])
    assert world.status(store, claims).committed_offset == 6
    world.finish(claims, DATA)


def test_a_repair_in_time_does_not_make_an_unpublished_upload_look_published(world: World) -> None:
    """The chunk was repaired, its repairer could not publish; the assembler that comes late can."""
    claims, store, other = claims_for(), world.replica(), world.replica()
    send(world, store, (0, 9))
    DAMAGES["altered"](chunk(world, 0))

    def repair() -> None:
        assert world.patiently(lambda: other.view(claims)).offset == 0
        port_of(other).before = no_stage
        with pytest.raises(Locked):
            world.patch(other, claims, 0, DATA[:9])

    def no_stage(call: Call) -> None:
        if call.name == "pwrite" and "/stage_" in call.path:
            raise OSError(errno.EIO, "no")

    at_the_drop(world, store, 0, repair)
    assert world.patch(store, claims, 9, DATA[9:]).state == "published"
    assert world.published(claims) == DATA


def test_damage_of_a_chunk_whose_record_was_spilled(world: World) -> None:
    world.options = Options(segment_records=2)
    data = bytes(range(1, 41))
    claims, store = claims_for(size=len(data)), world.replica()
    for at in range(len(data) - 1):
        world.patch(store, claims, at, data[at : at + 1])
    assert list((world.session(claims) / "records").iterdir()), "records were spilled"
    for at in (0, 1, 3):
        DAMAGES["altered"](chunk(world, at))
    for at in (len(data) - 1, 0, 1):
        assert world.patch(store, claims, at, data[at : at + 1]).state == "uploading"
    assert world.patch(store, claims, 3, data[3:4]).state == "published"
    assert world.published(claims) == data


@pytest.mark.parametrize("code", [errno.ENOENT, errno.ESTALE])
@pytest.mark.parametrize("by", ["overlap", "assembly"])
def test_a_stale_name_is_not_taken_for_damage(world: World, code: int, by: str) -> None:
    """A client of a network file system may answer from an old directory until it lists it anew."""
    claims, store = claims_for(), world.replica()
    send(world, store, (0, 9))
    identity = chunk(world, 0).stat().st_ino
    other, fresh = world.replica(), False

    def stale(call: Call) -> None:
        nonlocal fresh
        fresh = fresh or (call.name == "listdir" and call.path.endswith("/chunks"))
        if call.name == "open" and "/chunk_" in call.path and not fresh:
            raise OSError(code, "stale")

    port_of(other).before = stale
    if by == "overlap":
        with pytest.raises(Conflict):
            world.patch(other, claims, 5, LIES[5:12])
        send(world, other, (5, 12))
        assert chunk(world, 0).stat().st_ino == identity
        assert world.status(store, claims).committed_offset == 12
    else:
        send(world, other, (9, 19))
        assert world.published(claims) == DATA


def test_a_chunk_that_was_longer_and_is_right_again_leaves_no_extra_byte(world: World) -> None:
    """Seen too long at first, as through a stale name, and right at the second look."""
    claims, store = claims_for(), world.replica()
    send(world, store, (0, 9))
    last = chunk(world, 9)
    looks = 0

    def grow(call: Call) -> None:
        nonlocal looks
        if call.name == "open" and call.path == str(last):
            looks += 1
            last.write_bytes(DATA[9:] + b"x" if looks == 1 else DATA[9:])

    port_of(store).before = grow
    send(world, store, (9, 19))
    assert looks == 2
    assert world.published(claims) == DATA

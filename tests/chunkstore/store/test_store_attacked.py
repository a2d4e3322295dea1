"""What somebody with access to the uploads' directory may leave there: told as damage, never believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from storescene import DATA, World, claims_for

from chunkstore.errors import StoreError
from chunkstore.model import Options
from chunkstore.session import DamagedInfo

SIZE = len(DATA)


def edited(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    info = json.loads(path.read_bytes())
    edit(info)
    path.write_text(json.dumps(info), encoding="utf-8")


def claims_all(info: dict[str, Any]) -> None:
    info["ranges"] = [[0, SIZE]]


def loses_a_record(info: dict[str, Any]) -> None:
    info["recent"] = info["recent"][1:]


def doubles_a_record(info: dict[str, Any]) -> None:
    info["recent"] = [*info["recent"], info["recent"][0]]


EDITS: dict[str, tuple[tuple[tuple[int, int], ...], Callable[[dict[str, Any]], None]]] = {
    "ranges beyond the records": (((0, 6), (6, 12)), claims_all),
    "a gap claimed": (((0, 6), (12, SIZE)), claims_all),
    "a record lost": (((0, 6), (6, 12)), loses_a_record),
    "a record twice": (((0, 6), (6, 12)), doubles_a_record),
}


@pytest.mark.parametrize(("spans", "edit"), EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("segment_records", [128, 1])
def test_claimed_ranges_that_no_record_holds_are_never_published(
    world: World,
    spans: tuple[tuple[int, int], ...],
    edit: Callable[[dict[str, Any]], None],
    segment_records: int,
) -> None:
    world.options = Options(segment_records=segment_records, kept_recent=1)
    claims, store = claims_for(), world.replica()
    for start, end in spans:
        world.patch(store, claims, start, DATA[start:end])
    edited(world.session(claims) / "info.json", edit)
    with pytest.raises(StoreError):
        for _ in range(3):
            world.patch(world.replica(), claims, 12, DATA[12:])
    assert world.published(claims) is None
    told = world.replica().sweep()
    assert world.published(claims) is None
    assert any("DamagedInfo" in line for line in told), "the log names the session"


def test_an_untouched_session_of_many_segments_is_believed(world: World) -> None:
    world.options = Options(segment_records=1, kept_recent=1)
    claims, store = claims_for(), world.replica()
    for at in range(SIZE):
        world.patch(store, claims, at, DATA[at : at + 1])
    assert world.published(claims) == DATA


@pytest.mark.parametrize("reaching", [SIZE - 1, SIZE])
def test_an_offset_that_no_record_reaches_is_told_to_nobody(world: World, reaching: int) -> None:
    """Nor where most records lie in segments, which nobody reads to answer a HEAD."""
    world.options = Options(segment_records=1, kept_recent=1)
    claims, store = claims_for(), world.replica()
    for at in range(6):
        world.patch(store, claims, at, DATA[at : at + 1])
    edited(world.session(claims) / "info.json", lambda info: info.update(ranges=[[0, reaching]]))
    for ask in (world.replica().view, world.replica().status):
        with pytest.raises(DamagedInfo, match="claims ranges"):
            ask(claims)
    assert world.published(claims) is None


def test_a_segment_of_other_records_than_it_was_named_for_is_damage(world: World) -> None:
    world.options = Options(segment_records=1, kept_recent=1)
    claims, store = claims_for(), world.replica()
    for at in range(6):
        world.patch(store, claims, at, DATA[at : at + 1])
    segments = sorted((world.session(claims) / "records").iterdir())
    segments[0].write_bytes(segments[1].read_bytes())
    with pytest.raises(DamagedInfo, match="other records"):
        store.status(claims)
    with pytest.raises(DamagedInfo):
        world.patch(store, claims, 6, DATA[6:])
    assert world.published(claims) is None


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def link(path: Path) -> None:
    other = path.parent.parent / "elsewhere"
    other.write_bytes(b"{}")
    path.symlink_to(other)


@pytest.mark.parametrize("instead", [fifo, directory, link])
def test_what_is_no_regular_file_in_place_of_the_state_is_damage_at_once(
    world: World, instead: Callable[[Path], None]
) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:6])
    info = world.session(claims) / "info.json"
    info.unlink()
    instead(info)
    with pytest.raises(DamagedInfo, match="no regular file"):
        store.view(claims)
    assert any("DamagedInfo" in line for line in world.replica().sweep())


@pytest.mark.parametrize("instead", [fifo, link])
def test_what_is_no_regular_file_in_place_of_a_chunk_is_sent_again(
    world: World, instead: Callable[[Path], None]
) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:6])
    chunk = world.session(claims) / "chunks" / "chunk_0.dat"
    chunk.unlink()
    instead(chunk)
    assert world.patch(store, claims, 6, DATA[6:]).state == "uploading"
    world.finish(claims, DATA)


@pytest.mark.parametrize("instead", [fifo, link])
@pytest.mark.parametrize("name", ["stage_0.tmp", "body_0.tmp"])
def test_what_is_no_regular_file_among_the_temporary_ones_is_litter(
    world: World, instead: Callable[[Path], None], name: str
) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:6])
    instead(world.session(claims) / name)
    world.patch(store, claims, 6, DATA[6:])
    assert world.published(claims) == DATA
    world.replica().sweep()
    assert not (world.session(claims) / name).exists()


def test_a_lock_that_is_a_link_makes_no_file_elsewhere(world: World) -> None:
    claims = claims_for()
    folder = world.session(claims)
    folder.mkdir(parents=True)
    (folder / ".lock").symlink_to(world.root / "made")
    with pytest.raises((StoreError, OSError)):
        world.replica().view(claims)
    assert not (world.root / "made").exists()


@pytest.mark.parametrize("text", [b"\xff", b'{"session": "\xff"}', b"[" * 100_000])
def test_a_state_that_is_no_text_is_damage(world: World, text: bytes) -> None:
    claims, store = claims_for(), world.replica()
    world.patch(store, claims, 0, DATA[:6])
    (world.session(claims) / "info.json").write_bytes(text)
    with pytest.raises(DamagedInfo):
        store.view(claims)

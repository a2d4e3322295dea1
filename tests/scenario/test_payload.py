"""Payloads: what is made can be read back, and whatever happened to it is told to the byte."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchstorm.history.model import Run
from patchstorm.scenario.cells import (
    BLOCK_CELLS,
    CELL,
    CONTENTS,
    SIZE_MAX,
    UPLOADS,
    check_table,
    read_cells,
)
from patchstorm.scenario.payload import fill, generate, identify, identify_bytes
from patchstorm.scenario.provenance import PART, WINDOW

uploads = st.integers(0, UPLOADS - 1)
contents = st.integers(0, CONTENTS - 1)
offsets = st.one_of(st.integers(0, 5000), st.integers(0, 1 << 40))
lengths = st.integers(0, 3000)
BLOCK = BLOCK_CELLS * CELL


def in_place(offset: int, length: int, content: int = 0) -> Run:
    return Run(offset=offset, length=length, content=content, source_offset=offset)


def covers(runs: tuple[Run, ...], base: int, size: int) -> bool:
    """Side by side, from the first byte to the last."""
    ends = [base, *(run.offset + run.length for run in runs)]
    return ends[:-1] == [run.offset for run in runs] and ends[-1] == size


def wrong(runs: tuple[Run, ...]) -> set[int]:
    """The positions that are not said to be honest and in place."""
    return {
        position
        for run in runs
        if (run.content, run.source_offset, run.upload) != (0, run.offset, None)
        for position in range(run.offset, run.offset + run.length)
    }


def differing(a: bytes, b: bytes) -> set[int]:
    return {i for i, (x, y) in enumerate(zip(a, b, strict=True)) if x != y}


# ---- the encoding


@given(uploads, contents, offsets, lengths, lengths)
def test_a_range_is_the_same_however_it_is_cut(
    upload: int, content: int, offset: int, first: int, second: int
) -> None:
    whole = generate(upload, content, offset, first + second)

    assert whole == generate(upload, content, offset, first) + generate(
        upload, content, offset + first, second
    )


@given(uploads, contents, offsets, lengths, st.integers(0, 40))
def test_filling_a_buffer_gives_the_same_bytes(
    upload: int, content: int, offset: int, length: int, misaligned: int
) -> None:
    buffer = bytearray(misaligned + length)

    fill(memoryview(buffer)[misaligned:], upload, content, offset)

    assert buffer[misaligned:] == generate(upload, content, offset, length)


@given(uploads, contents, contents, offsets)
def test_contents_differ_at_every_byte_and_no_byte_is_zero(
    upload: int, one: int, other: int, offset: int
) -> None:
    a, b = generate(upload, one, offset, 500), generate(upload, other, offset, 500)

    assert 0 not in a
    assert (a == b) if one == other else all(x != y for x, y in zip(a, b, strict=True))


@given(uploads, contents, st.integers(0, 1 << 35), st.integers(0, 31), st.integers(2, 6))
def test_whole_cells_are_read_back_from_any_phase(
    upload: int, content: int, first: int, skipped: int, count: int
) -> None:
    data = np.frombuffer(generate(upload, content, first * CELL, count * CELL)[skipped:], np.uint8)

    starts, who, which, where = read_cells(data)

    begin = 1 if skipped else 0
    assert list(starts) == [i * CELL - skipped for i in range(begin, count)]
    assert set(who) == {upload} and set(which) == {content}
    assert list(where) == [first + i for i in range(begin, count)]


def test_check_codes_do_not_repeat_within_a_block() -> None:
    assert len(np.unique(check_table())) == BLOCK_CELLS


@given(
    uploads,
    contents,
    st.integers(0, BLOCK_CELLS - 1),
    st.integers(0, BLOCK_CELLS - 1),
    st.integers(1, 31),
)
def test_a_cell_torn_from_two_of_a_block_is_no_third(
    upload: int, content: int, one: int, other: int, at: int
) -> None:
    a, b = (generate(upload, content, cell * CELL, CELL) for cell in (one, other))
    torn = a[:at] + b[at:]

    starts, *_ = read_cells(np.frombuffer(torn, np.uint8))

    assert len(starts) == (1 if torn in (a, b) else 0)


@given(st.binary(max_size=4000))
def test_foreign_bytes_are_no_cells(data: bytes) -> None:
    starts, *_ = read_cells(np.frombuffer(data, np.uint8))

    assert len(starts) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        (-1, 0, 0, 1),
        (UPLOADS, 0, 0, 1),
        (0, CONTENTS, 0, 1),
        (0, -1, 0, 1),
        (0, 0, -1, 1),
        (0, 0, SIZE_MAX, 1),
    ],
)
def test_what_the_encoding_cannot_say_is_refused(arguments: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="not"):
        generate(*arguments)


def test_the_encoding_stays_the_same() -> None:
    """Old histories name runs of this encoding; a change needs a new format version."""
    assert generate(5, 0, 0, 16).hex() == "1d101010101010101010101010101010"
    across = generate(5, 2, BLOCK - 1000, 2000)
    assert hashlib.sha256(across).hexdigest().startswith("deecf9ffa9ee6ac6")


# ---- reading back what is clean


@settings(max_examples=40)
@given(uploads, contents, st.integers(0, 3 * CELL * 40))
def test_a_clean_file_is_one_run(upload: int, content: int, size: int) -> None:
    runs = identify_bytes(generate(upload, content, 0, size), upload)

    assert runs == ((in_place(0, size, content),) if size else ())


@pytest.mark.parametrize("size", [WINDOW, WINDOW + 1, 2 * WINDOW - 31, BLOCK + 5])
def test_a_clean_file_longer_than_a_window_is_one_run(size: int) -> None:
    assert identify_bytes(generate(3, 0, 0, size), 3) == (in_place(0, size),)


def test_a_file_is_read_in_bounded_pieces() -> None:
    size = 5 * WINDOW + 17
    asked: list[tuple[int, int]] = []

    def read(offset: int, length: int) -> bytes:
        asked.append((offset, length))
        return generate(1, 0, offset, length)

    assert identify(read, size, 1) == (in_place(0, size),)
    assert max(length for _, length in asked) <= WINDOW
    assert sum(length for _, length in asked) == size


# ---- reading back what is not


@settings(max_examples=75)
@given(st.integers(1, 2000), st.data())
def test_damage_is_told_to_the_byte(size: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, min(size - begin, 300)))
    damage = data.draw(st.binary(min_size=length, max_size=length))
    clean = generate(9, 0, 0, size)
    dirty = clean[:begin] + damage + clean[begin + length :]
    different = differing(clean, dirty)

    runs = identify_bytes(dirty, 9)

    assert covers(runs, 0, size)
    assert different <= wrong(runs)
    assert not wrong(runs) or (min(wrong(runs)), max(wrong(runs))) == (
        min(different),
        max(different),
    )


@settings(max_examples=75)
@given(st.integers(1, 3000), st.data())
def test_another_content_is_told_to_the_byte(size: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - begin))
    content = data.draw(st.integers(1, 14))
    clean = generate(9, 0, 0, size)
    dirty = clean[:begin] + generate(9, content, begin, length) + clean[begin + length :]

    runs = identify_bytes(dirty, 9)

    parts = (
        in_place(0, begin),
        in_place(begin, length, content),
        in_place(begin + length, size - begin - length),
    )
    assert runs == tuple(part for part in parts if part.length)


@settings(max_examples=75)
@given(st.integers(1, 3000), st.data())
def test_a_hole_is_told_to_the_byte(size: int, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, size - 1))
    length = data.draw(st.integers(1, size - begin))
    clean = generate(9, 0, 0, size)
    dirty = clean[:begin] + bytes(length) + clean[begin + length :]

    runs = identify_bytes(dirty, 9)

    hole = Run(offset=begin, length=length, zero=True)
    parts = (in_place(0, begin), hole, in_place(begin + length, size - begin - length))
    assert runs == tuple(part for part in parts if part.length)


@settings(max_examples=75)
@given(
    st.integers(0, 400),
    st.integers(64, 2000),
    st.integers(0, 400),
    st.integers(-500, 500),
    contents,
)
def test_a_displaced_piece_is_told_with_its_origin(
    before: int, length: int, after: int, shift: int, content: int
) -> None:
    """A piece of 64 bytes holds at least one whole cell, wherever it begins."""
    source = max(0, before + shift)
    if source == before:
        source += 1
    piece = generate(9, content, source, length)
    size = before + length + after
    clean = generate(9, 0, 0, size)
    dirty = clean[:before] + piece + clean[before + length :]

    runs = identify_bytes(dirty, 9)

    moved = [run for run in runs if run.source_offset != run.offset]
    assert covers(runs, 0, size)
    assert len(moved) == 1
    assert moved[0].content == content
    assert moved[0].source_offset - moved[0].offset == source - before
    assert abs(moved[0].offset - before) < CELL
    assert abs(moved[0].offset + moved[0].length - before - length) < CELL
    assert differing(clean, dirty) <= wrong(runs)
    for run in runs:
        if run.content is not None:
            there = dirty[run.offset : run.offset + run.length]
            assert there == generate(9, run.content, run.source_offset, run.length)


@pytest.mark.parametrize("shift", range(1, 33))
def test_a_doubled_append_is_seen_at_every_phase(shift: int) -> None:
    """Two replicas append at the same offset: everything behind it stands too far back."""
    clean = generate(9, 0, 0, 4 * PART)
    cut = 2 * PART + 7
    dirty = clean[:cut] + clean[cut - shift : cut] + clean[cut:]

    runs = identify_bytes(dirty, 9)

    assert covers(runs, 0, len(dirty))
    assert runs[0].content == 0 and abs(runs[0].length - cut) < CELL
    assert runs[-1].source_offset == runs[-1].offset - shift
    assert runs[-1].length > 2 * PART - 2 * CELL


def test_aligned_chunks_in_the_wrong_order_have_exact_bounds() -> None:
    a, b, c = (generate(9, 0, i * 4096, 4096) for i in range(3))

    runs = identify_bytes(a + c + b, 9)

    assert runs == (
        in_place(0, 4096),
        Run(offset=4096, length=4096, content=0, source_offset=8192),
        Run(offset=8192, length=4096, content=0, source_offset=4096),
    )


@pytest.mark.parametrize("tail", [1, 6, 10, 31])
def test_what_is_right_beside_a_displaced_piece_stays_right(tail: int) -> None:
    """The first bytes of a cell name the upload, so they agree with every cell of it."""
    clean = generate(9, 0, 0, 160 + tail)

    runs = identify_bytes(clean[:96] + generate(9, 0, 128, 64) + clean[160:], 9)

    moved = Run(offset=96, length=64, content=0, source_offset=128)
    assert runs == (in_place(0, 96), moved, in_place(160, tail))


def test_what_is_right_before_a_displaced_piece_stays_right() -> None:
    """Cut before its first whole cell, the honest piece agrees with what the displaced one would be."""
    clean = generate(9, 0, 0, 4096)
    dirty = clean[:26] + generate(9, 0, 32 + 26, 6 + 64) + clean[96:]

    runs = identify_bytes(dirty, 9)

    first_wrong = min(differing(clean, dirty))
    assert runs[0] == in_place(0, first_wrong)
    assert runs[1].source_offset == first_wrong + 32


def test_another_uploads_bytes_are_named() -> None:
    mine, theirs = generate(9, 0, 0, 9000), generate(10, 0, 0, 9000)

    runs = identify_bytes(mine[:3200] + theirs[3200:6400] + mine[6400:], 9, {10: "rival"})

    assert runs == (
        in_place(0, 3200),
        Run(offset=3200, length=3200, content=0, source_offset=3200, upload="rival"),
        in_place(6400, 2600),
    )
    assert identify_bytes(theirs[:64], 9)[0].upload == "#10"


def test_interleaved_writers_are_told_apart() -> None:
    pieces = [generate(9, i % 3, i * 100, 100) for i in range(50)]

    runs = identify_bytes(b"".join(pieces), 9)

    assert runs == tuple(in_place(i * 100, 100, i % 3) for i in range(50))


def test_a_single_contradicting_byte_is_seen() -> None:
    dirty = bytearray(generate(9, 0, 0, 5000))
    dirty[1234:1235] = generate(9, 4, 1234, 1)

    runs = identify_bytes(bytes(dirty), 9)

    assert runs == (in_place(0, 1234), in_place(1234, 1, 4), in_place(1235, 3765))


@pytest.mark.parametrize("at", [PART - 40, PART - 16, PART, WINDOW - 50, WINDOW - 1])
def test_the_search_windows_leave_no_trace(at: int) -> None:
    size = WINDOW + PART
    clean = generate(9, 0, 0, size)
    dirty = clean[:at] + generate(9, 0, 777, 96) + clean[at + 96 :]

    runs = identify_bytes(dirty, 9)

    moved = [run for run in runs if run.source_offset != run.offset]
    assert len(runs) == 3 and len(moved) == 1
    assert moved[0].source_offset - moved[0].offset == 777 - at


def test_a_part_of_a_file_can_be_judged_by_itself() -> None:
    assert identify_bytes(generate(9, 0, 5000, 777), 9, base_offset=5000) == (in_place(5000, 777),)


def test_random_bytes_are_garbage_in_one_run() -> None:
    noise = np.random.default_rng(1).integers(0, 256, 5000, dtype=np.uint8).tobytes()
    clean = generate(9, 0, 0, 15_000)

    runs = identify_bytes(clean[:5000] + noise + clean[10_000:], 9)

    assert [run.content for run in runs] == [0, None, 0]
    assert abs(runs[1].offset - 5000) < 4 and abs(runs[1].length - 5000) < 8

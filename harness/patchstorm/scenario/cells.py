"""The 32-byte cell: how a byte of a payload says whose it is, where it belongs and what it contradicts.

    byte j of a cell   =  (content + 1) << 4  |  (j == 0) << 3  |  three bits of the fields
    fields, 96 bits    =  upload (24)  .  cell index (36)  .  check code (36),  lowest bits first

What follows from this, by construction and not by luck:

- No byte is zero, since the high nibble is 1 to 15: a hole is visible.
- Two contents differ at every byte position, since their high nibbles do.
- Only a cell's first byte has bit 3 set, so no 32 bytes that begin elsewhere can be read as a cell:
  a shift by anything but whole cells shows at once, and cells are found without trying 32 phases.
- The front of one cell and the rest of another, of the same block, never pass for a third: within a
  block of ``BLOCK_CELLS`` the check code is a table without repetitions, XOR a constant. So such a cell
  is valid only where it equals one of the two. Across blocks all but one in 2**36 fail.

The check code is ``TABLE[index % BLOCK_CELLS] ^ mix(upload, content, index // BLOCK_CELLS)``. Thanks to
the XOR, a whole block is one table, the same for all, XORed with four repeated words; so payloads are
made at the speed of memory. Uploads are numbered below 2**24 and at most 2 TiB long.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

CELL: Final = 32
WORDS: Final = 4  # 64-bit words in a cell
BLOCK_CELLS: Final = 1 << 15  # 1 MiB: the table stays in the cache of one core
CONTENTS: Final = 15
UPLOADS: Final = 1 << 24
SIZE_MAX: Final = CELL << 36

Words = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

_INDEX_AT = 24
_CHECK_AT = 60
_CHECK_BITS = 36
_MASK64 = (1 << 64) - 1
_MARK = 0x08  # bit 3 of the first byte
_ROW_CELLS = 128  # 4 KiB: the width over which the constant words are repeated


def splitmix64(value: int) -> int:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection of 64-bit integers."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK64
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK64
    return value ^ (value >> 31)


def mix(upload: int, content: int, block: int) -> int:
    """36 bits that depend on everything but the place within the block."""
    return splitmix64(splitmix64(upload << 8 | content) ^ block) >> (64 - _CHECK_BITS)


def spread(fields: int) -> bytes:
    """96 bits as the low three bits of 32 bytes, lowest first."""
    return bytes(fields >> (3 * j) & 7 for j in range(CELL))


@cache
def check_table() -> npt.NDArray[np.uint64]:
    """36-bit codes without repetitions, one for each place in a block."""
    state = np.arange(1, BLOCK_CELLS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    codes: npt.NDArray[np.uint64] = (state ^ (state >> np.uint64(31))) >> np.uint64(28)
    return codes


@cache
def block_table() -> Words:
    """One block of cells of nobody's: marks, low index bits and check codes, without the constant."""
    cells = np.zeros((BLOCK_CELLS, CELL), dtype=np.uint8)
    place = np.arange(BLOCK_CELLS, dtype=np.uint64)
    codes = check_table()
    for j in range(CELL):
        bit = 3 * j
        if _INDEX_AT <= bit < _CHECK_AT:
            cells[:, j] = (place >> np.uint64(bit - _INDEX_AT)) & np.uint64(7)
        elif bit >= _CHECK_AT:
            cells[:, j] = (codes >> np.uint64(bit - _CHECK_AT)) & np.uint64(7)
    cells[:, 0] |= _MARK
    return cells.reshape(-1).view(np.uint64)


@lru_cache(maxsize=4096)
def constant_row(upload: int, content: int, block: int) -> Words:
    """What a block's table is XORed with, repeated to a row of ``_ROW_CELLS`` cells."""
    fields = upload | (block * BLOCK_CELLS) << _INDEX_AT | mix(upload, content, block) << _CHECK_AT
    cell = bytes(low | (content + 1) << 4 for low in spread(fields))
    return np.tile(np.frombuffer(cell, dtype=np.uint64), _ROW_CELLS)


def write_cells(out: Words, upload: int, content: int, first: int) -> None:
    """Fill ``out``, a whole number of cells long, with the cells from index ``first`` on."""
    done = 0
    while done < len(out):
        block, place = divmod(first + done // WORDS, BLOCK_CELLS)
        words = min(len(out) - done, (BLOCK_CELLS - place) * WORDS)
        begin = place * WORDS
        _xor(block_table()[begin : begin + words], constant_row(upload, content, block),
             out[done : done + words])  # fmt: skip
        done += words


def read_cells(data: Bytes) -> tuple[npt.NDArray[np.int64], ...]:
    """Every valid cell in ``data``, at whatever phase: arrays of position, upload, content, index."""
    starts = np.flatnonzero(data[: max(0, len(data) - CELL + 1)] & _MARK)
    cells = (
        data[starts[:, None] + np.arange(CELL)] if len(starts) else np.empty((0, CELL), np.uint8)
    )
    content = (cells[:, 0] >> 4).astype(np.int64) - 1 if len(starts) else np.empty(0, np.int64)
    shaped = ((cells[:, 1:] & _MARK) == 0).all(axis=1)
    shaped &= ((cells >> 4) == (content + 1)[:, None]).all(axis=1) & (content >= 0)
    starts, cells, content = starts[shaped], cells[shaped], content[shaped]
    upload = _gather(cells, 0, 8)
    index = _gather(cells, 8, 20)
    valid = _gather(cells, 20, 32) == _checks(upload, content, index)
    return tuple(array[valid] for array in (starts, upload, content, index))


def _xor(table: Words, row: Words, out: Words) -> None:
    """``out = table ^ row``, the row repeated; two dimensions keep numpy's inner loop long."""
    whole = len(table) // len(row) * len(row)
    if whole:
        shape = (-1, len(row))
        np.bitwise_xor(table[:whole].reshape(shape), row, out=out[:whole].reshape(shape))
    rest = len(table) - whole
    if rest:
        np.bitwise_xor(table[whole:], row[:rest], out=out[whole:])


def _gather(cells: Bytes, begin: int, end: int) -> npt.NDArray[np.int64]:
    """The field in the low three bits of bytes ``begin`` to ``end``."""
    value = np.zeros(len(cells), dtype=np.int64)
    for j in range(begin, end):
        value |= (cells[:, j].astype(np.int64) & 7) << (3 * (j - begin))
    return value


def _checks(
    upload: npt.NDArray[np.int64], content: npt.NDArray[np.int64], index: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The check codes these fields call for; ``mix`` once for each distinct combination."""
    codes = check_table()[index % BLOCK_CELLS].astype(np.int64)
    keys = np.stack([upload, content, index // BLOCK_CELLS], axis=1)
    kinds, which = np.unique(keys, axis=0, return_inverse=True)
    mixed = np.array([mix(int(u), int(c), int(b)) for u, c, b in kinds], dtype=np.int64)
    return codes ^ mixed[which.reshape(-1)] if len(kinds) else codes


def content_array(upload: int, content: int, offset: int, length: int) -> Bytes:
    """Any range of a content, cut out of whole cells."""
    first, last = offset // CELL, -(-(offset + length) // CELL)
    words = np.empty((last - first) * WORDS, dtype=np.uint64)
    write_cells(words, upload, content, first)
    begin = offset - first * CELL
    return words.view(np.uint8)[begin : begin + length]

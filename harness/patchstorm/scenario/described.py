"""Bodies and files of uploads that are larger than memory: said to be which bytes of which content.

The counterpart of :mod:`patchstorm.scenario.payload` for ropes (:mod:`patchstorm.storage.rope`). The bytes
are the payload's very own, at every place; they are made where somebody looks at them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

from patchstorm.dialect.operations import Request
from patchstorm.history.model import Run
from patchstorm.scenario import payload
from patchstorm.storage.rope import (
    BLOCK_BYTES,
    SMALL_BYTES,
    Piece,
    Rope,
    pieces_of,
    put,
    read,
)

LONG_BYTES: Final = 64 << 10
"""A body that is no longer than this is real bytes in every storm."""


class Content(NamedTuple):
    """One content of one upload, all of it."""

    upload: int
    content: int

    def read(self, offset: int, length: int) -> bytes:
        try:
            return payload.generate(self.upload, self.content, offset, length)
        except ValueError:
            return b""  # nothing of a content stands there


def body(upload: int, request: Request, length: int) -> bytes | Rope:
    """What :func:`patchstorm.scenario.payload.body` makes, described where it is long."""
    if length <= LONG_BYTES:
        return payload.body(upload, request, length)
    offset, at = request.offset, request.swapped_at
    true, sent = Content(upload, 0), Content(upload, request.content)
    pieces: list[Piece]
    if at is not None:
        pieces = [(true, offset + at, request.length - at), (true, offset, at)]
    elif request.honest is None:
        pieces = [(sent, offset, length)]
    else:
        begin, end = (min(place, length) for place in request.honest)
        without, within = (true, sent) if request.inverted else (sent, true)
        pieces = [
            (without, offset, begin), (within, offset + begin, end - begin),
            (without, offset + end, length - end),
        ]  # fmt: skip
    return Rope(Rope(pieces).between(0, length))


def recognised(data: bytes) -> bytes:
    """The run that these bytes are (a rope, which stands for them), if they are one; or they themselves."""
    if isinstance(data, Rope) or len(data) <= SMALL_BYTES:
        return data
    found = _run_of(data)
    return data if found is None else cast(bytes, Rope((found,)))


def _run_of(data: bytes) -> Piece | None:
    import numpy as np

    from patchstorm.scenario.cells import CELL, read_cells

    first = np.frombuffer(data[: 3 * CELL], dtype=np.uint8)
    starts, uploads, contents, indices = read_cells(first)
    if not len(starts):
        return None
    source = Content(int(uploads[0]), int(contents[0]))
    at = int(indices[0]) * CELL - int(starts[0])
    return (source, at, len(data)) if source.read(at, len(data)) == data else None


def identified(pieces: Iterable[Piece], upload: int, names: Mapping[int, str]) -> tuple[Run, ...]:
    """What stands in a file of these pieces, as :func:`patchstorm.scenario.payload.identify` says it."""
    runs: list[Run] = []
    at = 0
    for piece in _with_held_joined(pieces):
        whence, begin, length = piece
        if isinstance(whence, Content):
            other = (
                None if whence.upload == upload else names.get(whence.upload, f"#{whence.upload}")
            )
            found: tuple[Run, ...] = (
                Run(
                    offset=at, length=length, content=whence.content, source_offset=begin,
                    upload=other,
                ),
            )  # fmt: skip
        elif whence is None:
            found = (Run(offset=at, length=length, zero=True),)
        else:
            found = payload.identify_bytes(read(piece, 0, length), upload, names, at)
        runs += found
        at += length
    return tuple(runs)


def _with_held_joined(pieces: Iterable[Piece]) -> list[Piece]:
    """Held bytes side by side as one piece: a cell may lie across two of them."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece[0], bytes) and joined and isinstance(joined[-1][0], bytes):
            last = joined.pop()
            whole = read(last, 0, last[2]) + read(piece, 0, piece[2])
            joined.append((whole, 0, len(whole)))
        else:
            put(joined, piece)
    return joined


class Digest:
    """A stand-in for SHA-256 that says the same of the same bytes, and takes no time over long runs.

    Bytes are taken block by block. Of a whole block that is one run, or zeros, it is hashed which one it is,
    however the bytes were handed in; of any other its digest, and of what is left over in the end the bytes.
    So what is shorter than a block has the digest that it has everywhere.
    """

    name = "sha256"
    digest_size = 32

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._rest: list[Piece] = []
        self._length = 0

    def update(self, block: bytes | bytearray | memoryview | Rope, /) -> None:
        pieces = pieces_of(block)
        if pieces is None:
            raise TypeError(f"a bytes-like object is required, not {type(block).__name__}")
        for piece in pieces:
            put(self._rest, piece)
        self._length += len(block)
        if self._length >= BLOCK_BYTES:
            self._take_whole()

    def digest(self) -> bytes:
        whole = self._sha256.copy()
        for piece in self._rest:
            whole.update(read(piece, 0, piece[2]))
        return whole.digest()

    def hexdigest(self) -> str:
        return self.digest().hex()

    def _take_whole(self) -> None:
        rope, at = Rope(self._rest), 0
        while self._length >= BLOCK_BYTES:
            run = next(rope.between(at, at + self._length))
            count = run[2] // BLOCK_BYTES
            if isinstance(run[0], bytes) or not count:
                count = 1
                run = self._looked_at(rope.held(at, at + BLOCK_BYTES))
            self._sha256.update(_said(run, count))
            at += count * BLOCK_BYTES
            self._length -= count * BLOCK_BYTES
        self._rest = list(rope.between(at, at + self._length))

    @staticmethod
    def _looked_at(data: bytes) -> Piece:
        if not any(data):
            return (None, 0, len(data))
        return _run_of(data) or (hashlib.sha256(data).digest(), 0, len(data))


def _said(run: Piece, count: int) -> bytes:
    """Which runs of one block each these are: of bytes, of zeros, or of what content from where on."""
    import numpy as np

    whence, at, _ = run
    if isinstance(whence, bytes):
        return b"bytes   " + whence
    said = np.zeros((count, 4), dtype=np.int64)
    if isinstance(whence, Content):
        said[:, 0] = whence.upload + 1
        said[:, 1] = whence.content
        said[:, 2] = at + BLOCK_BYTES * np.arange(count)
    return said.tobytes()

"""Bytes that are described and not held: runs of sources side by side, as long as one likes.

A rope (Boehm, Atkinson and Plass, "Ropes: an Alternative to Strings", 1995) answers as ``bytes`` do: it has
a length, is cut, joined and compared. Cut small it gives real bytes. Whoever asks C code to look into it is
refused with a TypeError: nobody gets bytes that are not there.

What stands at a place never depends on how it was described: runs that go on with each other become one,
and comparing looks at bytes wherever two descriptions differ.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, Protocol, TypeAlias, overload

SMALL_BYTES: Final = 4096
"""What is cut this short is real bytes, and held."""
BLOCK_BYTES: Final = 1 << 20
"""So much is real at a time, where descriptions differ and bytes have to be looked at."""
HELD_BYTES_MAX: Final = 64 << 20
"""Who wants more than this at once is out of memory, as a small machine would be."""


class TooMuchAtOnceError(MemoryError):
    """More of a description was wanted as bytes than is ever made."""


class Source(Protocol):
    """Where bytes come from. Those of equal sources are equal."""

    def read(self, offset: int, length: int) -> bytes:
        """Its bytes from ``offset`` on."""
        ...


Piece: TypeAlias = "tuple[Source | bytes | None, int, int]"
"""Whence, from which byte of it on, how many bytes; None: zeros."""


def read(piece: Piece, start: int, length: int) -> bytes:
    """Bytes of a piece, from ``start`` of it on."""
    whence, at, _ = piece
    if whence is None:
        return bytes(length)
    if isinstance(whence, bytes):
        return whence[at + start : at + start + length]
    return whence.read(at + start, length)


def part(piece: Piece, start: int, length: int) -> Piece:
    """A piece of a piece."""
    whence, at, _ = piece
    if isinstance(whence, bytes) and length < len(whence):
        return (whence[at + start : at + start + length], 0, length)
    return (whence, at + start, length)


def put(pieces: list[Piece], piece: Piece) -> None:
    """Add a piece at the end; one with the last where it goes on with it."""
    while pieces:
        united = _united(pieces[-1], piece)
        if united is None:
            break
        pieces.pop()
        piece = united
    if piece[2]:
        pieces.append(piece)


def _united(one: Piece, other: Piece) -> Piece | None:
    """Two neighbours as one, if that is what they are."""
    (whence, at, length), (its, its_at, its_length) = one, other
    if not length or not its_length:
        return one if length else other
    held, held_too = isinstance(whence, bytes), isinstance(its, bytes)
    if held and held_too:
        short = length + its_length <= SMALL_BYTES
        whole = read(one, 0, length) + read(other, 0, its_length) if short else b""
        return (whole, 0, length + its_length) if short else None
    if held or held_too:
        return _absorbed(one, other)
    on = whence is None or at + length == its_at
    return (whence, at, length + its_length) if on and whence == its else None


def _absorbed(one: Piece, other: Piece) -> Piece | None:
    """Held bytes beside a run that goes on with just these."""
    (whence, at, length), (its, its_at, its_length) = one, other
    if isinstance(its, bytes):
        if whence is None or isinstance(whence, bytes) or its_length > SMALL_BYTES:
            return None
        on = whence.read(at + length, its_length) == read(other, 0, its_length)
        return (whence, at, length + its_length) if on else None
    if its is None or length > min(SMALL_BYTES, its_at):
        return None
    on = its.read(its_at - length, length) == read(one, 0, length)
    return (its, its_at - length, length + its_length) if on else None


class Rope:
    """Pieces one after the other; never changed."""

    __slots__ = ("_ends", "pieces")

    def __init__(self, pieces: Iterable[Piece]) -> None:
        united: list[Piece] = []
        for piece in pieces:
            put(united, piece)
        self.pieces: tuple[Piece, ...] = tuple(united)
        self._ends = list(accumulate(length for _, _, length in united))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __repr__(self) -> str:
        return f"<rope of {len(self):,} bytes in {len(self.pieces)} pieces>"

    def between(self, start: int, end: int) -> Iterator[Piece]:
        """The pieces of a range, those at its edges cut."""
        index = bisect_right(self._ends, start)
        while start < end:
            piece = self.pieces[index]
            begin = self._ends[index] - piece[2]
            stop = min(end, self._ends[index])
            yield part(piece, start - begin, stop - start)
            start = stop
            index += 1

    def held(self, start: int, end: int) -> bytes:
        """The bytes of a range, for real. Raises TooMuchAtOnceError where that is too much."""
        if end - start > HELD_BYTES_MAX:
            raise TooMuchAtOnceError(f"{end - start:,} bytes of a large upload at once")
        return b"".join(read(piece, 0, piece[2]) for piece in self.between(start, end))

    def __bytes__(self) -> bytes:
        return self.held(0, len(self))

    def __iter__(self) -> Iterator[int]:
        """Byte by byte: to ask for each by its index would make its whole neighbourhood anew each time.

        Raises TooMuchAtOnceError, as :meth:`held` does of as many bytes.
        """
        if len(self) > HELD_BYTES_MAX:
            raise TooMuchAtOnceError(f"{len(self):,} bytes of a large upload one by one")
        for at in range(0, len(self), BLOCK_BYTES):
            yield from self.held(at, min(at + BLOCK_BYTES, len(self)))

    @overload
    def __getitem__(self, which: int) -> int: ...
    @overload
    def __getitem__(self, which: slice) -> bytes | Rope: ...
    def __getitem__(self, which: int | slice) -> int | bytes | Rope:
        if isinstance(which, int):
            at = which + len(self) if which < 0 else which
            if not 0 <= at < len(self):
                raise IndexError("index out of range")
            return self.held(at, at + 1)[0]
        start, stop, step = which.indices(len(self))
        if step != 1:
            return bytes(self)[which]
        if stop - start <= SMALL_BYTES:
            return self.held(start, max(start, stop))
        return self if stop - start == len(self) else Rope(self.between(start, stop))

    def __add__(self, other: object) -> Rope:
        more = pieces_of(other)
        return NotImplemented if more is None else Rope((*self.pieces, *more))

    def __radd__(self, other: object) -> Rope:
        before = pieces_of(other)
        return NotImplemented if before is None else Rope((*before, *self.pieces))

    def __eq__(self, other: object) -> bool:
        pieces = pieces_of(other)
        if pieces is None:
            return NotImplemented
        if sum(length for _, _, length in pieces) != len(self):
            return False
        return all(_same(one, its) for one, its in _side_by_side(self.pieces, pieces))

    __hash__ = None  # type: ignore[assignment]  # equal bytes have no hash in common


def pieces_of(data: object) -> tuple[Piece, ...] | None:
    """What bytes of any kind are made of; None for anything else."""
    if isinstance(data, Rope):
        return data.pieces
    if isinstance(data, bytes | bytearray | memoryview):
        return ((bytes(data), 0, len(data)),)
    return None


def _side_by_side(
    ones: tuple[Piece, ...], others: tuple[Piece, ...]
) -> Iterator[tuple[Piece, Piece]]:
    """Both cut where either is; they are equally long."""
    rest, more = list(reversed(ones)), list(reversed(others))
    while rest and more:
        one, other = rest.pop(), more.pop()
        length = min(one[2], other[2])
        yield part(one, 0, length), part(other, 0, length)
        for left, piece in ((rest, one), (more, other)):
            if piece[2] > length:
                left.append(part(piece, length, piece[2] - length))


def _same(one: Piece, other: Piece) -> bool:
    if one == other:
        return True
    at, step = 0, SMALL_BYTES  # most of what differs does so at once
    while at < one[2]:
        length = min(step, one[2] - at)
        if read(one, at, length) != read(other, at, length):
            return False
        at += length
        step = BLOCK_BYTES
    return True

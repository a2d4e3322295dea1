"""The contents of a large file: extents of described bytes in place of its million pages.

What :mod:`patchstorm.storage.pages` does to a dictionary of pages, done to a sorted list of extents. A file
gets one when the first rope is written to it, or a large range is allocated. Where there is no extent there
is a hole. Space is counted in pages as ever.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, Final

from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.rope import Piece, Rope, part, pieces_of, put, read

READ_BYTES_MAX: Final = 1 << 20
"""Who reads no more than this gets real bytes: as much as anybody's buffer holds."""
LARGE_BYTES: Final = 64 << 20
"""Who allocates more than this at once gets no page for each."""


class Extents(dict[int, bytes]):
    """Pieces by where they begin in the file; they never overlap.

    It stands where a dictionary of pages does, and as such is empty: whoever does not know it finds out.
    """

    __slots__ = ("_pieces", "_starts")

    def __init__(self, pages: dict[int, bytes]) -> None:
        super().__init__()
        self._starts: list[int] = []
        self._pieces: dict[int, Piece] = {}
        if isinstance(pages, Extents):
            self._starts, self._pieces = list(pages._starts), dict(pages._pieces)
            return
        for index in sorted(pages):
            page = pages[index].ljust(1, b"\0")  # a page that was allocated and never written
            self.write(index * PAGE_BYTES, page)

    def copy(self) -> Extents:
        return Extents(self)

    # -- as a file --------------------------------------------------------------------------------

    def read(self, size: int, offset: int, count: int) -> bytes | Rope:
        """As :func:`patchstorm.storage.pages.read`; what is long is a rope."""
        end = min(offset + count, size)
        if end <= offset:
            return b""
        pieces = self.pieces(offset, end)
        if end - offset > READ_BYTES_MAX:
            return Rope(pieces)
        return b"".join(read(piece, 0, piece[2]) for piece in pieces)

    def pieces(self, start: int, end: int) -> Iterator[Piece]:
        """What stands from ``start`` to ``end``, holes as zeros."""
        at = start
        for begin, piece in self._within(start, end):
            if begin > at:
                yield (None, 0, begin - at)
            yield piece
            at = begin + piece[2]
        if at < end:
            yield (None, 0, end - at)

    def write(self, offset: int, data: bytes | Rope) -> None:
        """Put ``data`` at ``offset``, one with its neighbours where it goes on with them."""
        pieces = pieces_of(data)
        assert pieces is not None
        end = offset + len(data)
        self._remove(offset, end)
        united: list[Piece] = []
        start = offset
        left = bisect_right(self._starts, offset) - 1
        if left >= 0 and self._starts[left] + self._pieces[self._starts[left]][2] == offset:
            start = self._starts.pop(left)
            united.append(self._pieces.pop(start))
        for piece in pieces:
            put(united, piece)
        if end in self._pieces:
            self._starts.remove(end)
            put(united, self._pieces.pop(end))
        for piece in united:
            self._insert(start, piece)
            start += piece[2]

    def cut(self, size: int) -> None:
        """A page that is cut stays allocated, whatever is left in it."""
        index, start = divmod(size, PAGE_BYTES)
        was_there = start and index in self
        self._remove(size, self._last())
        if was_there and index not in self:
            self._insert(size - start, (None, 0, start))

    def punch(self, offset: int, count: int) -> None:
        """Holes read as zeros, so the bytes of pages that stay need not be written."""
        self._remove(offset, offset + count)

    def allocate(self, offset: int, count: int) -> None:
        """Space for all of it, zeros where there was nothing."""
        at = offset // PAGE_BYTES * PAGE_BYTES
        end = -(-(offset + count) // PAGE_BYTES) * PAGE_BYTES
        there = [(begin, piece[2]) for begin, piece in self._within(at, end)]
        for begin, length in [*there, (end, 0)]:
            if at < begin:
                self._insert(at, (None, 0, begin - at))
            at = begin + length

    def new_pages(self, offset: int, count: int) -> int:
        first, last = offset // PAGE_BYTES, (offset + count - 1) // PAGE_BYTES
        return last - first + 1 - self._allocated(first * PAGE_BYTES, (last + 1) * PAGE_BYTES)

    def next_data(self, offset: int) -> int | None:
        """Where data starts at or after ``offset``; a page that has some is data from its beginning on."""
        for begin, _ in self._within(offset // PAGE_BYTES * PAGE_BYTES, self._last()):
            return max(offset, begin // PAGE_BYTES * PAGE_BYTES)
        return None

    def next_hole(self, offset: int) -> int:
        at = offset // PAGE_BYTES * PAGE_BYTES
        for begin, piece in self._within(at, self._last()):
            if begin // PAGE_BYTES * PAGE_BYTES > at:
                break
            at = -(-(begin + piece[2]) // PAGE_BYTES) * PAGE_BYTES
        return max(offset, at)

    # -- as a dictionary of pages -----------------------------------------------------------------

    def __len__(self) -> int:
        """How many pages are allocated."""
        return self._allocated(0, self._last())

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __contains__(self, index: object) -> bool:
        assert isinstance(index, int)
        return any(True for _ in self._within(index * PAGE_BYTES, (index + 1) * PAGE_BYTES))

    def __getitem__(self, index: int) -> bytes:
        if index not in self:
            raise KeyError(index)
        begin = index * PAGE_BYTES
        page = b"".join(
            read(piece, 0, piece[2]) for piece in self.pieces(begin, begin + PAGE_BYTES)
        )
        last = max(start + piece[2] for start, piece in self._within(begin, begin + PAGE_BYTES))
        return page[: last - begin]

    def get(self, index: int, default: Any = None) -> Any:
        return self[index] if index in self else default  # noqa: SIM401  # which would ask itself

    # -- how --------------------------------------------------------------------------------------

    def _end(self, start: int) -> int:
        return start + self._pieces[start][2]

    def _last(self) -> int:
        return self._end(self._starts[-1]) if self._starts else 0

    def _within(self, start: int, end: int) -> Iterator[tuple[int, Piece]]:
        """The extents of a range with where they begin, those at its edges cut."""
        index = max(0, bisect_right(self._starts, start) - 1)
        while index < len(self._starts) and (begin := self._starts[index]) < end:
            piece = self._pieces[begin]
            low, high = max(begin, start), min(begin + piece[2], end)
            if low < high:
                whole = high - low == piece[2]
                yield low, piece if whole else part(piece, low - begin, high - low)
            index += 1

    def _allocated(self, start: int, end: int) -> int:
        """How many pages between two pages' beginnings have an extent in them."""
        count, counted = 0, start // PAGE_BYTES
        for begin, piece in self._within(start, end):
            first = max(counted, begin // PAGE_BYTES)
            after = -(-(begin + piece[2]) // PAGE_BYTES)
            count += max(0, after - first)
            counted = max(counted, after)
        return count

    def _insert(self, start: int, piece: Piece) -> None:
        insort(self._starts, start)
        self._pieces[start] = piece

    def _remove(self, start: int, end: int) -> None:
        """Make a hole; extents that reach beyond it keep what lies there."""
        if end <= start:
            return
        first = bisect_left(self._starts, start)
        if first and self._end(self._starts[first - 1]) > start:
            begin = self._starts[first - 1]
            piece = self._pieces[begin]
            self._pieces[begin] = part(piece, 0, start - begin)
            self._insert(start, part(piece, start - begin, begin + piece[2] - start))
        last = bisect_left(self._starts, end)
        for begin in self._starts[first:last]:
            piece = self._pieces.pop(begin)
            if begin + piece[2] > end:
                self._pieces[end] = part(piece, end - begin, begin + piece[2] - end)
        kept = [end] if end in self._pieces and end not in self._starts[last : last + 1] else []
        self._starts[first:last] = kept

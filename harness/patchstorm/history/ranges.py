"""Sets of byte ranges, kept as sorted disjoint intervals; never one byte at a time.

All ranges are half-open: ``start`` belongs, ``end`` does not. Empty ranges vanish.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Span = tuple[int, int]


class Ranges:
    """A growing set of bytes. Adding costs O(log n) plus a list insertion, asking O(log n)."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        starts, ends = self._starts, self._ends
        for start, end in sorted(spans):
            if start >= end:
                continue
            if not ends or start > ends[-1]:
                starts.append(start)
                ends.append(end)
            elif end > ends[-1]:
                ends[-1] = end

    def __iter__(self) -> Iterator[Span]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranges):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    def add(self, start: int, end: int) -> None:
        """Add ``[start, end)``, joining what it touches."""
        if start >= end:
            return
        starts, ends = self._starts, self._ends
        if not ends or start > ends[-1]:  # most bytes come in order
            starts.append(start)
            ends.append(end)
            return
        if start >= starts[-1]:
            ends[-1] = max(ends[-1], end)
            return
        first = bisect_left(ends, start)
        last = bisect_right(starts, end)
        if first < last:
            start = min(start, starts[first])
            end = max(end, ends[last - 1])
        starts[first:last] = [start]
        ends[first:last] = [end]

    def prefix(self) -> int:
        """The length of the contiguous part that begins at byte 0."""
        return self._ends[0] if self._starts and self._starts[0] <= 0 else 0

    def extends(self, at: int) -> int:
        """How far the bytes go on without a gap from ``at``, which need not belong itself."""
        index = bisect_left(self._ends, at)
        if index < len(self._starts) and self._starts[index] <= at:
            return self._ends[index]
        return at

    def overlap(self, start: int, end: int) -> list[Span]:
        """The parts of ``[start, end)`` that belong."""
        if start >= end:
            return []
        at = bisect_right(self._ends, start)
        found = []
        while at < len(self._starts) and self._starts[at] < end:
            found.append((max(start, self._starts[at]), min(end, self._ends[at])))
            at += 1
        return found

    def gaps(self, start: int, end: int) -> list[Span]:
        """The parts of ``[start, end)`` that do not belong."""
        found = []
        at = start
        for inside, after in self.overlap(start, end):
            if at < inside:
                found.append((at, inside))
            at = after
        if at < end:
            found.append((at, end))
        return found

    def covers(self, start: int, end: int) -> bool:
        """Whether all of ``[start, end)`` belongs; the empty range always does."""
        if start >= end:
            return True
        at = bisect_right(self._ends, start)
        return at < len(self._starts) and self._starts[at] <= start and end <= self._ends[at]

    def touches(self, start: int, end: int) -> bool:
        """Whether any byte of ``[start, end)`` belongs."""
        return bool(self.overlap(start, end))

    def total(self) -> int:
        """How many bytes belong."""
        return sum(self._ends) - sum(self._starts)

    def minus(self, other: Ranges) -> Ranges:
        """The bytes that belong here and not there."""
        return Ranges(gap for start, end in self for gap in other.gaps(start, end))

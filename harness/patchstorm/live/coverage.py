"""Which byte ranges of an upload were acknowledged: a set of ranges, kept merged.

It answers one question: is every byte acknowledged, so that publication is owed and worth waiting for?
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right


class Coverage:
    """A set of half-open ranges, kept merged and sorted. One per upload."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._starts: list[int] = []
        self._ends: list[int] = []

    def add(self, offset: int, length: int) -> None:
        """Count ``length`` bytes from ``offset``; what lies outside the upload is cut off."""
        start, end = max(0, offset), min(self.size, offset + length)
        if start >= end:
            return
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    @property
    def whole(self) -> bool:
        """Whether every byte of the upload is covered."""
        return self.size == 0 or (self._starts == [0] and self._ends == [self.size])

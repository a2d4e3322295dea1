"""Sorted, disjoint, half-open ranges of bytes: add one, find gaps, fold offsets into runs."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from .model import OffsetRun

Span = tuple[int, int]


def add(ranges: list[Span], start: int, end: int) -> list[Span]:
    """The ranges with ``[start, end)``, which is not empty, merged in; touching ranges become one."""
    first = bisect_left(ranges, start, key=lambda span: span[1])
    last = bisect_right(ranges, end, key=lambda span: span[0])
    if first < last:
        start = min(start, ranges[first][0])
        end = max(end, ranges[last - 1][1])
    return [*ranges[:first], (start, end), *ranges[last:]]


def remove(ranges: list[Span], start: int, end: int) -> list[Span]:
    """The ranges without ``[start, end)``, which is not empty."""
    kept: list[Span] = []
    for low, high in ranges:
        kept += [
            span for span in ((low, min(high, start)), (max(low, end), high)) if span[0] < span[1]
        ]
    return kept


def gaps(ranges: Sequence[Span], start: int, end: int) -> list[Span]:
    """What of ``[start, end)`` the ranges do not cover."""
    missing: list[Span] = []
    at = start
    first = bisect_right(ranges, start, key=lambda span: span[1])
    for index in range(first, len(ranges)):
        low, high = ranges[index]
        if low >= end:
            break
        if low > at:
            missing.append((at, low))
        at = high
    if at < end:
        missing.append((at, end))
    return missing


def closes(ranges: Sequence[Span], size: int, start: int, end: int) -> bool:
    """Whether nothing of ``size`` bytes is missing once ``[start, end)`` is there, too."""
    return not gaps(ranges, 0, min(start, size)) and not gaps(ranges, end, size)


def overlaps(ranges: Sequence[Span], start: int, end: int) -> bool:
    """Whether any byte of ``[start, end)`` is covered."""
    index = bisect_right(ranges, start, key=lambda span: span[1])
    return start < end and index < len(ranges) and ranges[index][0] < end


def fold(offsets: Iterable[int]) -> list[OffsetRun]:
    """Ascending offsets as arithmetic runs; equal chunks make one run however many there are."""
    runs: list[OffsetRun] = []
    for offset in offsets:
        last = runs[-1] if runs else None
        if last is None:
            runs.append(OffsetRun(offset, 0, 1))
        elif last.count == 1:
            runs[-1] = OffsetRun(last.start, offset - last.start, 2)
        elif offset == last.start + last.step * last.count:
            runs[-1] = OffsetRun(last.start, last.step, last.count + 1)
        else:
            runs.append(OffsetRun(offset, 0, 1))
    return runs


def unfold(runs: Iterable[OffsetRun]) -> list[int]:
    """The offsets that :func:`fold` folded."""
    return [run.start + run.step * index for run in runs for index in range(run.count)]

"""Byte ranges against plain sets of bytes."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from patchstorm.history.ranges import Ranges

SPAN = st.tuples(st.integers(0, 30), st.integers(0, 30))
SPANS = st.lists(SPAN, max_size=12)


def bytes_of(spans: object) -> set[int]:
    return {byte for start, end in spans for byte in range(start, end)}  # type: ignore[attr-defined]


@given(SPANS, SPAN)
def test_ranges_are_sets_of_bytes(spans: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    ranges, model = Ranges(), bytes_of(spans)
    for start, end in spans:
        ranges.add(start, end)
    window = bytes_of([asked])

    assert bytes_of(ranges) == model
    assert bytes_of(ranges.overlap(*asked)) == model & window
    assert bytes_of(ranges.gaps(*asked)) == window - model
    assert ranges.covers(*asked) == (window <= model)
    assert ranges.touches(*asked) == bool(window & model)
    assert ranges.total() == len(model)
    assert ranges.prefix() == next(byte for byte in range(32) if byte not in model)
    assert ranges == Ranges(spans)


@given(SPANS)
def test_intervals_are_sorted_disjoint_and_do_not_touch(spans: list[tuple[int, int]]) -> None:
    found = list(Ranges(spans))

    assert all(start < end for start, end in found)
    assert all(first[1] < second[0] for first, second in pairwise(found))


@given(SPANS, SPANS)
def test_minus(spans: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    assert bytes_of(Ranges(spans).minus(Ranges(others))) == bytes_of(spans) - bytes_of(others)


@given(SPANS, st.integers(0, 30))
def test_extends(spans: list[tuple[int, int]], at: int) -> None:
    model = bytes_of(spans)
    end = at
    while end in model:
        end += 1

    assert Ranges(spans).extends(at) == end

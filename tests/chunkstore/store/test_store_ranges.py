"""Ranges against the plainest model there is: a set of positions."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from chunkstore import ranges

SIZE = 24
positions = st.integers(0, SIZE)
spans = st.tuples(positions, positions)
bytes_of = spans.map(sorted).filter(lambda span: span[0] < span[1])
"""What an upload's records hold: never nothing."""


class RangesAgainstASet(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.held: list[ranges.Span] = []
        self.model: set[int] = set()

    @rule(span=bytes_of)
    def add(self, span: tuple[int, int]) -> None:
        self.held = ranges.add(self.held, *span)
        self.model |= set(range(*span))

    @rule(span=bytes_of)
    def remove(self, span: tuple[int, int]) -> None:
        self.held = ranges.remove(self.held, *span)
        self.model -= set(range(*span))

    @rule(span=spans)
    def ask(self, span: tuple[int, int]) -> None:
        low, high = sorted(span)
        asked = set(range(low, high))
        assert ranges.overlaps(self.held, low, high) == bool(asked & self.model)
        missing = ranges.gaps(self.held, low, high)
        assert [at for gap in missing for at in range(*gap)] == sorted(asked - self.model)
        assert all(one[1] < other[0] for one, other in pairwise(missing))

    @invariant()
    def same_positions_merged_and_in_order(self) -> None:
        assert [at for span in self.held for at in range(*span)] == sorted(self.model)
        assert all(start < end for start, end in self.held)
        assert all(one[1] < other[0] for one, other in pairwise(self.held))


TestRangesAgainstASet = RangesAgainstASet.TestCase
TestRangesAgainstASet.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


@given(st.lists(bytes_of))
def test_adding_leaves_the_old_list_alone(added: list[tuple[int, int]]) -> None:
    held: list[ranges.Span] = []
    for span in added:
        before = list(held)
        grown = ranges.add(held, *span)
        assert held == before
        held = grown


@given(st.lists(st.integers(0, 1000), unique=True).map(sorted))
def test_folded_offsets_unfold_to_themselves(offsets: list[int]) -> None:
    runs = ranges.fold(offsets)
    assert ranges.unfold(runs) == offsets
    assert len(runs) <= max(1, len(offsets))


@given(st.integers(2, 10_000), st.integers(1, 1 << 40), st.integers(0, 1 << 40))
def test_equal_chunks_make_one_run(count: int, step: int, start: int) -> None:
    assert len(ranges.fold(start + step * index for index in range(count))) == 1

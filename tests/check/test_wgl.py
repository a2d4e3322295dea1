"""The search itself: on register histories, against brute force, in slices, at size."""

from __future__ import annotations

import random
from typing import Any

import pytest
from brute import brute_force
from hypothesis import given, settings
from hypothesis import strategies as st
from register import Op, parse, step

from patchstorm.check.wgl import Entry, Search


def linearizable(entries: list[Entry[Op]]) -> bool:
    search: Search[Any, Op] = Search(entries, None, step)
    search.advance(1_000_000)
    assert search.verdict is not None
    return search.verdict


SEQUENTIAL_READS = """
0 :invoke :write 1
0 :ok     :write 1
1 :invoke :read  nil
1 :ok     :read  1
"""
STALE_READ = """
0 :invoke :write 1
0 :ok     :write 1
0 :invoke :write 2
0 :ok     :write 2
1 :invoke :read  nil
1 :ok     :read  1
"""
CONCURRENT_WRITE_SEEN_OR_NOT = """
0 :invoke :write 1
1 :invoke :read  nil
1 :ok     :read  nil
2 :invoke :read  nil
2 :ok     :read  1
0 :ok     :write 1
"""
NEW_THEN_OLD = """
0 :invoke :write 1
1 :invoke :read  nil
1 :ok     :read  1
2 :invoke :read  nil
2 :ok     :read  nil
0 :ok     :write 1
"""
TWO_READERS_DISAGREE_ON_ORDER = """
0 :invoke :write 1
1 :invoke :write 2
2 :invoke :read  nil
3 :invoke :read  nil
2 :ok     :read  1
3 :ok     :read  2
2 :invoke :read  nil
3 :invoke :read  nil
2 :ok     :read  2
3 :ok     :read  1
2 :invoke :read  nil
2 :ok     :read  2
3 :invoke :read  nil
3 :ok     :read  1
0 :ok     :write 1
1 :ok     :write 2
"""
TIMED_OUT_WRITE_TAKES_EFFECT_LATE = """
0 :invoke :write 1
0 :info   :write :timed-out
1 :invoke :write 2
1 :ok     :write 2
1 :invoke :read  nil
1 :ok     :read  2
1 :invoke :read  nil
1 :ok     :read  1
"""
TIMED_OUT_WRITE_TAKES_EFFECT_TWICE = """
0 :invoke :write 1
0 :info   :write :timed-out
1 :invoke :read  nil
1 :ok     :read  1
1 :invoke :write 2
1 :ok     :write 2
1 :invoke :read  nil
1 :ok     :read  1
"""
FAILED_WRITE_IS_SEEN = """
0 :invoke :write 1
0 :fail   :write 1
1 :invoke :read  nil
1 :ok     :read  1
"""
CAS_CHAIN = """
0 :invoke :write 1
0 :ok     :write 1
1 :invoke :cas   [1 2]
2 :invoke :cas   [2 3]
2 :ok     :cas   [2 3]
1 :ok     :cas   [1 2]
0 :invoke :read  nil
0 :ok     :read  3
"""
BOTH_CAS_WIN = """
0 :invoke :write 1
0 :ok     :write 1
1 :invoke :cas   [1 2]
2 :invoke :cas   [1 3]
2 :ok     :cas   [1 3]
1 :ok     :cas   [1 2]
"""
UNKNOWN_CAS_EXPLAINS = """
0 :invoke :write 1
0 :ok     :write 1
1 :invoke :cas   [1 2]
1 :info   :cas   :timed-out
2 :invoke :cas   [2 3]
2 :ok     :cas   [2 3]
0 :invoke :read  nil
0 :ok     :read  3
"""
UNKNOWN_CAS_CANNOT_COME_BEFORE_ITS_CALL = """
0 :invoke :write 1
0 :ok     :write 1
2 :invoke :cas   [2 3]
2 :ok     :cas   [2 3]
1 :invoke :cas   [1 2]
1 :info   :cas   :timed-out
"""


@pytest.mark.parametrize(
    ("log", "legal"),
    [
        (SEQUENTIAL_READS, True),
        (STALE_READ, False),
        (CONCURRENT_WRITE_SEEN_OR_NOT, True),
        (NEW_THEN_OLD, False),
        (TWO_READERS_DISAGREE_ON_ORDER, False),
        (TIMED_OUT_WRITE_TAKES_EFFECT_LATE, True),
        (TIMED_OUT_WRITE_TAKES_EFFECT_TWICE, False),
        (FAILED_WRITE_IS_SEEN, False),
        (CAS_CHAIN, True),
        (BOTH_CAS_WIN, False),
        (UNKNOWN_CAS_EXPLAINS, True),
        (UNKNOWN_CAS_CANNOT_COME_BEFORE_ITS_CALL, False),
    ],
)
def test_classic_register_histories(log: str, legal: bool) -> None:
    entries = parse(log)

    assert linearizable(entries) is legal
    assert brute_force(entries, None, step) is legal


def random_register(rng: random.Random, operations: int, processes: int) -> list[Entry[Op]]:
    """A random log, half of the time of a real register, so that both verdicts are common."""
    entries, state, time = [], None, 0
    free = [0] * processes
    honest = rng.random() < 0.5
    for _ in range(operations):
        process = rng.randrange(processes)
        call = max(time, free[process]) if rng.random() < 0.7 else free[process]
        end = call + rng.randrange(4)
        time = max(time, call)
        free[process] = end + 1
        kind = rng.choice(("read", "read", "write", "cas"))
        value: Any = rng.randrange(3)
        if kind == "read":
            value = state if honest else rng.choice((None, 0, 1, 2))
        elif kind == "cas":
            value = (state if honest and state is not None else rng.randrange(3), value)
        if kind == "write":
            state = value
        elif kind == "cas" and value[0] == state:
            state = value[1]
        unknown = kind != "read" and rng.random() < 0.3
        entries.append(
            Entry(op=(kind, value), call=call, end=None if unknown else end, pure=kind == "read")
        )
    return entries


def test_agrees_with_brute_force_on_thousands_of_register_histories() -> None:
    rng = random.Random(7)
    verdicts = []
    for _ in range(4_000):
        entries = random_register(rng, rng.randrange(1, 7), rng.randrange(1, 4))
        verdict = linearizable(entries)
        assert verdict == brute_force(entries, None, step), entries
        verdicts.append(verdict)

    assert 800 < sum(verdicts) < 3_200


ENTRIES = st.lists(
    st.builds(
        lambda kind, value, call, length, lost: Entry(
            op=(kind, (value % 2, value) if kind == "cas" else value),
            call=call,
            end=None if lost and kind != "read" else call + length,
            pure=kind == "read",
        ),
        st.sampled_from(("read", "write", "cas")),
        st.integers(0, 2),
        st.integers(0, 8),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=6,
)


@given(ENTRIES)
@settings(max_examples=120, deadline=None)
def test_agrees_with_brute_force_on_whatever_hypothesis_finds(entries: list[Entry[Op]]) -> None:
    assert linearizable(entries) == brute_force(entries, None, step)


def test_a_search_in_slices_ends_where_an_uncut_one_does() -> None:
    rng = random.Random(3)
    for _ in range(200):
        entries = random_register(rng, 8, 3)
        whole: Search[Any, Op] = Search(entries, None, step)
        whole.advance(100_000)
        sliced: Search[Any, Op] = Search(entries, None, step)
        while sliced.verdict is None:
            assert sliced.advance(1) == 1
        assert (sliced.verdict, sliced.steps) == (whole.verdict, whole.steps)


def test_a_legal_order_is_given_and_respects_real_time() -> None:
    rng = random.Random(5)
    seen = 0
    for _ in range(300):
        entries = random_register(rng, 7, 3)
        search: Search[Any, Op] = Search(entries, None, step)
        search.advance(100_000)
        if not search.verdict:
            continue
        seen += 1
        order = search.order
        for at, second in enumerate(order):
            for first in order[at + 1 :]:
                end = entries[first].end
                assert end is None or not end < entries[second].call
        assert {at for at, one in enumerate(entries) if one.end is not None} <= set(order)
    assert seen > 50


def test_memory_makes_a_hard_history_easy() -> None:
    """Twelve concurrent writes of one value and a read of another: 12! orders, 2^12 configurations."""
    entries: list[Entry[Op]] = [Entry(op=("write", 1), call=0, end=10) for _ in range(12)]
    entries.append(Entry(op=("read", 2), call=0, end=10, pure=True))
    search: Search[Any, Op] = Search(entries, None, step)
    search.advance(1_000_000)

    assert search.verdict is False
    assert search.steps < 12 * 2**12 + 2**13


def test_a_spent_budget_leaves_the_question_open() -> None:
    entries: list[Entry[Op]] = [Entry(op=("write", at), call=0, end=10) for at in range(14)]
    entries.append(Entry(op=("read", 99), call=0, end=10, pure=True))
    search: Search[Any, Op] = Search(entries, None, step)

    assert search.advance(500) == 500
    assert search.verdict is None

"""The strategies by themselves, on a world of three tasks without any store."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchstorm.choice.crash_points import VARIANTS, CrashPoints, crash_of, strikes_of
from patchstorm.choice.delay_bounded import delays_of
from patchstorm.choice.following import Block, Following, Noting, joined
from patchstorm.choice.pct import Pct
from patchstorm.choice.portfolio import NAMES, Hints, check_name, member, strategy_for
from patchstorm.choice.prng import Prng
from patchstorm.choice.replay import STANDS, Replay
from patchstorm.choice.schedule import Choice
from patchstorm.choice.standing import Standing
from patchstorm.choice.strategy import HOST_LOSES_POWER, PROCESS_DIES, Dull, Footprint, Strategy
from patchstorm.errors import UsageError
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.task import Domain
from patchstorm.worlds.sim.workers import Workers

HINTS = Hints(length=12, crash=True, power_host=True, power_storage=True)


def _order(name: str, index: int) -> str:
    return _walked(strategy_for(name, index, Prng("test", index), HINTS))


def _walked(strategy: Strategy) -> str:
    """Who took each step of a run of three tasks of four steps."""
    kernel = Kernel(strategy, Workers(), steps_max=1000, patience_ns=0)
    done: list[str] = []

    def walk(letter: str) -> None:
        for _ in range(4):
            kernel.step(Footprint("write", (), ("#x",)))
            done.append(letter)

    for letter in "abc":
        kernel.spawn(letter, lambda letter=letter: walk(letter))
    kernel.arm(lambda strike, replica: None)
    kernel.run()
    kernel.close()
    return "".join(done)


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_runs_every_step_and_repeats(name: str) -> None:
    for index in range(12):
        order = _order(name, index)
        assert sorted(order) == sorted("abc" * 4)
        assert order == _order(name, index)


@pytest.mark.parametrize("name", ["random-walk", "pct", "pos"])
def test_an_order_that_was_noted_can_be_followed(name: str) -> None:
    for index in range(20):
        noting = Noting(strategy_for(name, index, Prng("test", index), HINTS))
        order = _walked(noting)
        assert _walked(Following(noting.blocks())) == order


def test_joining_two_turns_moves_nobody_else() -> None:
    for index in range(20):
        noting = Noting(strategy_for("random-walk", index, Prng("test", index), HINTS))
        _walked(noting)
        blocks = noting.blocks()
        for order in (order for first in range(len(blocks)) for order in joined(blocks, first)):
            assert len(order) == len(blocks) - 1
            followed = _walked(Following(order))
            assert followed == "".join(_steps_of(order))


def _steps_of(blocks: list[Block]) -> list[str]:
    made = dict.fromkeys("abc", 0)
    steps = []
    for block in blocks:
        until = min(block.until - 1, 4)  # before the step that its next turn begins with
        steps.append(block.task * (until - made[block.task]))
        made[block.task] = until
    return steps


def _passed(strategy: Strategy, patience_ns: int = 10**9) -> tuple[str, list[Choice]]:
    """Who took each step where ``b`` comes 1 ms after ``a`` has begun, and what was chosen."""
    order, kernel = _ran(strategy, patience_ns)
    return order, kernel.taken


def _ran(strategy: Strategy, patience_ns: int = 10**9) -> tuple[str, Kernel]:
    kernel = Kernel(strategy, Workers(), steps_max=1000, patience_ns=patience_ns)
    done: list[str] = []

    def walk(letter: str) -> None:
        for _ in range(8):
            kernel.step()
            done.append(letter)

    def come() -> None:
        kernel.spawn("b#0", lambda: walk("b"), Domain(1))

    kernel.spawn("a#0", lambda: walk("a"), Domain(0))
    kernel.after(1_000_000, come)
    kernel.arm(lambda strike, replica: None)
    kernel.run()
    kernel.close()
    return "".join(done), kernel


def _stood(index: int) -> Standing:
    return Standing(Prng("test", index), times=4)


def test_whoever_comes_later_passes_whole_while_a_request_stands_still() -> None:
    orders = {_passed(_stood(index))[0] for index in range(600)}
    assert {f"{'a' * i}{'b' * 8}{'a' * (8 - i)}" for i in range(8)} <= orders


def test_no_switch_brings_whoever_comes_later_in_between() -> None:
    assert {_passed(Pct(Prng("test", index), depth=3, length=8), 0)[0] for index in range(60)} == {
        "a" * 8 + "b" * 8
    }


def test_what_stood_still_stands_still_again_in_a_replay() -> None:
    for index in range(20):
        order, taken = _passed(_stood(index))
        replay = Replay(taken)
        assert _passed(replay) == (order, taken)
        assert not replay.unplaced


def test_nobody_stands_longer_than_the_run_can_spare() -> None:
    assert {_passed(_stood(index), 0)[0] for index in range(20)} == {"a" * 8 + "b" * 8}


def test_it_is_known_that_the_schedule_let_time_pass_while_somebody_stood() -> None:
    kernels = [_ran(_stood(index))[1] for index in range(20)]
    stood = [sum(one.kind == STANDS for one in kernel.taken) for kernel in kernels]
    assert any(stood)
    assert [kernel.let_off for kernel in kernels] == stood


@pytest.mark.parametrize("stands", [False, True])
def test_the_portfolio_makes_nobody_stand_still_where_time_is_real(stands: bool) -> None:
    members = {member("portfolio", index, Hints(length=12, stands=stands)) for index in range(16)}
    assert ("standing" in members) is stands


@pytest.mark.parametrize("name", ["random-walk", "pct", "pos", "portfolio"])
def test_sampling_strategies_meet_many_orders(name: str) -> None:
    assert len({_order(name, index) for index in range(60)}) >= 12


def test_the_first_of_the_portfolio_is_the_dull_schedule() -> None:
    assert _order("portfolio", 0) == "aaaabbbbcccc"


def test_delay_bounded_begins_with_none_then_meets_every_single_delay() -> None:
    assert delays_of(0, 12) == ()
    assert [delays_of(1 + i, 12) for i in range(12)] == [(i + 1,) for i in range(12)]


@given(st.integers(1, 9), st.integers(0, 400))
def test_delay_sets_are_sorted_within_the_run_and_never_repeat(length: int, index: int) -> None:
    delays = delays_of(index, length)
    assert list(delays) == sorted(delays)
    assert all(1 <= step <= length for step in delays)
    assert delays != delays_of(index + 1, length)


def test_crash_points_meet_every_step_before_any_twice() -> None:
    rounds = strikes_of(True, True, False)
    points = [crash_of(index, 5, rounds) for index in range(10)]
    assert points[:5] == [(step, PROCESS_DIES, 0) for step in range(1, 6)]
    assert points[5:] == [(step, HOST_LOSES_POWER, 0) for step in range(1, 6)]
    assert crash_of(5 * (1 + VARIANTS), 5, rounds) is None


def test_a_second_crash_comes_after_the_first() -> None:
    kernel = Kernel(
        CrashPoints(Dull(), points=((2, 1), (5, 2)), variant=0, prng=None), Workers(),
        steps_max=1000, patience_ns=0,
    )  # fmt: skip
    struck: list[tuple[int, int]] = []

    def walk() -> None:
        for _ in range(8):
            kernel.step(Footprint("write", (), ("#x",)))

    kernel.spawn("a", walk, domain=Domain(0))
    kernel.arm(lambda strike, replica: struck.append((kernel.steps, strike)))
    kernel.run()
    kernel.close()
    assert struck == [(2, 1), (5, 2)]


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="portfolio"):
        check_name("luck")


def test_standing_still_is_refused_where_time_is_real() -> None:
    check_name("standing")
    check_name("pct", stands=False)
    with pytest.raises(UsageError, match="virtual time"):
        check_name("standing", stands=False)


@given(st.integers(1, 1000), st.integers(0, 1 << 40))
def test_the_generator_stays_in_range(n: int, seed: int) -> None:
    prng = Prng(seed)
    assert all(0 <= prng.below(n) < n for _ in range(20))
    assert sorted(prng.shuffled(min(n, 20))) == list(range(min(n, 20)))


def test_the_generator_is_fixed_to_the_bit() -> None:
    prng = Prng("patchstorm", 1)
    assert [prng.below(1000) for _ in range(8)] == PINNED


PINNED = [273, 442, 510, 876, 695, 671, 702, 596]


@given(
    st.lists(st.sampled_from("xyz"), max_size=3), st.lists(st.sampled_from("xyz"), max_size=3),
    st.lists(st.sampled_from("xyz"), max_size=3), st.lists(st.sampled_from("xyz"), max_size=3),
)  # fmt: skip
def test_conflict_is_symmetric_and_needs_a_write(
    reads: list[str], writes: list[str], other_reads: list[str], other_writes: list[str]
) -> None:
    a = Footprint("a", tuple(reads), tuple(writes))
    b = Footprint("b", tuple(other_reads), tuple(other_writes))
    assert a.conflicts(b) == b.conflicts(a)
    if not writes and not other_writes:
        assert not a.conflicts(b)

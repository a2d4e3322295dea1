"""Somebody is held for a client that sleeps: it is woken, and goes first."""

from __future__ import annotations

from patchstorm.choice.schedule import Choice
from patchstorm.worlds.fuse.choosing import CLOCK, HOLD, Option, Repeating

FOR_B = Choice("r0 write", 0, HOLD, 1, "b to r1#0")
HELD = Option("r0", "r0 write", None)
A, B = Option("a", "a to r1", None), Option("b", "b to r1", None)


def test_a_client_that_sleeps_is_woken_and_goes_before_all_others() -> None:
    chooser = Repeating([FOR_B])
    assert chooser.choose([HELD, A], timer=True) is CLOCK
    assert chooser.choose([HELD, A, B], timer=True) is B
    assert chooser.choose([HELD, A], timer=True) is A  # who is held stays behind
    assert not chooser.unplaced


def test_a_client_that_is_there_is_not_waited_for() -> None:
    chooser = Repeating([FOR_B])
    assert chooser.choose([HELD, A, B], timer=True) is B


def test_where_nobody_sleeps_the_choice_cannot_be_made() -> None:
    chooser = Repeating([FOR_B])
    assert chooser.choose([HELD, A], timer=False) is HELD
    assert chooser.unplaced == (FOR_B,)


def test_a_turn_has_been_slept_for_since_its_timer_was_the_next_one() -> None:
    chooser = Repeating([])
    chooser.sleeps(5_000_000)
    for name in ("r0 stat", "r0 write"):
        chooser.choose([Option("r0", name, None)], timer=True)
        chooser.sleeps(5_000_000)
    chooser.stands_before("b to r1", 5_000_000)
    chooser.stands_before("a to r1")
    assert chooser.possible == {"b to r1#0": 2, "a to r1#0": 2}
    assert chooser.asleep == {"b to r1#0": 0}

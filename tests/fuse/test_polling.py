"""Who asks again and again is told from who hands work on, and time passes for it."""

from __future__ import annotations

import pytest

from patchstorm.choice.replay import NEXT
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull
from patchstorm.worlds.fuse.choosing import HOLD, Deciding, Option, Repeating
from patchstorm.worlds.fuse.polling import Polling

LOOK = ("lookup <u0>.lock", "size 0")
GONE = ("lookup <u0>.lock", "ENOENT")
TRIES = ("create <u0>.lock wr|creat|excl", "EEXIST")


def slept(polling: Polling, *calls: tuple[str, str], replica: int = 0) -> bool:
    """A replica is told this, and sleeps again; whether it polls."""
    for call, result in calls:
        polling.told(replica, call, result)
    polling.sleep([replica])
    return polling.polls(replica)


def test_who_comes_back_with_what_it_was_told_before_polls() -> None:
    polling = Polling()
    assert not slept(polling, LOOK)
    assert slept(polling, LOOK)
    assert slept(polling)  # nothing has come since


def test_a_round_may_be_of_several_calls_and_begins_after_what_came_before_it() -> None:
    polling = Polling()
    assert not slept(polling, ("open <u0> rw", ""), TRIES, LOOK)
    assert not slept(polling, TRIES, LOOK)
    assert slept(polling, TRIES, LOOK)


@pytest.mark.parametrize(
    "other",
    [
        ("write <u0> 1024+1024", "1024"),  # the next piece
        ("lookup <u0>.lock", "size 9"),  # the same, and another answer
        ("unlink <u0>.lock", ""),
    ],
)
def test_who_comes_back_with_something_else_hands_work_on(other: tuple[str, str]) -> None:
    polling = Polling()
    assert not slept(polling, LOOK)
    assert not slept(polling, other)
    assert not slept(polling, LOOK)


def test_whoever_polls_does_so_until_it_is_told_something_new() -> None:
    polling = Polling()
    assert [slept(polling, TRIES, LOOK) for _ in range(2)] == [False, True]
    polling.told(0, *TRIES)
    assert polling.polls(0)
    polling.told(0, *GONE)
    assert not polling.polls(0)


def test_what_somebody_else_does_is_worth_another_look() -> None:
    polling = Polling()
    for by in (1, None):
        assert [slept(polling, LOOK) for _ in range(2)] == [False, True]
        polling.changed(by)
        assert not polling.polls(0)


def test_what_a_poll_itself_does_and_undoes_keeps_it_from_nothing() -> None:
    polling = Polling()
    for expected in (False, True):
        polling.changed(by=0)
        assert slept(polling, ("create <u0>.try", ""), TRIES, ("unlink <u0>.try", "")) is expected


def test_two_who_poll_are_not_in_each_other_s_way() -> None:
    polling = Polling()
    found = [slept(polling, LOOK, replica=replica) for _ in range(2) for replica in (0, 1)]
    assert found == [False, False, True, True]


def test_another_name_that_is_minted_is_the_same_poll() -> None:
    polling = Polling()
    tries = [(f"link <r0.{at}> -> <u0>.lock", "EEXIST") for at in range(2)]
    assert [slept(polling, one) for one in tries] == [False, True]


def test_whoever_polls_gives_way_to_everybody_else() -> None:
    asks = Option("r0", "r0 lookup <u0>.lock", None, polls=True)
    goes = Option("r1", "r1 unlink <u0>.lock", None)
    deciding = Deciding(Dull())
    deciding.last = "r0"
    assert deciding.choose([goes, asks], timer=False) is goes


def test_who_is_held_goes_on_where_the_others_only_poll() -> None:
    asks = Option("r0", "r0 lookup <u0>.lock", None)
    again = Option("r0", "r0 lookup <u0>.lock", None, polls=True)
    held = Option("r1", "r1 unlink <u0>.lock", None)
    repeating = Repeating([Choice(held.name, 0, HOLD, 1, f"{asks.name}#0")])
    assert repeating.choose([held, asks], timer=False) is asks
    assert repeating.choose([held, asks], timer=False) is asks
    assert repeating.choose([held, again], timer=False) is held


def test_who_was_refused_a_lock_asks_again_until_it_has_it() -> None:
    polling = Polling()
    lock = "flock <u0>.lock exclusive at once"
    assert not polling.asks_again(0, lock)
    polling.told(0, lock, "EAGAIN")
    polling.changed(
        by=1
    )  # the lock may be free now, and that it comes is real time's to say all the same
    assert polling.asks_again(0, lock)
    assert not polling.asks_again(1, lock)
    polling.told(0, lock, "")
    assert not polling.asks_again(0, lock)


def test_a_choice_of_a_call_that_has_not_come_yet_is_missed_until_it_has() -> None:
    goes = Option("r1", "r1 write <u0> at 0", None)
    other = Option("c0", "c0 to r2", None)
    asks = Option("r0", "r0 flock <u0>.lock exclusive at once", None, aside=True)
    chosen = Choice(goes.name, 0, NEXT, 1, f"{asks.name}#0")
    repeating = Repeating([chosen])
    assert repeating.misses([goes, other]) == f"{asks.name}#0"
    assert repeating.misses([goes, other, asks]) is None
    assert repeating.choose([goes, other, asks], timer=False) is asks
    assert repeating.misses([goes, other]) is None
    assert repeating.unplaced == ()
    assert Deciding(Dull()).misses([goes, other]) is None


def test_looking_for_what_is_missed_leaves_each_decision_its_number() -> None:
    goes, other = (Option("r1", "r1 write <u0> at 0", None), Option("c0", "c0 to r2", None))
    choices = [
        Choice(goes.name, 0, NEXT, 1, f"{other.name}#0"),
        Choice(goes.name, 0, f"{NEXT}~1", 1, f"{other.name}#1"),
    ]
    repeating = Repeating(choices)
    for _ in choices:
        assert repeating.misses([goes, other]) is None
        assert repeating.choose([goes, other], timer=False) is other
        repeating.last = ""
    assert repeating.taken == choices

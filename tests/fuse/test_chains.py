"""What a server does of its own accord is told from what it does for a client, by how it begins."""

from __future__ import annotations

from patchstorm.worlds.fuse.chains import Chains

SWEEP = ("list .", "lookup <u0>", "unlink <u0>")
REQUEST = ("lookup <u0>", "write <u0>", "unlink <u0>")


def chain(chains: Chains, thread: int, calls: tuple[str, ...], *, serves: bool) -> set[bool]:
    """A thread makes these calls, and then its replica rests."""
    found = {
        chains.own(
            0, thread, call, looks=call.split()[0] in ("list", "lookup", "stat"), serves=serves
        )
        for call in calls
    }
    chains.rested(0, ())
    return found


def test_a_sweep_is_known_from_its_first_look_on_once_it_came_while_nobody_was_served() -> None:
    chains = Chains()
    assert chain(chains, 1, REQUEST, serves=True) == {False}
    assert chain(chains, 2, SWEEP, serves=True) == {False}  # nobody knows it yet
    assert chain(chains, 2, SWEEP, serves=False) == {True}
    assert chain(chains, 3, SWEEP, serves=True) == {True}
    assert chain(chains, 2, REQUEST, serves=True) == {False}


def test_another_storm_knows_what_was_learned_before_and_another_upload_is_no_other_look() -> None:
    openers: set[str] = set()
    chain(Chains(openers), 1, ("stat .up/<u0>", "unlink .up/<u0>"), serves=False)
    assert chain(Chains(openers), 1, ("stat .up/<r1.0>", "open x"), serves=True) == {True}


def test_what_follows_an_answer_and_changes_something_teaches_nothing() -> None:
    chains = Chains()
    assert chain(chains, 1, ("unlink <u0>.lock", "stat ."), serves=False) == {False}
    assert chain(chains, 1, ("unlink <u0>.lock",), serves=True) == {False}


def test_a_thread_whose_call_is_held_goes_on_with_its_chain() -> None:
    chains = Chains()
    assert chains.own(0, 7, "list .", looks=True, serves=False)
    chains.rested(0, {7})
    assert chains.own(0, 7, "lookup <u0>", looks=True, serves=True)
    chains.rested(0, ())
    assert not chains.own(0, 7, "lookup <u0>", looks=True, serves=True)
    assert chains.own(1, 7, "list .", looks=True, serves=True)


def test_what_a_server_looks_at_while_it_starts_may_be_what_it_looks_at_for_each_request() -> None:
    openers: set[str] = set()
    chains = Chains(openers)
    assert chains.own(0, 1, "stat .", looks=True, serves=False, held=False)
    chains.rested(0, ())
    assert not openers
    assert chain(chains, 1, ("stat .", *REQUEST), serves=True) == {False}


def test_a_sweep_that_is_under_way_when_holding_begins_stays_one() -> None:
    chains = Chains()
    assert chains.own(0, 5, "list .", looks=True, serves=False, held=False)
    assert chains.own(0, 5, "unlink <u0>", looks=False, serves=True)


def test_a_sweep_that_sleeps_while_a_request_is_held_has_not_ended() -> None:
    chains = Chains()
    assert chains.own(0, 5, "stat .", looks=True, serves=False)
    assert not chains.own(0, 6, "write <u0>", looks=False, serves=True)
    chains.rested(0, {6}, busy=True)
    assert chains.own(0, 5, "list .", looks=True, serves=True)
    assert not chains.own(0, 6, "unlink <u0>", looks=False, serves=True)

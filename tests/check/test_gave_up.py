"""``availability``: a program that was told an offset, and refused there again and again, rightly gave up."""

from __future__ import annotations

import pytest
from book import MS, Book, fired


def asked(
    times: int = 4, *, offset: int = 32, at: int = 32, status: int = 409, code: int = 1
) -> Book:
    """The upload stands at ``offset``; its bytes from ``at`` on are refused, and the program ends."""
    book = Book(sequential=True)
    book.create()
    book.patch(0, 32, 32)
    for _ in range(times):
        book.head(offset)
        book.patch(at, 64, status=status)
    return ended(book, code)


def ended(book: Book, code: int = 1) -> Book:
    book.event("program-end", client="c", program="tuspy", code=code)
    return book


def closed(book: Book) -> Book:
    """After healing somebody else has more luck."""
    book.heal()
    book.patch(32, 64, 64, phase="heal", client="closing")
    book.final()
    return book


def accused(book: Book) -> bool:
    found = fired(closed(book).history())
    return "availability" in found


def test_it_is_the_server_that_made_it_give_up() -> None:
    assert accused(asked())


def test_a_few_refusals_tell_nothing() -> None:
    assert not accused(asked(2))


def test_who_ended_well_has_not_given_up() -> None:
    assert not accused(asked(code=0))


def test_nor_has_one_that_the_harness_killed() -> None:
    book = asked(code=0)
    book.event("program-end", client="c", program="tuspy", why="it did not end")
    assert not accused(book)


def test_whose_bytes_belong_elsewhere_is_refused_rightly() -> None:
    assert not accused(asked(at=16))


def test_a_lock_that_is_held_is_no_refusal_for_good() -> None:
    assert not accused(asked(status=423))


def test_an_answer_that_was_lost_may_have_been_a_better_one() -> None:
    book = asked(code=0)
    book.head(32)
    book.lost(32, 64)
    assert not accused(ended(book))


def test_what_got_lost_between_refusals_moved_nothing_where_the_same_is_told_after_it() -> None:
    book = asked(2, code=0)
    book.head(32)
    book.lost(32, 64)
    for _ in range(2):
        book.head(32)
        book.patch(32, 64, status=409)
    assert accused(ended(book))


def test_an_offset_that_is_told_in_the_end_may_be_another() -> None:
    book = asked(code=0)
    book.patch(32, 48, 48, client="other")
    book.head(48)
    assert not accused(ended(book))


def test_who_stopped_by_itself_after_a_success_had_other_reasons() -> None:
    book = asked(code=0)
    book.head(32)
    book.patch(32, 48, 48)
    assert not accused(ended(book))


def test_it_does_not_matter_what_other_clients_were_told() -> None:
    book = asked(code=0)
    book.event("program-end", client="other", program="tuspy", code=1)
    assert not accused(book)


def turned_away(status: int, times: int = 4, *, wait_ms: int = 0, **header: object) -> Book:
    """A body broke off, and from then on every HEAD is refused; the first comes ``wait_ms`` later."""
    book = Book(sequential=True, convergence_ms=1_000, **header)
    book.create()
    book.patch(0, 32, 32)
    book.ask("append", None, start=32, end=64, cut=True, sent=8, error="dropped")
    book.now += wait_ms * MS
    for _ in range(times):
        book.head(None, status=status)
    return book


@pytest.mark.parametrize(("status", "wait_ms"), [(400, 0), (409, 0), (423, 2_000)])
def test_who_is_refused_whatever_it_asks_can_do_nothing_else(status: int, wait_ms: int) -> None:
    assert accused(ended(turned_away(status, wait_ms=wait_ms)))


@pytest.mark.parametrize(
    ("status", "times", "code"),
    [(423, 4, 1), (400, 2, 1), (429, 4, 1), (400, 4, 0)],
    ids=["a lock is broken after a while", "too few", "told to come later", "it ended well"],
)
def test_but_not_everything_that_is_refused_is_so_for_good(
    status: int, times: int, code: int
) -> None:
    assert not accused(ended(turned_away(status, times), code))


def test_nor_where_somebody_else_is_at_work() -> None:
    book = turned_away(423, 4, wait_ms=2_000)
    book.ask("append", 204, start=32, end=64, offset=64, at=(20, 3_000), client="other")
    assert not accused(ended(book))


def test_nor_where_a_fault_explains_it() -> None:
    book = Book(sequential=True, convergence_ms=1_000)
    book.create()
    book.patch(0, 32, 32)
    book.event("fault", fault="crash", replica=0)
    for _ in range(4):
        book.head(None, status=400)
    book.event("fault", fault="crash", replica=0, ends=True)
    assert not accused(ended(book))


def test_nor_where_it_was_terminated() -> None:
    book = Book(sequential=True)
    book.create()
    book.ask("terminate", 204)
    for _ in range(4):
        book.head(None, status=404)
    found = fired(ended(book).history())
    assert not found & {"availability", "durability"}


@pytest.mark.parametrize("between", [True, False])
def test_an_offset_that_moves_on_is_no_offset_that_stays_refused(between: bool) -> None:
    book = asked(2, code=0)
    if between:
        book.patch(32, 40, 40, client="other")
    for _ in range(2):
        book.head(40 if between else 32)
        book.patch(40 if between else 32, 64, status=409)
    assert accused(ended(book)) == (not between)

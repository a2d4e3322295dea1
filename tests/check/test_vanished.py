"""``durability``: an upload that was shown is not gone for no reason, be it without an acknowledged byte."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from book import MS, SEQUENTIAL, Book, fired

from patchstorm.history.model import UploadInfo

ON = {"cache-control": "no-store", "tus-resumable": "1.0.0"}


def shown(
    *, by_head: bool = True, capabilities: tuple[str, ...] = SEQUENTIAL, **header: object
) -> Book:
    """An upload of which a part of a broken body is stored, and nothing was acknowledged."""
    book = Book(sequential=True, capabilities=capabilities, **header)
    book.create()
    book.ask("append", None, start=0, end=64, cut=True, sent=40, error="dropped")
    if by_head:
        book.head(40)
    return book


def accused(book: Book) -> bool:
    return "durability" in fired(book.history())


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("by_head", [True, False])
def test_it_was_created_or_its_offset_was_told_and_it_is_gone(status: int, by_head: bool) -> None:
    book = shown(by_head=by_head)
    book.head(None, status=status)
    assert accused(book)


def test_who_asks_for_another_one_takes_it_for_gone() -> None:
    book = shown()
    book.head(None, status=404)
    book.create()
    book.head(0)
    assert accused(book)


def test_one_that_is_shown_again_was_at_work() -> None:
    book = shown()
    book.head(None, status=404)
    book.head(40)
    assert not accused(book)


def test_one_that_was_never_shown_is_missed_by_nobody() -> None:
    book = Book(sequential=True)
    book.create(status=503)
    book.head(None, status=404)
    assert not accused(book)


def test_one_that_was_terminated_is_gone_rightly() -> None:
    book = shown()
    book.ask("terminate", 204)
    book.head(None, status=404)
    assert not accused(book)


def test_so_is_one_that_was_created_twice_where_the_other_may_be_meant() -> None:
    book = shown()
    book.ask("create", None, error="dropped")
    book.head(None, status=404)
    assert not accused(book)


@pytest.mark.parametrize(("later_s", "found"), [(3, False), (60, True)])
def test_whose_end_was_announced_is_owed_until_then(later_s: int, found: bool) -> None:
    book = shown(epoch_ns=0)
    told = {**ON, "upload-expires": formatdate(later_s, usegmt=True)}
    book.head(40, headers=told, expires_s=later_s)
    book.head(None, status=410, at=(4_000, 4_002))
    assert accused(book) is found


def test_so_is_one_whose_time_by_the_plan_is_over() -> None:
    info = UploadInfo(id="u", size=64, target="t", expires_ms=3_000)
    book = shown(uploads=(info,), capabilities=(*SEQUENTIAL, "expiration"))
    book.now = 4_000 * MS
    book.head(None, status=404)
    assert not accused(book)


def test_a_fault_explains_it_where_nothing_was_acknowledged() -> None:
    book = shown()
    book.event("fault", fault="crash", replica=0)
    book.head(None, status=404)
    assert not accused(book)

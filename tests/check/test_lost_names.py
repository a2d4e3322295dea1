"""``availability``: who lost a name is told, where that is promised; ``refusal``: and nobody who has not."""

from __future__ import annotations

from typing import Any

import pytest
from book import ADDRESSED, Book, fired, run

from patchstorm.history.model import UploadInfo

TELLING = (*ADDRESSED, "named-targets", "tells-lost-names")


def rivals(*, capabilities: tuple[str, ...] = TELLING, overwrite: bool = False) -> Book:
    """``u`` has got the name; of ``v`` one half is there."""
    names = [UploadInfo(id=one, size=64, target="t", overwrite=overwrite) for one in "uv"]
    book = Book(uploads=tuple(names), capabilities=capabilities)
    for one in "uv":
        book.create(upload=one)
    book.patch(0, 32, 32, upload="v")
    book.patch(0, 64, 64)
    return book


def closed(book: Book) -> Book:
    book.final()
    book.final(upload="v", size=64)
    return book


@pytest.mark.parametrize("promised", [True, False])
def test_who_lost_the_name_and_may_go_on_sends_in_vain(promised: bool) -> None:
    book = rivals(capabilities=TELLING if promised else TELLING[:-1])
    book.patch(32, 48, 48, upload="v")
    assert fired(closed(book).history()) == ({"availability"} if promised else set())


def test_who_asked_before_the_name_was_lost_need_not_be_told() -> None:
    book = rivals()
    book.patch(32, 48, 48, upload="v", at=(5, 30))
    assert fired(closed(book).history()) == set()


def test_who_is_told_has_no_reason_to_complain() -> None:
    book = rivals()
    book.patch(32, 48, status=409, upload="v")
    book.head(None, status=409, upload="v")
    assert fired(closed(book).history()) == set()


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("taken", [True, False])
def test_who_lost_the_name_may_be_told_that_he_is_gone_and_nobody_else(
    status: int, taken: bool
) -> None:
    names = [UploadInfo(id=one, size=64, target="t") for one in "uv"]
    book = Book(uploads=tuple(names), capabilities=TELLING)
    for one in "uv":
        book.create(upload=one)
    book.patch(0, 32, 32, upload="v")
    book.patch(0, 64 if taken else 32, 64 if taken else 32)
    book.patch(32, 48, status=status, upload="v")
    book.head(None, status=status, upload="v")
    found = fired(book.history())
    assert ({"durability", "refusal"} <= found) is not taken
    assert bool(found) is not taken


def test_an_upload_that_may_replace_loses_nothing() -> None:
    book = rivals(overwrite=True)
    book.patch(32, 48, 48, upload="v")
    assert fired(closed(book).history()) == set()


@pytest.mark.parametrize(("last", "accused"), [(423, True), (409, False)])
def test_no_name_that_is_lost_is_waited_for_to_the_last(last: int, accused: bool) -> None:
    book = rivals()
    book.head(None, status=423, upload="v")
    book.heal()
    for status in (423, 423, last):
        book.head(None, status=status, upload="v", phase="heal")
    assert fired(closed(book).history()) == ({"availability"} if accused else set())


@pytest.mark.parametrize(("sent", "explained"), [(64, True), (32, False)])
def test_a_name_is_lost_to_who_may_have_been_published_and_to_nobody_else(
    sent: int, explained: bool
) -> None:
    names = [UploadInfo(id=one, size=64, target="t") for one in "uv"]
    book = Book(uploads=tuple(names), capabilities=TELLING)
    for one in "uv":
        book.create(upload=one)
    book.lost(0, sent)
    book.patch(0, 32, status=409, upload="v")
    told = [one for one in fired(book.history()) if one == "refusal"]
    assert bool(told) is not explained


def both_complete(
    *,
    last: int = 200,
    shown: bool = True,
    named: bool = True,
    late: bool = False,
    telling: bool = False,
) -> Book:
    """Of a sequential target, where to be complete is one thing and to be published another."""
    names = [UploadInfo(id=one, size=64, target="t") for one in "uv"]
    told = ("sequential", "creation", *(["named-targets"] * named))
    told += ("tells-lost-names",) * telling
    book = Book(uploads=tuple(names), sequential=True, capabilities=told)
    for one in "uv":
        book.create(upload=one)
    if shown and not late:
        book.sight()
    book.patch(0, 64, 64)
    book.patch(0, 64, 64, upload="v")
    if late:
        book.sight()
    book.head(64 if last == 200 else None, status=last, upload="v")
    book.final()
    book.final(run(0, 64, upload="u"), upload="v")
    return book


def test_who_lost_the_name_is_not_told_to_the_last_that_all_is_there() -> None:
    assert "publication" in fired(both_complete().history())


@pytest.mark.parametrize(
    "truth",
    [{"last": 409}, {"last": 410}, {"shown": False}, {"named": False}, {"late": True}],
    ids=str,
)
def test_who_is_told_or_may_still_be_told_or_has_no_name_of_his_own_accuses_nobody(
    truth: dict[str, Any],
) -> None:
    assert not fired(both_complete(**truth).history())


@pytest.mark.parametrize("late", [False, True])
def test_who_promised_to_tell_does_so_though_the_upload_was_told_complete(late: bool) -> None:
    assert ("availability" in fired(both_complete(telling=True, late=late).history())) is not late

"""A creation that was refused may have taken its name if it brought every byte; else another is owed it."""

from __future__ import annotations

import pytest
from book import Book

from patchstorm.check import judge
from patchstorm.check.model import Finding
from patchstorm.history.model import UploadInfo


def findings(size: int, first: int, second: int) -> list[Finding]:
    """Two creations of one upload without a body, answered so."""
    book = Book(uploads=(UploadInfo(id="u", size=size, target="t"),))
    book.create(status=first)
    book.create(status=second)
    judgements = [one for one in judge(book.history()) if one.checker == "refusal"]
    return [finding for one in judgements for finding in one.findings]


def test_whoever_brought_every_byte_may_have_the_name() -> None:
    assert not [one for one in findings(0, 423, 409) if "409" in one.summary]


def test_whoever_brought_nothing_has_no_name() -> None:
    assert [one.summary for one in findings(64, 423, 409) if "409" in one.summary]


@pytest.mark.parametrize(("took_ms", "explained"), [(3_000, False), (4_500, True)])
def test_an_upload_may_be_over_before_its_creation_is_answered(
    took_ms: int, explained: bool
) -> None:
    book = Book(uploads=(UploadInfo(id="u", size=64, target="t", expires_ms=5_000),))
    book.create(status=410, at=(1, 1 + took_ms))
    told = [one for one in judge(book.history()) if one.checker == "refusal"]
    assert [one.verdict for one in told] == ["safe" if explained else "violated"]

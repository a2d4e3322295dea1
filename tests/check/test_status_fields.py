"""A finding about a status document calls its fields what the target's file calls them."""

from __future__ import annotations

from typing import Any

import pytest
from book import addressed

from patchstorm.check import judge
from patchstorm.history.model import DocumentFields

OWN = DocumentFields(
    total="bytesTotal", committed="bytesUpTo", chunks="parts", missing="holes", percent="done"
)
USUAL = DocumentFields()
WRONG: dict[str, tuple[tuple[str, ...], dict[str, Any], tuple[int, ...]]] = {
    "{total} is 65, declared 64": (("total",), {"total_size": 65}, (0, 16)),
    "{committed} is 16, the first gap begins at 32": (
        ("committed",), {"committed_offset": 16}, (0, 16),
    ),
    "{missing} are not in order": (("missing",), {"missing_ranges": ((48, 8), (32, 8))}, (0, 16)),
    "{percent} is 101": (("percent",), {"progress_percent": 101}, (0, 16)),
    "{percent} is 99, received are 32 of 64 bytes": (
        ("percent",), {"progress_percent": 99}, (0, 16),
    ),
    "{chunks} names 48, which {missing} calls missing": (("chunks", "missing"), {}, (0, 16, 48)),
    "{chunks} lists 1, X-Chunks was 2": (("chunks",), {}, (0,)),
}  # fmt: skip


def spelt(text: str, fields: DocumentFields) -> str:
    return text.format(
        total=fields.total, committed=fields.committed, chunks=fields.chunks,
        missing=fields.missing, percent=fields.percent,
    )  # fmt: skip


@pytest.mark.parametrize("fields", [OWN, USUAL], ids=["of its own", "the usual"])
@pytest.mark.parametrize("says", WRONG)
def test_a_field_is_called_what_the_target_calls_it(says: str, fields: DocumentFields) -> None:
    named, wrong, chunks = WRONG[says]
    book = addressed(chunks=1, document=fields)
    book.patch(16, 32, 32, headers={"tus-resumable": "1.0.0", "x-chunks": "2"})
    book.status((32, 64), chunks=chunks, fields=wrong)
    told = [one for judged in judge(book.history()) for one in judged.findings]
    text = "\n".join(
        (*(one.summary for one in told), *(line for one in told for line in one.story))
    )

    assert spelt(says, fields) in text
    if fields is OWN:
        assert not [name for name in named if getattr(USUAL, name) in text]

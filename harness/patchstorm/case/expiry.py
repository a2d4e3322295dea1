"""Until when an upload was promised to be there: the latest moment that answers announced.

The header is ``Upload-Expires``, an HTTP date; whoever announces a later end has put the end off, also where
the lifetime of the creation would be over by then.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from functools import lru_cache

from patchstorm.history.model import Operation

HEADER = "upload-expires"
_S_NS = 1_000_000_000


def promised_ns(operations: Iterable[Operation], epoch_ns: int | None) -> int | None:
    """The latest announced end, on the clock of the history; None where none was, or nobody knows that clock.

    ``epoch_ns`` is what the fleet's clocks show when the history's shows 0.
    """
    if epoch_ns is None:
        return None
    told = (
        unix_s(one.end.headers[HEADER])
        for one in operations
        if one.end is not None and one.outcome == "ok" and HEADER in one.end.headers
    )
    return max((at * _S_NS - epoch_ns for at in told if at is not None), default=None)


@lru_cache(maxsize=64)  # every answer about an upload tells the same moment
def unix_s(date: str) -> int | None:
    """Unix seconds of an HTTP date; None where the calendar has no such day or hour."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except ValueError:
        return None

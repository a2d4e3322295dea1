"""HTTP dates, as ``Upload-Expires`` has them (RFC 9110, 5.6.7)."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from functools import lru_cache


@lru_cache(maxsize=64)  # every answer about an upload tells the same moment
def unix_s(date: str) -> int | None:
    """Unix seconds of an HTTP date; None where it is none, or the calendar has no such day or hour."""
    try:
        return int(parsedate_to_datetime(date).timestamp())
    except (ValueError, OverflowError):
        return None

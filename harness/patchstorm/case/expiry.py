"""Until when an upload was promised to be there: the latest moment that answers announced.

Whoever announces a later end has put the end off, also where the lifetime of the creation would be over by
then.
"""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.history.model import Operation

_S_NS = 1_000_000_000


def promised_ns(operations: Iterable[Operation], epoch_ns: int | None) -> int | None:
    """The latest announced end, on the clock of the history; None where none was, or nobody knows that clock.

    ``epoch_ns`` is what the fleet's clocks show when the history's shows 0.
    """
    if epoch_ns is None:
        return None
    told = (
        one.end.expires_s
        for one in operations
        if one.end is not None and one.outcome == "ok" and one.end.expires_s is not None
    )
    return max((at * _S_NS - epoch_ns for at in told), default=None)

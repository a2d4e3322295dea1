"""How verdicts are made and folded: the one place that decides between safe, violated and unknown.

*Violated* beats *unknown* beats *safe*: a violation that was seen is one, whatever else could not be told.
Where nothing was judged the whole is unknown: nothing that was not looked at is safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Literal

Verdict = Literal["safe", "violated", "unknown"]


def stated(findings: Sized, unknown: str | None) -> Verdict:
    """The verdict of one that has looked: ``findings``, or why it could not tell."""
    if len(findings):
        return "violated"
    return "safe" if unknown is None else "unknown"


def folded(verdicts: Iterable[Verdict | None], *, interrupted: bool = False) -> Verdict:
    """Of several, None being one that was skipped and has none.

    Of those that ``interrupted`` kept from ending nobody knows.
    """
    given = {one for one in verdicts if one is not None}
    if interrupted:
        given.add("unknown")
    if "violated" in given:
        return "violated"
    return "unknown" if not given or "unknown" in given else "safe"

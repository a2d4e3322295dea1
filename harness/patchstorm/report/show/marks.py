"""What a story says mattered: its lines read back as steps and operations.

A story is text, written by the world or by the checkers, and its form is a contract (``docs/results.md``): a
line that mattered begins with ``->`` and ends with ``<-`` and what it was; it names ``step N`` or ``op N``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

_LINE: Final = re.compile(
    r"^\s*(?P<arrow>->)?\s*(?:step\s+(?P<step>\d+)\s+)?(?P<rest>.*?)(?:\s+<-\s+(?P<why>.*))?$"
)
_FAULT: Final = re.compile(r"^(?:replica \d+\s+)?fault ")
_OP: Final = re.compile(r"\bop (\d+)\b")


class Mark(NamedTuple):
    """What a story tells: a step, a request, or (``fault``) what befell somebody at that step.

    ``matters``: it is part of the cause, and ``why``.
    """

    step: int | None
    op: int | None
    matters: bool
    why: str
    fault: bool = False


def marks(story: Iterable[str]) -> Iterator[Mark]:
    """Every line that names a step or an operation, in the story's order."""
    for line in story:
        found = _LINE.match(line)
        if found is None:
            continue
        op = _OP.search(found["rest"])
        step = None if found["step"] is None else int(found["step"])
        if step is None and op is None:
            continue
        yield Mark(
            step=step,
            op=None if op is None else int(op[1]),
            matters=bool(found["arrow"]),
            why=found["why"] or "",
            fault=_FAULT.search(found["rest"]) is not None,
        )

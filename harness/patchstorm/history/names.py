"""Names on a storage that were made for one occasion, told from those that stand for a thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

_BEFORE, _AFTER = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
MINTED: Final = re.compile(
    "|".join(
        (
            r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
            rf"{_BEFORE}(?=[a-fA-F]*\d)[0-9a-fA-F]{{8,}}{_AFTER}",
            rf"{_BEFORE}(?=[A-Za-z]*\d)[A-Za-z0-9]{{12,}}{_AFTER}",
            rf"{_BEFORE}(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])(?=[A-Za-z]*\d)[A-Za-z0-9]{{8,}}{_AFTER}",
            rf"{_BEFORE}tmp[a-z0-9_]{{8}}{_AFTER}",  # mkstemp, as Python has it
            r"\d{5,}",
        )
    )
)
"""What nobody would call a thing: a UUID, a hash, a token, the number of a process. A year is a name."""


def generic(path: str) -> str:
    """``path`` with a star for each part that was made for one occasion."""
    return re.sub(r"\*+", "*", MINTED.sub("*", path))


def unnamed(path: str, names: Iterable[str]) -> str:
    """:func:`generic`, with a star for each of ``names`` that stands in it as a word of its own."""
    for name in names:
        if name and name in path:  # most are not, and looking is cheaper than building a pattern
            path = re.sub(rf"{_BEFORE}{re.escape(name)}{_AFTER}", "*", path)
    return generic(path)


def above(path: str) -> Iterator[str]:
    """The directories in which ``path`` lies, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path

"""The dialects, by name. A new one is a package of this room and one line here, or registered."""

from __future__ import annotations

from patchstorm.dialect.base import Dialect
from patchstorm.dialect.tus.dialect import TUS
from patchstorm.dialect.words import Words

DIALECTS: dict[str, Dialect] = {TUS.name: TUS}
CAPABILITIES: dict[str, str] = {**TUS.capabilities}
"""What a target of any dialect may declare, with what each word promises."""


def register(dialect: Dialect) -> None:
    """Add a dialect of one's own under its name."""
    DIALECTS[dialect.name] = dialect
    for word, says in dialect.capabilities.items():
        CAPABILITIES.setdefault(word, says)


def dialect_of(name: str) -> Dialect:
    """The dialect called ``name``; KeyError where there is none."""
    return DIALECTS[name]


def words_of(name: str) -> Words:
    """The words of the dialect called ``name``; semantic ones where nobody registered it."""
    dialect = DIALECTS.get(name)
    return Words() if dialect is None else dialect.words

"""The dialects, by name."""

from __future__ import annotations

from patchstorm.dialect.base import Dialect
from patchstorm.dialect.tus.dialect import TUS
from patchstorm.dialect.words import Words

DIALECTS: dict[str, Dialect] = {TUS.name: TUS}


def words_of(name: str) -> Words:
    """The words of the dialect called ``name``; semantic ones where nobody registered it."""
    dialect = DIALECTS.get(name)
    return Words() if dialect is None else dialect.words

"""The dialects, by name. A new one is a package of this room and one line here, or registered."""

from __future__ import annotations

from patchstorm.dialect.base import Dialect
from patchstorm.dialect.cases.suite import Suite
from patchstorm.dialect.tus.dialect import TUS
from patchstorm.dialect.words import Words
from patchstorm.errors import UsageError

DIALECTS: dict[str, Dialect] = {}
CAPABILITIES: dict[str, str] = {}
"""What a target of any dialect may declare, with what each word promises."""


def register(dialect: Dialect) -> None:
    """Add a dialect of one's own under its name.

    Raises ValueError for a name that is taken, for a capability that means something else elsewhere, and for
    conformance cases that nobody can ask.
    """
    if dialect.name in DIALECTS:
        raise ValueError(f"dialect {dialect.name}: there is one of this name")
    for word, says in dialect.capabilities.items():
        if CAPABILITIES.get(word, says) != says:
            raise ValueError(f"dialect {dialect.name}: `{word}` means {CAPABILITIES[word]!r}")
    if (dialect.suite is None) != (dialect.prober is None):
        raise ValueError(
            f"dialect {dialect.name}: a suite needs a prober that asks it, and a prober a suite"
        )
    DIALECTS[dialect.name] = dialect
    CAPABILITIES.update(dialect.capabilities)


def forget(name: str) -> None:
    """Take back what was registered."""
    gone = DIALECTS.pop(name)
    kept = {word for one in DIALECTS.values() for word in one.capabilities}
    for word in gone.capabilities.keys() - kept:
        del CAPABILITIES[word]


def dialect_of(name: str) -> Dialect:
    """The dialect called ``name``; UsageError, with those that there are, for another."""
    dialect = DIALECTS.get(name)
    if dialect is None:
        raise UsageError(
            f"dialect {name}: there is none of this name. Dialects: {', '.join(DIALECTS)}."
        )
    return dialect


def words_of(name: str) -> Words:
    """The words of the dialect called ``name``; semantic ones where nobody registered it."""
    dialect = DIALECTS.get(name)
    return Words() if dialect is None else dialect.words


def suite_of(name: str) -> Suite | None:
    """The conformance cases of the dialect called ``name``; None where it brings none, or is unknown."""
    dialect = DIALECTS.get(name)
    return None if dialect is None else dialect.suite


for _built_in in (TUS,):
    register(_built_in)

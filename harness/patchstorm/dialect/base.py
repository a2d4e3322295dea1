"""What a protocol brings, so that a storm can be spoken in it."""

from __future__ import annotations

from dataclasses import dataclass

from patchstorm.dialect.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One protocol."""

    name: str
    words: Words

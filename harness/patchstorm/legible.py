"""Text that servers and file names chose, as it may be shown: what steers a terminal is spelt out instead.

Every way out (console, progress, HTML, JUnit, error messages) sends what it tells through here. Escaped are
the control characters C0 and C1 (ECMA-48), the marks that turn the direction of writing (Unicode, UAX 9),
line separators, and lone surrogates, which no encoding has a place for. Tab and line feed stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_STEERING: Final = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff"
)
_TEXT: Final = re.compile(f"[{_STEERING}]")
_LINE: Final = re.compile(f"[\t\n{_STEERING}]")


def _spelt(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def legible(text: str, escape: Callable[[str], str] = _spelt) -> str:
    """``text`` of any number of lines, every steering character as ``\\x1b``, ``\\u202e`` and the like."""
    return _TEXT.sub(lambda found: escape(found[0]), text)


def legible_line(text: str) -> str:
    """The same for what has to stay on one line, as a name does."""
    return _LINE.sub(lambda found: _spelt(found[0]), text)

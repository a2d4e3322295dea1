"""Path patterns: the globs by which a target names its files.

The rules are those of ``.gitignore`` kept small: ``*`` and ``?`` stop at a slash, ``**`` as a whole
segment stands for any number of segments, none included (so ``a/**`` is ``a`` and all below it), and
everything else is itself. A pattern matches a whole path relative to the shared directory.
"""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=1024)
def compiled(*patterns: str) -> re.Pattern[str]:
    """The regular expression that any of the patterns matches, to be used with ``fullmatch``."""
    return re.compile("|".join(map(_expression, patterns)) if patterns else r"(?!)", re.DOTALL)


def _expression(pattern: str) -> str:
    segments = pattern.strip("/").split("/")
    text = ""
    for index, segment in enumerate(segments):
        last = index == len(segments) - 1
        if segment != "**":
            text += _segment(segment) + ("" if last else "/")
        elif not last:
            text += "(?:[^/]+/)*"
        else:
            text = f"{text[:-1]}(?:/.+)?" if text.endswith("/") else f"{text}.*"
    return f"(?:{text})"


def _segment(text: str) -> str:
    wild = {"*": "[^/]*", "?": "[^/]"}
    single = re.sub(r"\*+", "*", text)  # of several, each would be tried with each: for ever
    return "".join(wild.get(letter) or re.escape(letter) for letter in single)


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether ``path`` matches any of ``patterns``."""
    return compiled(*patterns).fullmatch(path) is not None


def covers(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether ``path`` or one of the directories above it matches any of ``patterns``."""
    while path:
        if matches(path, patterns):
            return True
        path = path.rpartition("/")[0]
    return False

"""Where in a target's file a key stands, so that a mistake is told with its line.

``tomllib`` gives values without lines, so the text is read once more: headers open tables, and a key
is a word before an equals sign. What cannot be found (a key inside an inline table) is told with the
line of the key around it, and a key that is missing with the header of its table.
"""

from __future__ import annotations

import re

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"'-]+)\s*=")
_INDEX = re.compile(r"\[\d+\]")


class Mistake(Exception):
    """Something is wrong at the dotted key ``where``; ``word`` is the wrong word in its value."""

    def __init__(self, where: str, says: str, word: str = "") -> None:
        super().__init__(says)
        self.where = where
        self.says = says
        self.word = word


def line_of(text: str, where: str, word: str = "") -> int | None:
    """The line, from 1, of the dotted key ``where``, or of ``word`` in its value; None if unknown."""
    keys = _keys(text)
    path = _INDEX.sub("", where)
    while path:
        if path in keys:
            return _line_of_word(text, keys[path], word)
        path = path.rpartition(".")[0]
    return None


def _keys(text: str) -> dict[str, int]:
    """The line of the first mention of each table and key."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        key = _KEY.match(line)
        if header is not None:
            table = _plain(header[1])
            found.setdefault(table, number)
        elif key is not None:
            name = _plain(key[1])
            found.setdefault(f"{table}.{name}" if table else name, number)
    return found


def _line_of_word(text: str, first: int, word: str) -> int:
    """The line at or after ``first``, and before the next header, that holds ``word``."""
    if not word:
        return first
    for number, line in enumerate(text.splitlines()[first - 1 :], start=first):
        if number > first and _HEADER.match(line):
            break
        if word in line:
            return number
    return first


def _plain(name: str) -> str:
    return re.sub(r"[\"'\s]", "", name)

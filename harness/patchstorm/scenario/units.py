"""Sizes and durations as people write them: "512KiB", "2s"; and back again for messages.

Sizes are whole bytes, durations whole milliseconds. Both functions raise :class:`ValueError` with a
message that says what was wrong and what would be right; the schema adds file and key.
"""

from __future__ import annotations

import difflib
import re

SIZE_UNITS = {
    "B": 1,
    "kB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
DURATION_UNITS = {"ms": 1, "s": 1000, "min": 60_000}

_QUANTITY = re.compile(r"(?P<number>-?[0-9]+)\s*(?P<unit>[A-Za-z]*)", re.ASCII)


def parse_size(text: str) -> int:
    """Bytes of "4096", "512KiB", "1 MiB"."""
    return _parse(text, SIZE_UNITS, "B", 'a size, such as 65536 or "64KiB"')


def parse_duration_ms(text: str) -> int:
    """Milliseconds of "50ms", "2s", "1min"; a bare number means milliseconds."""
    return _parse(text, DURATION_UNITS, "ms", 'a duration, such as "50ms" or "2s"')


def parse_count(text: str) -> int:
    """A whole number written as text, as in the range "1..3"."""
    return _parse(text, {}, "", "a whole number")


def format_size(size: int) -> str:
    """The shortest exact way to write a size."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size and size % SIZE_UNITS[unit] == 0:
            return f"{size // SIZE_UNITS[unit]}{unit}"
    return f"{size}B"


def nearest(word: str, known: list[str]) -> str:
    """A remedy for a misspelt word: the nearest right one, or the whole list."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not close:
        close = [name for name in known if name.lower() == word.lower()]
    if close:
        return f'did you mean "{close[0]}"?'
    return "use one of: " + ", ".join(known)


def _parse(text: str, units: dict[str, int], default: str, what: str) -> int:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not {what}')
    number, unit = int(match["number"]), match["unit"] or default
    if number < 0:
        raise ValueError(f'"{text}" is negative; write {what} of 0 or more')
    if unit == default:
        return number
    if unit not in units:
        raise ValueError(f'"{text}" has the unknown unit "{unit}": {nearest(unit, list(units))}')
    return number * units[unit]

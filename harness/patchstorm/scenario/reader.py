"""Takes a TOML table apart, strictly: every key is asked for by name, and what is left over is an error.

Errors name the file, the path of the key and the remedy. Nothing here knows what a storm is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from patchstorm.errors import UsageError
from patchstorm.reading import told
from patchstorm.scenario.model import Scalar, Spread
from patchstorm.scenario.options import Option, Unit
from patchstorm.scenario.units import nearest, parse_count, parse_duration_ms, parse_size

_SHOWN_MAX = 200
_RANGE = re.compile(r"\s*(?P<low>[^.].*?)\s*\.\.\s*(?P<high>.*?)\s*")
_PARSERS: dict[Unit, Callable[[str], int]] = {
    "count": parse_count,
    "permille": parse_count,
    "bytes": parse_size,
    "ms": parse_duration_ms,
}
_EXPECTED: dict[Unit, str] = {
    "count": "a whole number",
    "permille": "a whole number from 0 to 1000",
    "bytes": 'a size, such as 65536 or "64KiB"',
    "ms": 'a duration, such as "50ms" or "2s"',
    "flag": "true or false",
    "word": "a string",
}


_MOST: dict[Unit, int] = {"count": 10**9, "bytes": 1 << 50, "ms": 7 * 24 * 3_600_000}
"""Where an option has no bound of its own: beyond, somebody has mistaken the unit or the key."""


@dataclass(slots=True)
class Table:
    """One table of the file, at ``path`` ("client[0]"); ``close`` complains about what is left."""

    file: str
    path: str
    data: dict[str, Any]
    known: list[str] = field(default_factory=list)

    def fail(self, key: str, message: str) -> NoReturn:
        where = ".".join(part for part in (self.path, key) if part)
        raise UsageError(told(f"{self.file}: {where or 'the file'}: {message}"))

    def has(self, key: str) -> bool:
        return key in self.data

    def take(self, key: str) -> Any:
        """The value of ``key``, or None; either way the key is now known."""
        self.known.append(key)
        return self.data.get(key)

    def close(self) -> None:
        for key in self.data:
            if key not in self.known:
                self.fail(key, f"unknown key; {nearest(key, self.known)}")

    # ---- plain values

    def text(self, key: str, *, default: str | None = None) -> str:
        value = self.take(key)
        if value is None and default is not None:
            return default
        if value is None:
            self.fail(key, f'is missing; write {key} = "..."')
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"expected a string that is not empty, not {_shown(value)}")
        return self._sound(key, value)

    def _sound(self, key: str, value: str) -> str:
        """``value``, unless it holds what no path, command or name can."""
        if "\0" in value:
            self.fail(key, "holds a NUL; take it out")
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if key in self.data else self.take(key)

    def word(self, key: str, words: Sequence[str], *, default: str | None = None) -> str:
        value = self.text(key, default=default)
        return self.known_word(key, value, words)

    def known_word(self, key: str, value: Any, words: Sequence[str]) -> str:
        if value not in words:
            self.fail(key, f"{_shown(value)} is not known; {nearest(str(value), list(words))}")
        return str(value)

    def words(self, key: str, words: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of strings, each one of ``words`` where given."""
        value = self.take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, f"expected a list of strings, not {_shown(value)}")
        for item in value:
            self._sound(key, item)
        if words is not None:
            for item in value:
                self.known_word(key, item, words)
        if len(set(value)) != len(value):
            self.fail(key, "names something twice; leave one of them out")
        return tuple(value)

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(key, f"expected true or false, not {_shown(value)}")
        return value

    # ---- tables

    def table(self, key: str) -> Table | None:
        value = self.take(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fail(key, f"expected a table, [{key}], not {_shown(value)}")
        return Table(self.file, f"{self.path}.{key}" if self.path else key, value)

    def tables(self, key: str) -> list[Table]:
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, f"expected an array of tables; write [[{key}]] above each one")
        return [Table(self.file, f"{key}[{i}]", item) for i, item in enumerate(value)]

    # ---- values that the seed decides

    def spread(self, key: str, option: Option, *, required: bool = False) -> Spread | None:
        """A scalar, a list to draw from, or a range "A..B"; checked against the option's bounds."""
        value = self.take(key)
        if value is None:
            if required:
                self.fail(key, f"is missing; it takes {_EXPECTED[option.unit]}")
            return None
        spread = self._spread(key, value, option)
        for item in spread.values:
            self._bounded(key, item, option)
        return spread

    def _spread(self, key: str, value: Any, option: Option) -> Spread:
        if isinstance(value, list):
            if not value:
                self.fail(key, "is an empty list; there is nothing to draw from")
            return Spread(among=tuple(self._scalar(key, item, option) for item in value))
        if isinstance(value, str) and option.unit not in ("word", "flag"):
            match = _RANGE.fullmatch(value)
            if match is not None:
                return self._range(key, match, option)
        return Spread(among=(self._scalar(key, value, option),))

    def _range(self, key: str, match: re.Match[str], option: Option) -> Spread:
        low = self._scalar(key, match["low"], option)
        high = self._scalar(key, match["high"], option)
        assert isinstance(low, int) and isinstance(high, int)
        if low > high:
            self.fail(key, f'the range "{match[0]}" runs backwards; write the smaller end first')
        return Spread(low=low, high=high)

    def _scalar(self, key: str, value: Any, option: Option) -> Scalar:
        if option.unit == "flag" and isinstance(value, bool):
            return value
        if option.unit == "word" and isinstance(value, str):
            return (
                self.known_word(key, value, option.words)
                if option.words
                else self._sound(key, value)
            )
        if option.unit in _PARSERS and isinstance(value, str):
            try:
                return _PARSERS[option.unit](value)
            except ValueError as error:
                self.fail(key, str(error))
        whole = isinstance(value, int) and not isinstance(value, bool)
        if option.unit not in _PARSERS or not whole:
            self.fail(key, f"expected {_EXPECTED[option.unit]}, not {_shown(value)}")
        return int(value)

    def _bounded(self, key: str, value: Scalar, option: Option) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            return
        if value < 0 and (option.low is None or option.low >= 0):
            self.fail(key, f"{value} is negative; it takes {_EXPECTED[option.unit]}, 0 or more")
        if option.low is not None and value < option.low:
            self.fail(key, f"{value} is too small; the least is {option.low}")
        high = _MOST.get(option.unit) if option.high is None else option.high
        if high is not None and value > high:
            self.fail(key, f"{value} is too large; the most is {high}")


def _shown(value: Any) -> str:
    """``value`` for a message; what is long is cut, and a number too long to be written is only named."""
    try:
        said = f'"{value}"' if isinstance(value, str) else f"{value!r} ({type(value).__name__})"
    except ValueError:  # int.__repr__ of more digits than Python converts
        return "a number of thousands of digits"
    return said if len(said) <= _SHOWN_MAX else f"{said[:_SHOWN_MAX]}..."

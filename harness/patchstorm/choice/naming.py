"""Choosers for the workloads' own draws, so that these can be written down, repeated and shrunk too.

A draw by (task, step, kind) keeps that name; one by a plain string is named by its purpose ("storm",
"closing", ...) and how often that string came up.
"""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.choice.chooser import Chooser, Name
from patchstorm.choice.schedule import Choice, Key, by_key


class _Names:
    def __init__(self, purpose: str) -> None:
        self._purpose = purpose
        self._drawn: dict[Name, int] = {}

    def key(self, name: Name) -> Key:
        count = self._drawn.get(name, 0)
        self._drawn[name] = count + 1
        if isinstance(name, str):
            return (f"{self._purpose}:", count, name)
        task, step, kind = name
        return (task, step, f"{kind}#{count}" if count else kind)


class Recording:
    """Answers as ``inner`` does and notes in ``taken`` what was not dull."""

    def __init__(self, inner: Chooser, purpose: str, taken: list[Choice]) -> None:
        self._inner = inner
        self._names = _Names(purpose)
        self._taken = taken

    def draw(self, name: Name, n: int) -> int:
        value = self._inner.draw(name, n)
        task, step, kind = self._names.key(name)
        if value:
            self._taken.append(Choice(task, step, kind, value))
        return value


class Listed:
    """Answers from a list of choices, and 0 to everything else. The names that came up are added to
    ``used``.
    """

    def __init__(
        self, choices: Iterable[Choice], purpose: str, used: set[Key] | None = None
    ) -> None:
        self._by_key = by_key(choices)
        self._names = _Names(purpose)
        self._used = set() if used is None else used

    def draw(self, name: Name, n: int) -> int:
        choice = self._by_key.get(self._names.key(name))
        if choice is None:
            return 0
        if choice.value < n:
            self._used.add(choice.key)
        return min(choice.value, n - 1)

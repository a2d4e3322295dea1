"""The one door for every free decision: draw a small integer under a name.

Two rules hold for every chooser. ``draw(name, n)`` answers ``0 <= value < n``, and **0 is the dull
choice** (carry on, no fault, the first of the list, deliver in order). A name says *which* decision
this is, so that an edit elsewhere does not shift its meaning: the triple (task, task-local step,
kind), or a plain string where a decision is taken once.

:class:`SeededChooser` is a keyed function, not a stream: the value depends on the seed material, the
name and how often that name was drawn before, never on the order among different names. Its
arithmetic is fixed here to the bit (SHA-256), so one seed means one storm in every process, under
every hash seed and on every version of Python.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

Name = str | tuple[str, int, str]

_SEPARATOR = b"\x1f"


class Chooser(Protocol):
    """Whatever decides."""

    def draw(self, name: Name, n: int) -> int:
        """An integer of ``range(n)``; 0 is the dull choice. ``n`` is at least 1."""
        ...


class SeededChooser:
    """Decides by SHA-256 of (seed material, name, how often this name was drawn)."""

    def __init__(self, *material: str | int) -> None:
        self._key = hashlib.sha256(_SEPARATOR.join(_part(item) for item in material)).digest()
        self._drawn: dict[Name, int] = {}

    def draw(self, name: Name, n: int) -> int:
        if n < 1:
            raise ValueError(f"a choice needs at least one alternative, not {n}: {name!r}")
        count = self._drawn.get(name, 0)
        self._drawn[name] = count + 1
        if n == 1:
            return 0
        digest = hashlib.sha256(self._key + _encoded(name) + count.to_bytes(8, "big")).digest()
        return (int.from_bytes(digest[:16], "big") * n) >> 128


class TaskChooser:
    """A chooser for one task: a plain name becomes (task, task-local step, name)."""

    def __init__(self, inner: Chooser, task: str) -> None:
        self._inner = inner
        self._task = task
        self._step = 0

    def draw(self, name: Name, n: int) -> int:
        if not isinstance(name, str):
            return self._inner.draw(name, n)
        step = self._step
        self._step += 1
        return self._inner.draw((self._task, step, name), n)


class DullChooser:
    """Always 0: the storm without a single surprise."""

    def draw(self, name: Name, n: int) -> int:
        if n < 1:
            raise ValueError(f"a choice needs at least one alternative, not {n}: {name!r}")
        return 0


def seeded(seed: int, scenario: str, index: int, purpose: str) -> SeededChooser:
    """The chooser of schedule ``index``: independent of ``--jobs`` and of every other purpose."""
    return SeededChooser("patchstorm-1", seed, scenario, index, purpose)


def _part(item: str | int) -> bytes:
    """Material with its type in front and its length in it: no two lists read alike."""
    text = str(item)
    size = len(text) if text.isascii() else len(text.encode())
    return f"{'i' if isinstance(item, int) else 's'}{size}:{text}".encode()


def _encoded(name: Name) -> bytes:
    if isinstance(name, str):
        return b"n" + _part(name)
    task, step, kind = name
    return b"t" + _part(task) + _part(step) + _part(kind)

"""What a survey has found: the modules that may be imported for a server, and why others may not."""

from __future__ import annotations

import marshal
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Final

Line = tuple[str, ...]
_REPAIRED: Final = ("sysconfig", "zoneinfo._tzpath")
"""Modules of Python's own to which ``becoming`` tells anew what they read."""


@dataclass(slots=True)
class Found:
    """``origins`` are the modules that a server imports, by where they come from; ``left`` says why some of
    them are left to it. ``startup`` are those that its interpreter begins with. ``happened`` is, in order,
    what it imported, and how it changed its environment in between: a module may read that."""

    startup: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    happened: list[Line] = field(default_factory=list)
    needs: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    left: dict[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, str]:
        """What may be imported for it."""
        return {name: origin for name, origin in self.origins.items() if name not in self.left}

    def leave(self, why: dict[str, str]) -> None:
        """Some are not imported for it, and so is not whoever imports them."""
        for name, reason in why.items():
            self.left.setdefault(name, reason)
        changed = True
        while changed:
            changed = False
            for name, others in self.needs.items():
                bad = next((one for one in sorted(others) if one in self.left), None)
                if bad is not None and name not in self.left:
                    self.left[name] = f"needs {bad}"
                    changed = True


def found(diary: Path, *, varies: Callable[[str], bool], own: Iterable[str], apart: str) -> Found:
    """Read what a survey wrote.

    ``varies`` says of a variable whether another start has it otherwise; ``own`` are the names of packages
    that are the server's, and what has ``apart`` in it was of that start alone.
    """
    lines = list(_lines(diary.read_bytes()))
    one = Found([line[1] for line in lines if line[0] == "startup"])
    places = tuple(line[1] for line in lines if line[0] == "place")
    origins = {line[1]: line[2] for line in lines if line[0] == "origin"}
    packages = set(own)
    why: dict[str, str] = {}
    after = ""
    for line in lines:
        kind, *rest = line
        if kind == "then":
            after = after or f"comes after that {rest[0]}"
        elif kind == "needs":
            one.needs[rest[0]].add(rest[1])
        elif kind == "saw":
            why.setdefault(rest[0], f"asks for {rest[1]} as it is imported")
        elif kind == "reads" and varies(rest[1]) and rest[0] not in _REPAIRED:
            why.setdefault(rest[0], f"reads {rest[1]} as it is imported")
        elif kind in ("set", "unset"):
            one.happened.append(line)
            if varies(rest[0]) or apart in rest[-1]:
                after = after or f"comes after that {rest[0]} was changed"
        elif kind == "import" and rest[0] in origins:
            name = rest[0]
            one.origins[name] = origins[name]
            one.happened.append(line)
            if after:
                why.setdefault(name, after)
            elif name.partition(".")[0] in packages:
                why.setdefault(name, "is the server's own")
            elif not origins[name].startswith((*places, "built-in", "frozen")):
                why.setdefault(name, "does not belong to the interpreter")
    for name in one.origins:
        parts = name.split(".")
        one.needs[name] |= {".".join(parts[:end]) for end in range(1, len(parts))}
    one.leave(why)
    return one


def _lines(data: bytes) -> Iterator[Line]:
    """All that was written to the end: whoever wrote it was killed."""
    file = BytesIO(data)
    while True:
        try:
            yield marshal.load(file)
        except (EOFError, ValueError, TypeError):
            return

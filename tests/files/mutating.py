"""Seeded mutations of files that users hand in: of their bytes, and of what a document holds at one place."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

HUGE = 10**30
DIGITS = "9" * 5_000
NASTY: tuple[Any, ...] = (
    None, True, -1, 0, -(2**63), 2**63, 2**64, HUGE, -HUGE, 1.5, float("inf"), "", " ", "\0", "\r\nX: y",
    "\x1b[2J", "/etc/passwd", "../../etc/passwd", "..", "{", "}", "{target", "{0}", "{}",
    "{port:>9999999999}",
    "{target!r}", "{target.__class__}", "{id}{id}", "{offset}{offset}{id}", "(?P<port>", "(", "*" * 300,
    "**", "\u202e", "x" * 70_000, "1..", "..1", "1..9999999999999999999999", "9" * 5_000 + "ms",
    "-1", "1e9", "nan", [], {}, [[]], [None], [HUGE], {"": ""}, {"\0": "\0"}, ["\0"], [""],
)  # fmt: skip


def documents(document: Any, seed: int, count: int) -> Iterator[Any]:
    """``count`` copies of ``document``, each with one to three places changed."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = copy.deepcopy(document)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            changed = _mutated(changed, chance)
        yield changed


def texts(text: bytes, seed: int, count: int) -> Iterator[bytes]:
    """``count`` copies of ``text`` with bytes lost, doubled, swapped or replaced."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(text)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at, length = chance.randrange(len(data) + 1), chance.choice((1, 1, 3, 40))
            match chance.randrange(5):
                case 0:
                    del data[at : at + length]
                case 1:
                    data[at:at] = data[at : at + length]
                case 2:
                    data[at : at + length] = chance.randbytes(length)
                case 3:
                    data[at:at] = chance.choice(
                        (b"\0", b"\xff", b"\n", b'"', b"[", b"]", b"{", b"\\ud800", b"\xef\xbb\xbf")
                    )
                case _:
                    del data[at:]
        yield bytes(data)


def _mutated(document: Any, chance: random.Random) -> Any:
    places = list(_places(document))
    if not places:
        return chance.choice(NASTY)
    holder, key = chance.choice(places)
    action = chance.randrange(8)
    if action == 0:
        del holder[key]
    elif action == 1 and isinstance(holder, dict):
        holder[str(key) + chance.choice(("x", "\0", ".", " "))] = holder.pop(key)
    elif action == 2:
        other, at = chance.choice(places)
        holder[key] = copy.deepcopy(other[at])
    elif action == 3 and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    else:
        holder[key] = copy.deepcopy(chance.choice(NASTY))
    return document


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from _places(value[key])

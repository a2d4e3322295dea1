"""What becomes of a record of an upload that is damaged: the new bytes of a small file, from drawn numbers.

Kept apart from the worlds, so that the same draws mean the same damage in each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

NUMBERS: Final = re.compile(rb"(?<![0-9A-Za-z_.\"-])\d+(?![0-9A-Za-z_.\"-])")
"""Numbers by themselves, and not those within a digest or a name."""

Draw = Callable[[str, int], int]
"""A name and a bound to a number below it."""


def spoilt(data: bytes, way: str, draw: Draw, *, size: int) -> bytes:
    """``data`` after damage of this kind; the same where it has nothing that can go that way.

    ``size`` is the declared length of the upload that it is a record of, in bytes.
    """
    if not data:
        return data
    if way in _WITHIN:
        return _WITHIN[way](data, draw, size)
    return _WAYS[way](data, draw)


def _flipped(data: bytes, draw: Draw) -> bytes:
    """One byte is another. Most of the time it is a digit of a number, so that the whole still parses."""
    numbers = [found.span() for found in NUMBERS.finditer(data)]
    if numbers and draw("digit", 4) < 3:
        begin, end = numbers[draw("number", len(numbers))]
        at = begin + draw("at", end - begin)
        other = 0x30 + (data[at] - 0x30 + 1 + draw("to", 9)) % 10
    else:
        at = draw("at", len(data))
        other = data[at] ^ (1 << draw("to", 8))
    return data[:at] + bytes([other]) + data[at + 1 :]


def _cut(data: bytes, draw: Draw) -> bytes:
    return data[: draw("at", len(data))]


def _emptied(data: bytes, draw: Draw) -> bytes:
    """Nothing is left, as after a crash between a truncation and the write that was to follow it."""
    return b""


def _zeroed(data: bytes, draw: Draw) -> bytes:
    """From some place on zeros, as file systems leave it where the size was saved and the bytes were not."""
    at = draw("at", len(data))
    return data[:at] + bytes(len(data) - at)


def _swapped(data: bytes, draw: Draw) -> bytes:
    """Two numbers change places."""
    found = list(NUMBERS.finditer(data))
    pairs = [
        (one, other)
        for place, one in enumerate(found)
        for other in found[place + 1 :]
        if one[0] != other[0]
    ]
    if not pairs:
        return data
    one, other = pairs[draw("at", len(pairs))]
    between = data[one.end() : other.start()]
    return data[: one.start()] + other[0] + between + one[0] + data[other.end() :]


def _copied(data: bytes, draw: Draw) -> bytes:
    """One number takes the value of another: what is there, is plausible, and belongs elsewhere."""
    found = list(NUMBERS.finditer(data))
    pairs = [(one, other) for one in found for other in found if int(one[0]) < int(other[0])]
    if not pairs:
        return data
    one, other = pairs[draw("at", len(pairs))]
    if draw("less", 2):
        one, other = other, one
    return data[: one.start()] + other[0] + data[one.end() :]


def _moved(data: bytes, draw: Draw, size: int) -> bytes:
    """Two numbers in a row change by the same: a range of the right length that lies elsewhere in the upload.

    Whoever only sums up lengths finds that all agree.
    """
    pairs = []
    for one, other in pairwise(NUMBERS.finditer(data)):
        begin, end = int(one[0]), int(other[0])
        if begin < end <= size:
            pairs += [(one, other, by) for by in (-begin, size - end) if by]
    if not pairs:
        return data
    one, other, by = pairs[draw("at", len(pairs))]
    length = int(other[0]) - int(one[0])
    if draw("less", 2):
        by = max(-length, min(length, by))
    moved = (str(int(number[0]) + by).encode() for number in (one, other))
    between = data[one.end() : other.start()]
    return data[: one.start()] + between.join(moved) + data[other.end() :]


def _filled(data: bytes, draw: Draw, size: int) -> bytes:
    """One number that is less than the length becomes the length: as if all had come, by one word of many.

    The larger it was, the likelier it tells how far the upload is; so the largest comes first.
    """
    found = [one for one in NUMBERS.finditer(data) if int(one[0]) < size]
    if not found:
        return data
    found.sort(key=lambda one: -int(one[0]))
    one = found[draw("at", len(found))]
    return data[: one.start()] + str(size).encode() + data[one.end() :]


_WAYS: Final = {
    "flipped": _flipped,
    "cut": _cut,
    "emptied": _emptied,
    "zeroed": _zeroed,
    "swapped": _swapped,
    "copied": _copied,
}
_WITHIN: Final = {"moved": _moved, "filled": _filled}
"""The ways that ask for the upload's length."""

"""What stands in a file, range by range: the search behind ``payload.identify``.

The file is compared window by window with what is most likely there: the same as just before, the
honest content, the content that the first byte names. Where that fails for a window its parts are
tried, and a part that still differs is taken to pieces (``_dissect``):

1. Every byte that is right for its place under some content is labelled so.
2. Every valid cell that stands at a wrong place, or is another upload's, claims its 32 bytes.
3. Such cells reach out to both sides over the torn cells at their edges, byte by byte. Where a byte
   would be right both as a continuation of theirs and in its place, and what follows is in its place
   or the file ends, it counts as in its place.
4. A few bytes that look right inside what is no payload at all are chance, and are taken as garbage.

So a byte is said to be in place only if its value is right, and a byte with a wrong value is never
said to be in place. A displaced piece too short to hold a whole cell reads as garbage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from patchstorm.scenario.cells import (
    CELL,
    CONTENTS,
    SIZE_MAX,
    Bytes,
    content_array,
    read_cells,
)

Key = tuple[int, int, int] | str  # (upload, content, source offset - offset), "zero" or "garbage"
KeyRun = tuple[int, int, Key]  # offset, length, key
Read = Callable[[int, int], bytes | memoryview]
Codes = npt.NDArray[np.int32]

WINDOW = 1 << 20
PART = 1 << 16
MARGIN = 2 * CELL  # a torn cell at a part's edge is seen whole from both sides
CHANCE = 8  # so many right bytes in a row are no chance

_GARBAGE, _ZERO = -1, -2  # codes; 0 to CONTENTS - 1: in place; from CONTENTS on: displaced


def key_runs(read: Read, size: int, upload: int, base: int = 0) -> list[KeyRun]:
    """The file from ``base`` to ``size`` as maximal runs, in order."""
    runs: list[KeyRun] = []
    for run in _pieces(read, size, upload, base):
        if runs and runs[-1][2] == run[2]:
            offset, length, key = runs[-1]
            runs[-1] = (offset, length + run[1], key)
        else:
            runs.append(run)
    return runs


def _pieces(read: Read, size: int, upload: int, base: int) -> Iterator[KeyRun]:
    key: Key = (upload, 0, 0)
    for start in range(base, size, WINDOW):
        data = _bytes(read(start, min(WINDOW, size - start)))
        whole = _guess(data, start, upload, key)
        if whole is not None:
            key = whole
            yield start, len(data), whole
            continue
        for at in range(start, start + len(data), PART):
            part = data[at - start : at - start + PART]
            guessed = _guess(part, at, upload, key)
            if guessed is not None:
                key = guessed
                yield at, len(part), guessed
                continue
            for run in _dissect(read, base, size, upload, at, at + len(part)):
                key = run[2]
                yield run


def _bytes(data: bytes | memoryview) -> Bytes:
    return np.frombuffer(data, dtype=np.uint8)


def _guess(data: Bytes, start: int, upload: int, last: Key) -> Key | None:
    """The one key that explains all of ``data``, if it is one of the likely ones."""
    first = int(data[0]) >> 4
    likely: list[Key] = [last, (upload, 0, 0)]
    likely.append("zero" if first == 0 else (upload, first - 1, 0))
    for key in dict.fromkeys(likely):
        if _explains(key, data, start):
            return key
    return None


def _explains(key: Key, data: Bytes, start: int) -> bool:
    if key == "zero":
        return not data.any()
    if isinstance(key, str):
        return False
    upload, content, shift = key
    source = start + shift
    if source < 0 or source + len(data) > SIZE_MAX or data[0] >> 4 != content + 1:
        return False
    return _same(data, content_array(upload, content, source, len(data)))


def _same(a: Bytes, b: Bytes) -> bool:
    """Equality, eight bytes at a time."""
    whole = len(a) & ~7
    if not bool((a[:whole].view(np.uint64) == b[:whole].view(np.uint64)).all()):
        return False
    return bool((a[whole:] == b[whole:]).all())


def _dissect(
    read: Read, base: int, size: int, upload: int, begin: int, end: int
) -> Iterator[KeyRun]:
    """The runs of ``begin`` to ``end``, seen together with a margin on both sides."""
    low, high = max(base, begin - MARGIN), min(size, end + MARGIN)
    data = _bytes(read(low, high - low))
    codes = _labels(data, low, upload)
    keys = _claim(data, low, upload, codes)
    _absorb_chance(codes)
    cut = codes[begin - low : end - low]
    for first, last in _stretches(cut):
        code = int(cut[first])
        yield begin + first, last - first, _key(code, upload, keys)


def _key(code: int, upload: int, keys: list[tuple[int, int, int]]) -> Key:
    if code == _GARBAGE:
        return "garbage"
    if code == _ZERO:
        return "zero"
    return (upload, code, 0) if code < CONTENTS else keys[code - CONTENTS]


def _labels(data: Bytes, low: int, upload: int) -> Codes:
    """Per byte: the content under which it is right in its place, or zero, or garbage."""
    codes = np.full(len(data), _GARBAGE, dtype=np.int32)
    codes[data == 0] = _ZERO
    for nibble in np.unique(data >> 4):
        if nibble:
            expected = content_array(upload, int(nibble) - 1, low, len(data))
            codes[data == expected] = int(nibble) - 1
    return codes


def _claim(data: Bytes, low: int, upload: int, codes: Codes) -> list[tuple[int, int, int]]:
    """Give displaced cells, and the torn ones at their edges, their codes; returns their keys."""
    starts, uploads, contents, cells = read_cells(data)
    shifts = cells * CELL - (starts + low)
    away = (shifts != 0) | (uploads != upload)
    if not away.any():
        return []
    found = np.stack([uploads[away], contents[away], shifts[away]], axis=1)
    kinds, which = np.unique(found, axis=0, return_inverse=True)
    keys = [(int(u), int(c), int(s)) for u, c, s in kinds]
    places = starts[away][:, None] + np.arange(CELL)
    codes[places] = (which.reshape(-1) + CONTENTS).astype(np.int32)[:, None]
    firm = np.zeros(len(data), dtype=bool)
    firm[starts[:, None] + np.arange(CELL)] = True
    for first, last in _stretches(firm):
        if not firm[first]:
            _reach_right(data, low, codes, keys, first, last)
            _reach_left(data, low, codes, keys, first, last)
    return keys


def _reach_right(
    data: Bytes, low: int, codes: Codes, keys: list[tuple[int, int, int]], first: int, last: int
) -> None:
    """The displaced cell that ends where the gap begins goes on into it as far as it agrees."""
    if first == 0 or codes[first - 1] < CONTENTS:
        return
    upload, content, shift = keys[codes[first - 1] - CONTENTS]
    length = min(CELL - 1, last - first)
    expected = content_array(upload, content, low + first + shift, length)
    reach = first + _agreeing(data[first : first + length] == expected)
    follows = codes[min(reach, len(codes) - 1)]
    if 0 <= follows < CONTENTS:
        while reach > first and codes[reach - 1] == follows:
            reach -= 1
    codes[first:reach] = codes[first - 1]


def _reach_left(
    data: Bytes, low: int, codes: Codes, keys: list[tuple[int, int, int]], first: int, last: int
) -> None:
    """The displaced cell that begins where the gap ends reaches back as far as it agrees."""
    if last == len(codes) or codes[last] < CONTENTS:
        return
    upload, content, shift = keys[codes[last] - CONTENTS]
    free = first
    while free < last and codes[free] >= CONTENTS:  # what the left neighbour took
        free += 1
    length = min(CELL - 1, last - free, low + last + shift)
    expected = content_array(upload, content, low + last + shift - length, length)
    reach = last - _agreeing((data[last - length : last] == expected)[::-1])
    before = codes[max(0, reach - 1)]
    if 0 <= before < CONTENTS:
        while reach < last and codes[reach] == before:
            reach += 1
    codes[reach:last] = codes[last]


def _agreeing(equal: npt.NDArray[np.bool_]) -> int:
    """How many are true before the first that is not."""
    wrong = np.flatnonzero(~equal)
    return int(wrong[0]) if len(wrong) else len(equal)


def _absorb_chance(codes: Codes) -> None:
    """Short right-looking stretches between garbage become garbage."""
    garbage_end: int | None = None
    for first, last in _stretches(codes):
        code = codes[first]
        if code == _GARBAGE:
            if garbage_end is not None:
                codes[garbage_end:first] = _GARBAGE
            garbage_end = last
        elif code >= CONTENTS or last - first >= CHANCE:
            garbage_end = None


def _stretches(values: npt.NDArray[np.int32] | npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Maximal stretches of equal values."""
    if not len(values):
        return []
    bounds = np.flatnonzero(values[1:] != values[:-1]) + 1
    edges = [0, *bounds.tolist(), len(values)]
    return list(pairwise(edges))

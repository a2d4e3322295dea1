"""Payloads that know where they came from: make them, and read back what became of them.

``generate`` and ``fill`` make any range of an upload's content. ``identify`` looks at a published file
and says, range by range, which content stands there and where it belonged: in place, displaced (by
whole cells or by any number of bytes), of another upload, zero, or of no payload at all. The encoding
is in ``patchstorm.scenario.cells``, the search in ``patchstorm.scenario.provenance``; both take numpy, and
so are imported when the first payload is made or read: many a process that knows of payloads does neither.

Uploads are given by number (``UploadPlan.number``), contents are 0 (the honest one) to 14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from patchstorm.dialect.operations import Request
from patchstorm.history.model import Run

if TYPE_CHECKING:
    from patchstorm.scenario.provenance import Key, Read

SMALL = 64 * 1024  # what is not longer is kept, since storms send the same chunks again and again
_KEPT = 512
Part = tuple[int, int]  # number and size of an upload that is joined with others


def prepare() -> None:
    """Import what payloads take, for who is about to seal an interpreter off in which they are made."""
    from patchstorm.scenario import provenance  # noqa: F401 - it brings numpy and the cells


def generate(upload: int, content: int, offset: int, length: int) -> bytes:
    """The bytes ``offset`` to ``offset + length`` of a content. Raises ValueError out of bounds."""
    if length <= SMALL:
        return _small(upload, content, offset, length)
    return _made(upload, content, offset, length)


def fill(buffer: bytearray | memoryview, upload: int, content: int, offset: int) -> None:
    """Write the content from ``offset`` on over the whole of a writable buffer, without a copy."""
    import numpy as np

    from patchstorm.scenario.cells import CELL, content_array, write_cells

    view = np.frombuffer(buffer, dtype=np.uint8)
    _check(upload, content, offset, len(view))
    first = -(-offset // CELL)
    lead = min(first * CELL - offset, len(view))
    whole = (len(view) - lead) // CELL * CELL
    body = view[lead : lead + whole]
    if body.ctypes.data % 8:
        view[:] = content_array(upload, content, offset, len(view))
        return
    write_cells(body.view(np.uint64), upload, content, first)
    if lead:
        view[:lead] = content_array(upload, content, offset, lead)
    tail = len(view) - lead - whole
    if tail:
        view[lead + whole :] = content_array(upload, content, offset + lead + whole, tail)


def body(upload: int, request: Request, length: int) -> bytes:
    """The first ``length`` bytes of the body that a request of this upload carries."""
    offset, at = request.offset, request.swapped_at
    if at is not None:
        true = generate(upload, 0, offset, request.length)
        return (true[at:] + true[:at])[:length]
    without, within = (request.content, 0) if not request.inverted else (0, request.content)
    whole = generate(upload, without, offset, length)
    if request.honest is None:
        return whole
    begin, end = (min(place, length) for place in request.honest)
    return whole[:begin] + generate(upload, within, offset + begin, end - begin) + whole[end:]


def identify(
    read: Read, size: int, upload: int, names: Mapping[int, str] | None = None
) -> tuple[Run, ...]:
    """What stands in a published file of ``size`` bytes that ``upload`` was meant to fill.

    ``read(offset, length)`` gives exactly that many bytes; ranges are read in order, those that are
    not in place a second time. ``names`` are the other uploads' names by number; one that is missing is
    called ``#number``. Runs are maximal, lie side by side and cover the file. Memory is bounded.
    """
    from patchstorm.scenario.provenance import key_runs

    return tuple(
        _run(offset, length, key, upload, names or {})
        for offset, length, key in key_runs(read, size, upload)
    )


def identify_joined(
    read: Read, size: int, upload: int, names: Mapping[int, str], parts: Sequence[Part]
) -> tuple[Run, ...]:
    """``identify`` for a file that was meant to be joined from ``parts``, (number, size) each, if from any.

    Each piece is looked at as its part's file, so that pieces shorter than a cell are known, too; offsets of
    the source are the part's own.
    """
    if not parts:
        return identify(read, size, upload, names)
    runs: list[Run] = []
    at = 0
    for number, length in (*parts, (upload, size)):
        here, base = min(length, size - at), at
        piece = identify(lambda offset, n, base=base: read(base + offset, n), here, number, names)  # type: ignore[misc]
        whose = None if number == upload else names.get(number, f"#{number}")
        for run in piece:
            mine = run.upload or (None if run.content is None else whose)
            runs.append(replace(run, offset=at + run.offset, upload=mine))
        at += here
    return tuple(runs)


def identify_bytes(
    data: bytes | memoryview,
    upload: int,
    names: Mapping[int, str] | None = None,
    base_offset: int = 0,
) -> tuple[Run, ...]:
    """``identify`` for bytes at hand, which stand at ``base_offset`` of the file."""
    from patchstorm.scenario.provenance import key_runs

    view = memoryview(data)

    def read(offset: int, length: int) -> bytes:
        return bytes(view[offset - base_offset : offset - base_offset + length])

    return tuple(
        _run(offset, length, key, upload, names or {})
        for offset, length, key in key_runs(read, base_offset + len(view), upload, base_offset)
    )


def _run(offset: int, length: int, key: Key, upload: int, names: Mapping[int, str]) -> Run:
    if isinstance(key, str):
        return Run(offset=offset, length=length, zero=key == "zero")
    source_upload, content, shift = key
    other = None if source_upload == upload else names.get(source_upload, f"#{source_upload}")
    return Run(
        offset=offset, length=length, content=content, source_offset=offset + shift, upload=other
    )


def _check(upload: int, content: int, offset: int, length: int) -> None:
    from patchstorm.scenario.cells import CONTENTS, SIZE_MAX, UPLOADS

    if not 0 <= upload < UPLOADS:
        raise ValueError(f"upload numbers are 0 to {UPLOADS - 1}, not {upload}")
    if not 0 <= content < CONTENTS:
        raise ValueError(f"contents are 0 to {CONTENTS - 1}, not {content}")
    if offset < 0 or length < 0 or offset + length > SIZE_MAX:
        raise ValueError(f"offset {offset} and length {length} do not lie within {SIZE_MAX} bytes")


@lru_cache(maxsize=_KEPT)
def _small(upload: int, content: int, offset: int, length: int) -> bytes:
    return _made(upload, content, offset, length)


def _made(upload: int, content: int, offset: int, length: int) -> bytes:
    from patchstorm.scenario.cells import content_array

    _check(upload, content, offset, length)
    return content_array(upload, content, offset, length).tobytes()

"""File contents as a dictionary of immutable pages.

A page is a ``bytes`` of at most 4096; a shorter page is followed by zeros, an absent page is a
hole. Because pages are immutable a cache, a snapshot and a crash image share them for nothing,
and a whole-page read copies no data. No page reaches past the file's size: ``cut`` keeps that true.

Large contents that are described and not held are :class:`~patchstorm.storage.extents.Extents` instead, which
each function hands on to.
"""

from typing import cast

from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.extents import LARGE_BYTES, Extents
from patchstorm.storage.rope import Rope

Pages = dict[int, bytes]

_ZERO_PAGE = bytes(PAGE_BYTES)


def read(pages: Pages, size: int, offset: int, count: int) -> bytes:
    """Bytes ``offset .. offset+count`` of a file of ``size`` bytes; short or empty at its end.

    What is long and described is a :class:`~patchstorm.storage.rope.Rope`, which stands where bytes do.
    """
    if type(pages) is Extents:
        return cast(bytes, pages.read(size, offset, count))
    end = offset + count
    end = min(end, size)
    count = end - offset
    if count <= 0:
        return b""
    index, start = divmod(offset, PAGE_BYTES)
    if start + count <= PAGE_BYTES:
        page = pages.get(index, b"")
        part = page[start : start + count]
        return part if len(part) == count else part + bytes(count - len(part))
    parts = []
    while count > 0:
        page = pages.get(index, _ZERO_PAGE)
        want = min(PAGE_BYTES - start, count)
        part = page[start : start + want]
        parts.append(part)
        if len(part) < want:
            parts.append(bytes(want - len(part)))
        count -= want
        index += 1
        start = 0
    return b"".join(parts)


def overlay(page: bytes, start: int, data: bytes) -> bytes:
    """``page`` with ``data`` written at ``start``; zeros fill a gap."""
    length = len(page)
    if start == length:
        return page + data
    if start < length:
        return page[:start] + data + page[start + len(data) :]
    return page + bytes(start - length) + data


def write(pages: Pages, offset: int, data: bytes) -> None:
    """Put ``data`` at ``offset``."""
    if type(pages) is Extents:
        pages.write(offset, data)
        return
    index, start = divmod(offset, PAGE_BYTES)
    count = len(data)
    if start + count <= PAGE_BYTES:
        pages[index] = overlay(pages.get(index, b""), start, data)
        return
    at = 0
    if start:
        at = PAGE_BYTES - start
        pages[index] = overlay(pages.get(index, b""), start, data[:at])
        index += 1
    while count - at >= PAGE_BYTES:
        pages[index] = data[at : at + PAGE_BYTES]
        at += PAGE_BYTES
        index += 1
    if at < count:
        pages[index] = overlay(pages.get(index, b""), 0, data[at:])


def cut(pages: Pages, size: int) -> None:
    """Forget everything at and beyond ``size``."""
    if type(pages) is Extents:
        pages.cut(size)
        return
    index, start = divmod(size, PAGE_BYTES)
    for later in [i for i in pages if i > index]:
        del pages[later]
    if index in pages:
        if start:
            pages[index] = pages[index][:start]
        else:
            del pages[index]


def punch(pages: Pages, offset: int, count: int) -> None:
    """Turn a range into zeros; whole pages in it become holes (fallocate(2) PUNCH_HOLE)."""
    if type(pages) is Extents:
        pages.punch(offset, count)
        return
    end = offset + count
    for index in [i for i in pages if i * PAGE_BYTES < end and (i + 1) * PAGE_BYTES > offset]:
        low = max(offset - index * PAGE_BYTES, 0)
        high = min(end - index * PAGE_BYTES, PAGE_BYTES)
        if low == 0 and high == PAGE_BYTES:
            del pages[index]
        else:
            page = pages[index]
            keep = page[high:]
            zeros = min(high, len(page)) - low
            if zeros > 0:
                pages[index] = page[:low] + bytes(zeros) + keep


def new_pages(pages: Pages, offset: int, count: int) -> int:
    """How many pages a write of ``count`` bytes at ``offset`` would have to allocate."""
    if type(pages) is Extents:
        return pages.new_pages(offset, count)
    first, last = offset // PAGE_BYTES, (offset + count - 1) // PAGE_BYTES
    if first == last:
        return 0 if first in pages else 1
    return sum(1 for index in range(first, last + 1) if index not in pages)


def allocate(pages: Pages, offset: int, count: int) -> None:
    """Space for a range, zeros where there was nothing."""
    if type(pages) is Extents:
        pages.allocate(offset, count)
        return
    for index in range(offset // PAGE_BYTES, (offset + count - 1) // PAGE_BYTES + 1):
        pages.setdefault(index, b"")


def roomy(pages: Pages, data: object, count: int) -> Pages:
    """``pages``, or extents with the same contents if ``count`` bytes of ``data`` are too many for pages."""
    if type(data) is not Rope and (data is not None or count <= LARGE_BYTES):
        return pages
    return pages if type(pages) is Extents else Extents(pages)


def next_data(pages: Pages, size: int, offset: int) -> int | None:
    """lseek(2) SEEK_DATA: where data starts at or after ``offset``; None if there is none."""
    if offset >= size:
        return None
    if type(pages) is Extents:
        return pages.next_data(offset)
    index = offset // PAGE_BYTES
    if index in pages:
        return offset
    later = [i for i in pages if i > index]
    return min(later) * PAGE_BYTES if later else None


def next_hole(pages: Pages, size: int, offset: int) -> int | None:
    """lseek(2) SEEK_HOLE: where a hole starts at or after ``offset``; the end counts as one."""
    if offset >= size:
        return None
    if type(pages) is Extents:
        return min(pages.next_hole(offset), size)
    index = offset // PAGE_BYTES
    if index not in pages:
        return offset
    while index in pages:
        index += 1
    return min(index * PAGE_BYTES, size)

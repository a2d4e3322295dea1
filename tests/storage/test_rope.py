"""Ropes and extents are what bytes and pages are, only not held: each is tried against plain bytes."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from patchstorm.storage import pages
from patchstorm.storage.constants import O_CREAT, O_RDWR, PAGE_BYTES
from patchstorm.storage.extents import Extents
from patchstorm.storage.rope import BLOCK_BYTES, HELD_BYTES_MAX, SMALL_BYTES, Rope
from patchstorm.storage.server import Server

GIB = 1 << 30


@dataclass(frozen=True)
class Counting:
    """A source whose bytes tell their place, differently for each ``start``."""

    start: int

    def read(self, offset: int, length: int) -> bytes:
        begin = (self.start * 83 + offset) % 251
        return (bytes(range(251)) * (length // 251 + 2))[begin : begin + length]


def drawn(draw: random.Random, length: int) -> tuple[bytes | Rope, bytes]:
    """The same bytes described and plain."""
    source, at = Counting(draw.randrange(3)), draw.randrange(40)
    plain = source.read(at, length)
    kind = draw.randrange(3)
    if kind == 0:
        return plain, plain
    rope = Rope([(source, at, length)])
    return (rope, plain) if kind == 1 else (Rope([(None, 0, length)]), bytes(length))


def test_ropes_are_cut_joined_and_compared_as_bytes_are() -> None:
    draw = random.Random(1)
    for _ in range(120):
        parts = [drawn(draw, draw.randrange(9_000)) for _ in range(1 + draw.randrange(4))]
        plain = b"".join(part for _, part in parts)
        rope = Rope([])
        for part, _ in parts:
            rope = rope + part
        low, high = sorted(draw.randrange(len(plain) + 2) for _ in range(2))
        assert len(rope) == len(plain)
        assert bytes(rope) == plain and list(rope) == list(plain)
        assert rope[low:high] == plain[low:high]
        assert isinstance(rope[low:high], bytes) == (len(plain[low:high]) <= SMALL_BYTES)
        assert plain == rope and memoryview(plain) == rope
        if plain:
            at = draw.randrange(len(plain))
            other = plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :]
            assert rope[at] == plain[at]
            assert rope != other and rope != Rope([(other, 0, len(other))])
            assert rope != plain[:-1]


def test_what_goes_on_with_a_run_is_one_with_it_however_it_came() -> None:
    run = Counting(0)
    whole = Rope([(run, 0, GIB)]) + run.read(GIB, 10) + Rope([(run, GIB + 10, GIB)])
    assert whole.pieces == ((run, 0, 2 * GIB + 10),)
    assert len((whole + b"other").pieces) == 2
    assert (run.read(5, 3) + Rope([(run, 8, GIB)])).pieces == ((run, 5, GIB + 3),)
    assert (bytearray(run.read(5, 3)) + Rope([(run, 8, GIB)])).pieces == ((run, 5, GIB + 3),)


def test_c_code_and_who_wants_all_of_it_are_refused() -> None:
    rope = Rope([(Counting(0), 0, HELD_BYTES_MAX + 1)])
    with pytest.raises(TypeError):
        memoryview(rope)  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        bytes(rope)
    with pytest.raises(MemoryError):
        sum(rope)


class Asked:
    """How many bytes were made of it."""

    made = 0

    def read(self, offset: int, length: int) -> bytes:
        self.made += length
        return Counting(0).read(offset, length)


def test_who_looks_at_one_byte_after_the_other_has_each_made_once() -> None:
    asked = Asked()
    length = 3 * BLOCK_BYTES + 5
    assert sum(Rope([(asked, 0, length)])) == sum(Counting(0).read(0, length))
    assert asked.made == length


def test_extents_are_what_pages_are() -> None:
    """Every function of ``pages`` does to extents what it does to pages, and counts the same space."""
    for seed in range(20):
        draw = random.Random(seed)
        plain: dict[int, bytes] = {}
        pages.write(plain, draw.randrange(9_000), b"first" * draw.randrange(1, 900))
        large: dict[int, bytes] = Extents(dict(plain))
        size = max(index * PAGE_BYTES + len(page) for index, page in plain.items())
        for _ in range(40):
            offset, count = draw.randrange(40_000), 1 + draw.randrange(14_000)
            kind = draw.randrange(6)
            assert pages.new_pages(large, offset, count) == pages.new_pages(plain, offset, count)
            if kind < 3:
                described, data = drawn(draw, count)
                pages.write(plain, offset, data)
                pages.write(large, offset, described)  # type: ignore[arg-type]
                size = max(size, offset + count)
            elif kind == 3:
                size = min(size, offset)
                pages.cut(plain, size)
                pages.cut(large, size)
            elif kind == 4:
                pages.allocate(plain, offset, count)
                pages.allocate(large, offset, count)
                size = max(size, offset + count)
            low, wanted = draw.randrange(50_000), draw.randrange(30_000)
            assert pages.read(large, size, low, wanted) == pages.read(plain, size, low, wanted)
            assert len(large) == len(plain)
            assert [index for index in range(16) if index in large] == sorted(plain)[:16]
            for search in (pages.next_data, pages.next_hole):
                assert search(large, size, low) == search(plain, size, low)
            for index, page in plain.items():
                assert large[index].rstrip(b"\0") == page.rstrip(b"\0")


def test_punched_bytes_are_zeros() -> None:
    large = Extents({})
    large.write(0, Rope([(Counting(1), 0, 3 * PAGE_BYTES)]))
    pages.punch(large, 100, PAGE_BYTES)
    want = bytearray(Counting(1).read(0, 3 * PAGE_BYTES))
    want[100 : 100 + PAGE_BYTES] = bytes(PAGE_BYTES)
    assert pages.read(large, 3 * PAGE_BYTES, 0, 3 * PAGE_BYTES) == bytes(want)


@pytest.mark.parametrize("flavour", ["tmpfs", "nfs4", "nfs3"])
def test_a_file_of_five_gibibytes_is_written_cut_and_read_by_two_hosts(flavour: str) -> None:
    server = Server(flavour)
    server.settings.described = lambda data: data
    one, two = server.mount("a"), server.mount("b")
    fd = one.open("/large", O_CREAT | O_RDWR)
    run = Counting(0)
    assert one.pwrite(fd, b"head", 0) == 4
    assert one.pwrite(fd, Rope([(run, 4, 5 * GIB)]), 4) == 5 * GIB  # type: ignore[arg-type]
    one.fsync(fd)
    other = two.open("/large", O_RDWR)
    assert two.fstat(other).st_size == 5 * GIB + 4
    assert two.fstat(other).st_blocks == (5 * GIB // PAGE_BYTES + 1) * 8
    assert two.pread(other, 5 * GIB, 4) == Rope([(run, 4, 5 * GIB)])
    assert two.pread(other, 9, (1 << 32) - 4) == run.read((1 << 32) - 4, 9)
    two.ftruncate(other, (1 << 32) + 1)
    two.pwrite(other, b"tail", 1 << 32)
    two.fsync(other)
    assert one.pread(fd, 99, (1 << 32) - 2) == run.read((1 << 32) - 2, 2) + b"tail"

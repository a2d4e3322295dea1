"""Hashing beside the work gives the digest that hashing in line gives."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunkstore.hashing import INLINE_BYTES_MAX, QUEUED_BYTES_MAX, HashedBeside

LENGTHS = st.sampled_from([0, 1, 1000, INLINE_BYTES_MAX, INLINE_BYTES_MAX + 1, 300_000])


@pytest.fixture(scope="module")
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@settings(deadline=None)
@given(lengths=st.lists(LENGTHS, max_size=12))
def test_blocks_are_hashed_in_their_order(threads: ThreadPoolExecutor, lengths: list[int]) -> None:
    blocks = [bytes([index + 1]) * length for index, length in enumerate(lengths)]
    beside = HashedBeside(threads)
    for block in blocks:
        beside.update(block)
    assert beside.digest() == hashlib.sha256(b"".join(blocks)).digest()
    assert beside.hexdigest() == hashlib.sha256(b"".join(blocks)).hexdigest()


def test_a_buffer_may_be_used_again_after_the_next_block(threads: ThreadPoolExecutor) -> None:
    """Two buffers in turn, as assembly uses them."""
    beside, inline = HashedBeside(threads), hashlib.sha256()
    buffers = [bytearray(256 << 10), bytearray(256 << 10)]
    for index in range(40):
        buffer = buffers[index % 2]
        buffer[:] = bytes([index]) * len(buffer)
        inline.update(buffer)
        beside.update(memoryview(buffer))
    assert beside.digest() == inline.digest()


def test_the_digest_can_be_asked_for_in_between(threads: ThreadPoolExecutor) -> None:
    beside = HashedBeside(threads)
    beside.update(b"x" * 200_000)
    assert beside.hexdigest() == hashlib.sha256(b"x" * 200_000).hexdigest()
    beside.update(b"y" * 200_000)
    assert beside.digest() == hashlib.sha256(b"x" * 200_000 + b"y" * 200_000).digest()


def test_what_is_queued_is_bounded(threads: ThreadPoolExecutor) -> None:
    """A writer that is faster than the hash has to wait for it."""
    held = threading.Event()
    threads.submit(held.wait)
    beside = HashedBeside(threads)
    block = bytes(256 << 10)
    given_bytes = 0

    def write() -> None:
        nonlocal given_bytes
        for _ in range(100):
            beside.update(block)
            given_bytes += len(block)

    writer = threading.Thread(target=write)
    writer.start()
    writer.join(0.3)
    assert writer.is_alive()
    assert given_bytes <= QUEUED_BYTES_MAX + len(block)
    held.set()
    writer.join()
    assert beside.digest() == hashlib.sha256(block * 100).digest()

"""Rule 12: committing chunk 10,000 costs at most twice what chunk 100 cost.

Cost is counted, not timed: calls to the file system, and bytes read and written.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from storescene import World, claims_for, scratch

from chunkstore.port import Data, OsPort
from chunkstore.store import Store

CHUNKS = 10_050
AVERAGED = 40  # commits around the one in question: a spilled segment counts where it falls


@dataclass
class Meter(OsPort):
    """Counts calls and bytes. fsync costs nothing here: that it is called counts."""

    calls: int = 0
    moved: int = 0

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:  # type: ignore[override]
        self.calls += 1
        return os.open(path, flags, mode)

    def fsync(self, fd: int) -> None:  # type: ignore[override]
        self.calls += 1

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        self.calls += 1
        data = os.pread(fd, length, offset)
        self.moved += len(data)
        return data

    def pwrite(self, fd: int, data: Data, offset: int) -> int:  # type: ignore[override]
        self.calls += 1
        self.moved += len(data)
        return os.pwrite(fd, data, offset)

    def preadv(self, fd: int, buffers: Sequence[bytearray | memoryview], offset: int) -> int:  # type: ignore[override]
        self.calls += 1
        count = os.preadv(fd, buffers, offset)
        self.moved += count
        return count

    def listdir(self, path: str) -> list[str]:  # type: ignore[override]
        names = os.listdir(path)
        self.calls += 1
        self.moved += sum(map(len, names))
        return names


def orders() -> dict[str, list[int]]:
    """In order; and eight writers, each on a stretch of its own, taking turns."""
    stretch = CHUNKS // 8
    turns = [lane * stretch + at for at in range(stretch) for lane in range(8)]
    return {"in order": list(range(CHUNKS)), "eight writers": turns}


@pytest.mark.parametrize(
    "order", ["in order", pytest.param("eight writers", marks=pytest.mark.slow)]
)
@pytest.mark.slow
def test_commit_10000_costs_at_most_twice_commit_100(order: str) -> None:
    with scratch() as root:
        meter = Meter()
        claims = claims_for(size=CHUNKS + 1, expires_s=1 << 40)
        store = Store(meter, str(root))
        costs: list[tuple[int, int]] = []
        for at in orders()[order]:
            calls, moved = meter.calls, meter.moved
            incoming = store.begin(claims, at, 1)
            incoming.write(b"x")
            incoming.commit()
            costs.append((meter.calls - calls, meter.moved - moved))
        for kind in (0, 1):
            early = sum(cost[kind] for cost in costs[100 - AVERAGED : 100 + AVERAGED])
            late = sum(cost[kind] for cost in costs[10_000 - AVERAGED : 10_000 + AVERAGED])
            assert late <= 2 * early, f"{'calls' if kind == 0 else 'bytes'}: {early} -> {late}"
            assert costs[9_999][kind] <= 2 * costs[99][kind]
        assert len(store.status(claims).chunks_received) == len(costs)


def test_a_commit_makes_few_calls(world: World) -> None:
    """A bound that a reader can check: four names synced, two looks under the lock."""
    meter = Meter()
    claims = claims_for(size=100, expires_s=1 << 40)
    store = Store(meter, str(world.root))
    store.create(claims)
    before = meter.calls
    incoming = store.begin(claims, 0, 10)
    incoming.write(b"x" * 10)
    incoming.commit()
    assert meter.calls - before <= 20


def test_the_books_hold_what_was_sent(world: World) -> None:
    """Digests are those of the bytes, so that cost was not saved by not looking."""
    claims = claims_for(size=100, expires_s=1 << 40)
    store = Store(OsPort(), str(world.root))
    incoming = store.begin(claims, 5, 10)
    incoming.write(b"0123456789")
    incoming.commit()
    digest = hashlib.sha256(b"0123456789").hexdigest()
    assert digest.encode() in (world.session(claims) / "info.json").read_bytes()

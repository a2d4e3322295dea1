"""One upload on a stage: replicas over a directory, the client's requests, and what must hold after."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from faultport import Clock, FaultPort

from chunkstore.errors import Busy, Locked, StoreError
from chunkstore.model import Claims, Options, StatusDocument, View
from chunkstore.store import Store

T = TypeVar("T")

DATA = b"the quick brown fox"
TARGET = "sub/deep/fox.txt"
PATCHES = ((0, 7), (12, 19), (4, 19))
"""The second leaves a gap, the third overlaps both and closes the upload."""

TOMBSTONE = {"info.json", ".lock"}
TRIES_MAX = 60


def memory_directory() -> str | None:
    """Where scratch directories go: memory where there is some, else wherever the system likes."""
    shared = "/dev/shm"
    return shared if os.access(shared, os.W_OK) else None


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chunkstore-", dir=memory_directory()) as name:
        yield Path(name)


def claims_for(session: str = "s", **changes: object) -> Claims:
    fields: dict[str, object] = {
        "session": session,
        "size": len(DATA),
        "target": TARGET,
        "expires_s": 1_003_600,
    } | changes
    return Claims(**fields)  # type: ignore[arg-type]


@dataclass
class World:
    """A directory, a clock, and as many replicas as one likes."""

    root: Path
    clock: Clock = field(default_factory=Clock)
    options: Options = field(default_factory=Options)
    replicas: list[Store] = field(default_factory=list)

    def replica(self) -> Store:
        port = FaultPort(self.clock, name=f"r{len(self.replicas)}n")
        store = Store(port, str(self.root), self.options)
        self.replicas.append(store)
        return store

    def session(self, claims: Claims) -> Path:
        return self.root / ".upload" / claims.session

    def published(self, claims: Claims) -> bytes | None:
        path = self.root / claims.target
        return path.read_bytes() if path.exists() else None

    def left_over(self) -> set[str]:
        """Everything in the uploads' directory that is no tombstone."""
        base = self.root / ".upload"
        return {
            str(path.relative_to(base))
            for session in (base.iterdir() if base.exists() else ())
            for path in session.rglob("*")
            if path.name not in TOMBSTONE
        }

    def patiently(self, call: Callable[[], T]) -> T:
        """Repeat what is ``Busy``, as an adapter does, and let time pass meanwhile."""
        for _ in range(TRIES_MAX):
            try:
                return call()
            except Busy:
                self.clock.advance(0.2)
        raise AssertionError("busy for good")

    def insist(self, call: Callable[[], T]) -> T:
        """As a client that comes back after a 423."""
        for _ in range(10):
            try:
                return self.patiently(call)
            except Locked:
                self.clock.advance(1)
        raise AssertionError("locked for good")

    def patch(self, store: Store, claims: Claims, offset: int, body: bytes) -> View:
        """A whole PATCH, with the adapter's patience."""
        incoming = self.patiently(lambda: store.begin(claims, offset, len(body)))
        try:
            if body:
                self.patiently(lambda: incoming.write(body))
            return self.patiently(incoming.commit)
        finally:
            incoming.abort()

    def status(self, store: Store, claims: Claims) -> StatusDocument:
        return self.insist(lambda: store.status(claims))

    def require_agreeing(self, status: StatusDocument, acknowledged: set[int]) -> None:
        """Rules 1 and 8: what was acknowledged is there, and the fields tell one story."""
        missing = {
            at for gap in status.missing_ranges for at in range(gap.offset, gap.offset + gap.length)
        }
        assert not missing & acknowledged, "acknowledged bytes are missing"
        assert status.committed_offset == min(missing, default=status.total_size)
        assert all(offset not in missing for offset in status.chunks_received)

    def finish(self, claims: Claims, data: bytes, *, rounds: int = 1) -> None:
        """A client on a fresh replica sends exactly what is missing; once, unless damage hides."""
        store = self.replica()
        for _ in range(rounds):
            for gap in self.status(store, claims).missing_ranges:
                self._fill(store, claims, gap.offset, data[gap.offset : gap.offset + gap.length])
        view = self.insist(lambda: store.view(claims))
        assert (view.offset, view.state) == (claims.size, "published")
        assert self.published(claims) == data

    def _fill(self, store: Store, claims: Claims, offset: int, body: bytes) -> None:
        self.insist(lambda: self.patch(store, claims, offset, body))

    def sweep_clean(self) -> None:
        """Rule 10: one sweep leaves tombstones only."""
        assert self.replica().sweep() == []
        assert self.left_over() == set()

    def require_no_leak(self) -> None:
        for store in self.replicas:
            port = store.files.port
            assert isinstance(port, FaultPort)
            assert port.paths == {}, "a replica left files open"


@dataclass
class Client:
    """Sends the storm's requests in order, and remembers what was acknowledged."""

    world: World
    claims: Claims
    acknowledged: set[int] = field(default_factory=set)
    offset: int = 0

    def requests(self, store: Store) -> list[Callable[[], None]]:
        def create() -> None:
            self.world.patiently(lambda: store.create(self.claims, "filename Zm94"))

        def send(start: int, end: int) -> None:
            view = self.world.patch(store, self.claims, start, DATA[start:end])
            self.acknowledged |= set(range(start, end))
            self.offset = max(self.offset, view.offset)

        return [create, *(lambda s=s, e=e: send(s, e) for s, e in PATCHES)]

    def run(self, store: Store) -> None:
        for request in self.requests(store):
            request()

    def require_kept(self, store: Store) -> None:
        """Seen from another replica: nothing acknowledged is lost, the offset has not gone back."""
        status = self.world.status(store, self.claims)
        self.world.require_agreeing(status, self.acknowledged)
        assert status.committed_offset >= self.offset
        self.offset = status.committed_offset


def port_of(store: Store) -> FaultPort:
    port = store.files.port
    assert isinstance(port, FaultPort)
    return port


def count_calls(claims: Claims) -> int:
    """How many calls the undisturbed upload makes."""
    with scratch() as root:
        world = World(root)
        store = world.replica()
        Client(world, claims).run(store)
        return len(port_of(store).calls)


__all__ = [
    "DATA",
    "PATCHES",
    "TARGET",
    "TOMBSTONE",
    "TRIES_MAX",
    "Client",
    "Clock",
    "StoreError",
    "World",
    "claims_for",
    "count_calls",
    "memory_directory",
    "port_of",
    "scratch",
]

"""The store against a plain model: a dictionary from position to byte, over any sequence of requests.

Replicas take turns, bodies overlap, contradict and are cut off, chunks are damaged, sweepers pass,
records spill into segments, and now and then everybody restarts.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from storescene import World, claims_for, memory_directory

from chunkstore.errors import Conflict, Gone
from chunkstore.model import Options

REPLICAS = st.integers(0, 2)


def body_of(content: int, start: int, end: int) -> bytes:
    """Content 0 is the honest one; any two differ at every position."""
    return bytes((at * 7 + content * 31) % 251 + 1 for at in range(start, end))


class StoreAgainstADictionary(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="chunkstore-", dir=memory_directory())
        self.world = World(Path(self.directory.name), options=Options(segment_records=1))
        self.stores = [self.world.replica() for _ in range(3)]
        self.model: dict[int, int] = {}
        self.damaged = False
        self.terminated = False

    @initialize(size=st.integers(0, 60), overwrite=st.booleans())
    def begin(self, size: int, overwrite: bool) -> None:
        self.size = size
        self.claims = claims_for(size=size, target="t", overwrite=overwrite)
        self.stores[0].create(self.claims)

    @property
    def complete(self) -> bool:
        return len(self.model) == self.size

    @property
    def file(self) -> Path:
        return self.world.root / "t"

    def teardown(self) -> None:
        try:
            if hasattr(self, "claims") and not self.terminated:
                final = bytes(
                    self.model.get(at, body_of(0, at, at + 1)[0]) for at in range(self.size)
                )
                self.world.finish(self.claims, final, rounds=self.size + 1)
            self.world.sweep_clean()
            self.world.require_no_leak()
        finally:
            self.directory.cleanup()

    @precondition(lambda self: not self.terminated)
    @rule(replica=REPLICAS, data=st.data(), content=st.sampled_from([0, 0, 0, 1]))
    def patch(self, replica: int, data: st.DataObject, content: int) -> None:
        start = data.draw(st.integers(0, self.size))
        end = data.draw(st.integers(start, self.size))
        body = body_of(content, start, end)
        agrees = all(self.model.get(at, byte) == byte for at, byte in enumerate(body, start))
        try:
            view = self.world.patch(self.stores[replica], self.claims, start, body)
        except Conflict:
            assert not agrees, "a body that agrees was refused"
            return
        if not self.damaged:
            assert agrees, "a body that contradicts was accepted"
        self.model |= dict(enumerate(body, start))
        if view.state == "published":
            assert self.complete
        self._resynchronise(replica)

    @precondition(lambda self: not self.terminated)
    @rule(replica=REPLICAS)
    def byte_by_byte(self, replica: int) -> None:
        """Enough chunks that records spill into segments; the last byte is left to others."""
        for at in range(self.size - 1):
            if at not in self.model:
                byte = body_of(0, at, at + 1)
                self.world.patch(self.stores[replica], self.claims, at, byte)
                self.model[at] = byte[0]
        self._resynchronise(replica)

    @precondition(lambda self: not self.terminated)
    @rule(replica=REPLICAS, data=st.data())
    def cut_off(self, replica: int, data: st.DataObject) -> None:
        start = data.draw(st.integers(0, self.size))
        end = data.draw(st.integers(start, self.size))
        incoming = self.stores[replica].begin(self.claims, start, None)
        incoming.write(body_of(1, start, end))
        incoming.abort()

    @precondition(lambda self: not self.terminated)
    @rule(replica=REPLICAS, data=st.data(), content=st.sampled_from([0, 0, 0, 1]))
    def broke_off(self, replica: int, data: st.DataObject, content: int) -> None:
        start = data.draw(st.integers(0, self.size))
        end = data.draw(st.integers(start, self.size))
        body = body_of(content, start, end)
        agrees = all(self.model.get(at, byte) == byte for at, byte in enumerate(body, start))
        incoming = self.world.patiently(
            lambda: self.stores[replica].begin(self.claims, start, None)
        )
        try:
            incoming.write(body)
            self.world.patiently(incoming.keep)
        except Conflict:
            assert not agrees, "a prefix that agrees was dropped"
            return
        finally:
            incoming.abort()
        if not self.complete:
            assert agrees or self.damaged, "a prefix that contradicts was kept"
            self.model |= dict(enumerate(body, start))
            self._resynchronise(replica)

    @precondition(lambda self: not self.terminated and not self.complete and self.model)
    @rule(data=st.data(), how=st.sampled_from(["alter", "cut", "unlink"]))
    def damage(self, data: st.DataObject, how: str) -> None:
        chunks = sorted((self.world.session(self.claims) / "chunks").iterdir())
        if not chunks:
            return
        chunk = data.draw(st.sampled_from(chunks))
        content = chunk.read_bytes()
        if how == "alter":
            chunk.write_bytes(bytes([content[0] ^ 255]) + content[1:] if content else b"x")
        elif how == "cut":
            chunk.write_bytes(content[:-1])
        else:
            chunk.unlink()
        self.damaged = True

    @rule(replica=REPLICAS)
    def sweep(self, replica: int) -> None:
        assert self.stores[replica].sweep() == []

    @rule(replica=REPLICAS)
    def restart(self, replica: int) -> None:
        self.stores[replica] = self.world.replica()

    @precondition(lambda self: not self.terminated)
    @rule(replica=REPLICAS)
    def head(self, replica: int) -> None:
        view = self.world.patiently(lambda: self.stores[replica].view(self.claims))
        if not self.damaged:
            prefix = next((at for at in range(self.size) if at not in self.model), self.size)
            assert view.offset == prefix
        assert (view.offset == self.size) == (view.state == "published")

    @precondition(lambda self: not self.terminated and len(self.model) > 20)
    @rule(replica=REPLICAS)
    def terminate(self, replica: int) -> None:
        self.stores[replica].terminate(self.claims)
        self.terminated = True

    @invariant()
    def the_file_is_whole_or_absent(self) -> None:
        if self.file.exists():
            content = self.file.read_bytes()
            assert dict(enumerate(content)) == self.model
            assert len(content) == self.size

    @invariant()
    def nothing_but_the_file_is_visible(self) -> None:
        assert {path.name for path in self.world.root.iterdir()} <= {".upload", "t"}

    @invariant()
    def after_the_end_it_stays_ended(self) -> None:
        if self.terminated:
            try:
                self.stores[0].view(self.claims)
            except Gone:
                return
            raise AssertionError("a terminated upload answers")

    def _resynchronise(self, replica: int) -> None:
        """Damage returns ranges to missing; the model learns which, and nothing else may be."""
        status = self.world.status(self.stores[replica], self.claims)
        missing = {
            at for gap in status.missing_ranges for at in range(gap.offset, gap.offset + gap.length)
        }
        held = set(range(self.size)) - missing
        assert held <= set(self.model)
        if not self.damaged:
            assert held == set(self.model)
        self.model = {at: self.model[at] for at in sorted(held)}


def test_the_store_against_a_dictionary() -> None:
    run_state_machine_as_test(
        StoreAgainstADictionary,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

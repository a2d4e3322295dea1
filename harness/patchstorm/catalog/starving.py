"""Stores in which somebody waits for ever while others are served."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import msgspec

from chunkstore.errors import Locked
from chunkstore.files import GONE
from chunkstore.model import Claims, View
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore

LEASE_S = 1.0


class _Lease(msgspec.Struct, kw_only=True):
    owner: str
    until_s: float


class _Marking(SequentialStore):
    """The sequential store with small files beside its own, replaced in place and not synced."""

    @cached_property
    def me(self) -> str:
        return self.port.urandom(8).hex()

    def mark(self, path: str, data: bytes) -> None:
        with self.files.opened(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            self.files.write_all(fd, data, 0)

    def marked(self, path: str) -> bytes:
        try:
            return self.read(path)
        except OSError as error:
            if error.errno not in GONE:
                raise
            return b""


class LeaseKept(_Marking):
    """An upload belongs to the replica that was at work on it, for a second from its last request on."""

    @contextmanager
    def existing(self, claims: Claims) -> Iterator[tuple[Paths, Record]]:
        with super().existing(claims) as (paths, record):
            self.renew(paths)
            yield paths, record

    def renew(self, paths: Paths) -> None:
        data = self.marked(paths.of("lease"))
        now_s = self.now_s()
        with_owner = _decoded(data)
        if with_owner is not None and with_owner.owner != self.me and with_owner.until_s > now_s:
            raise Locked("Another replica is at work on this upload.")
        fresh = _Lease(owner=self.me, until_s=now_s + LEASE_S)
        self.mark(paths.of("lease"), msgspec.json.encode(fresh))


def _decoded(data: bytes) -> _Lease | None:
    try:
        return msgspec.json.decode(data, type=_Lease)
    except msgspec.DecodeError:
        return None


class _NewestBody(SequentialBody):
    """Takes the turn from whoever has it, and has lost it where somebody else came since."""

    def __init__(self, store: NewestFirst, claims: Claims, offset: int) -> None:
        super().__init__(store, claims, offset)
        self.turn = store.port.urandom(8).hex().encode()
        store.mark(store.turn, self.turn)


class NewestFirst(_Marking):
    """The newest request goes first, and tells those before it to come again."""

    @property
    def turn(self) -> str:
        return f"{self.uploads}/all.turn"

    body_type = _NewestBody

    def append(self, body: SequentialBody) -> View:
        assert isinstance(body, _NewestBody)
        if self.marked(self.turn) not in (b"", body.turn):
            raise Locked("A newer request has taken over.")
        return super().append(body)


class OneAfterTheOther(SequentialStore):
    """Serves the uploads in the order of their names: the next one once all before it are finished."""

    def append(self, body: SequentialBody) -> View:
        mine = self.paths(body.claims.session).name
        for name in self.names():
            stem, _, kind = name.partition(".")
            if kind == "info" and stem < mine and self.unfinished(self.paths(stem)):
                raise Locked("Other uploads come first.")
        return super().append(body)

    def unfinished(self, paths: Paths) -> bool:
        record = self.load(paths)
        return record is not None and record.state == "uploading" and record.offset > 0


def _bug(name: str, says: str, stands_for: str, deed: str, store: type) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for=stands_for,
        storms=("crowding",),
        caught_by=("starvation",),
        deed=deed,
        also=("completion", "availability", "waiting"),
        base="sequential",
        store=store,
        sim_only="real clients seldom come in so close a race",
    )


BUGS = (
    _bug(
        "lease-kept",
        "a replica keeps an upload for as long as somebody asks it for it, and the others refuse it",
        "a lease that every request renews: clients behind another replica never get their turn",
        "answer 423",
        LeaseKept,
    ),
    _bug(
        "newest-first",
        "a newer request takes the turn from the one that has it, so a slow body never ends",
        "locks that a newcomer asks their holder to give up: who is slow is sent away each time",
        "answer 423",
        NewestFirst,
    ),
    _bug(
        "one-after-the-other",
        "an upload waits until those before it are finished, however long their clients take",
        "a single slot that is given back with the last byte",
        "answer 423",
        OneAfterTheOther,
    ),
)

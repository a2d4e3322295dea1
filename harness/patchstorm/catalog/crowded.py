"""Stores that go wrong where the storage is full: no upload can be ended, or others' bytes make room."""

from __future__ import annotations

import os
from contextlib import suppress

import msgspec

from chunkstore.body import Body
from chunkstore.cleanup import Cleaner
from chunkstore.errors import OutOfSpace
from chunkstore.files import FULL
from chunkstore.layout import Paths as SessionPaths
from chunkstore.model import Info
from chunkstore.port import Data
from chunkstore.publish import Publisher
from chunkstore.session import Session
from chunkstore.store import Store
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential import Paths, Record, SequentialStore


class _SavingCleaner(Cleaner):
    """Saves that a session is over, and needs room for it."""

    def end(self, session: Session) -> None:
        session.save(session.info)


class _Publisher(Publisher):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.cleaner = _SavingCleaner(store.files)


class DeleteNeedsRoom(Store):
    publisher_type = _Publisher


class EndNeedsRoom(SequentialStore):
    """Writes down that an upload is over before it gives anything back."""

    def end(self, paths: Paths, record: Record) -> None:
        self.save(paths, record)


class ToTheBin(SequentialStore):
    """Copies what is deleted, so that it can be brought back."""

    def end(self, paths: Paths, record: Record) -> None:
        data = self.read(paths.of("bin"))
        if data:
            self.files.create(paths.of(self.files.unique("trash")), data)
        super().end(paths, record)


class _Evicting(SequentialStore):
    """Where there is no room for a record, files of other uploads have to go."""

    kind = "bin"

    def save(self, paths: Paths, record: Record) -> None:
        try:
            super().save(paths, record)
        except OSError as error:
            if error.errno not in FULL:
                raise
            for name in self.names():
                if name.endswith(f".{self.kind}") and not name.startswith(f"{paths.name}."):
                    self.evict(f"{self.uploads}/{name}")
            super().save(paths, record)

    def evict(self, path: str) -> None:
        self.files.discard(path)


class EvictsRecords(_Evicting):
    kind = "info"


class EmptiesFiles(_Evicting):
    """Cuts them to nothing, as a cache would."""

    def evict(self, path: str) -> None:
        with suppress(OSError), self.files.opened(path, os.O_WRONLY) as fd:
            self.port.ftruncate(fd, self.kept(self.port.fstat(fd).st_size))

    def kept(self, size: int) -> int:
        return 0


class HalvesFiles(EmptiesFiles):
    """Cuts off their latter halves, which are the first to be sent again."""

    def kept(self, size: int) -> int:
        return size // 2


class _MakingRoom(Body):
    """Has room made where its bytes do not fit, for whoever comes next."""

    def write(self, block: Data) -> None:
        try:
            super().write(block)
        except OutOfSpace:
            for name in self._files.names(self._store.uploads):
                self._store.forget_finished(self._store.paths(name))
            raise

    _store: EvictsFinished


class EvictsFinished(Store):
    """Where there is no room it forgets uploads that are published: their files are safe, it thinks."""

    body_type = _MakingRoom

    def forget_finished(self, paths: SessionPaths) -> None:
        with suppress(OSError, msgspec.DecodeError):
            if self.files.read_json(paths.info, msgspec.json.Decoder(Info).decode).finished:
                self.files.discard(paths.info)


_OF_LOST_BYTES = ("linearizable", "offsets", "publication", "completion", "availability")


def _needing(name: str, says: str, store: type, base: str) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for="a full disk that nobody can empty by the means of the protocol: DELETE is 507",
        storms=("disk-full-terminating",),
        caught_by=("availability",),
        deed="answer 507",
        also=("residue", "completion"),
        base="sequential" if base == "sequential" else "reference",
        store=store,
        sim_only="a disk that is full to the last byte needs a file system of its own",
    )


def _evicting(name: str, says: str, store: type) -> Bug:
    return Bug(
        name=name,
        says=says,
        stands_for="a cache's rule in a store: what is old makes room for what is new",
        storms=("disk-full-terminating",),
        caught_by=("durability", "bytes"),
        deed="fault disk-full",
        also=(*_OF_LOST_BYTES, "protocol", "refusal", "replay"),
        base="sequential",
        store=store,
        sim_only="a disk that is full to the last byte needs a file system of its own",
    )


BUGS = (
    _needing(
        "delete-needs-room",
        "DELETE writes a new record before it gives anything back, so it fails where the disk is full",
        DeleteNeedsRoom,
        "reference",
    ),
    _needing(
        "end-needs-room",
        "that an upload is over is written down first, for which a full disk has no room",
        EndNeedsRoom,
        "sequential",
    ),
    _needing(
        "delete-to-the-bin",
        "what is deleted is copied, so that it can be brought back: a full disk has no room for that",
        ToTheBin,
        "sequential",
    ),
    _evicting(
        "halves-files",
        "where there is no room, the files of other uploads are cut by half",
        HalvesFiles,
    ),
    _evicting(
        "empties-files",
        "where there is no room, the files of other uploads are cut to nothing",
        EmptiesFiles,
    ),
    _evicting(
        "evicts-records",
        "where there is no room, the records of other uploads are removed",
        EvictsRecords,
    ),
    Bug(
        name="evicts-finished",
        says="where there is no room, the records of uploads that are published are removed",
        stands_for="a cache's rule in a store: what nobody is thought to ask for makes room",
        storms=("disk-full",),
        caught_by=("durability",),
        deed="fault disk-full",
        also=("refusal", "replay", "linearizable"),
        store=EvictsFinished,
        sim_only="a disk that is full to the last byte needs a file system of its own",
    ),
)

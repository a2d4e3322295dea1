"""Sequential stores that put the bytes of a body in the wrong place, or at the wrong time."""

from __future__ import annotations

import os
from contextlib import suppress

from chunkstore.model import Claims, View
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore, view_of

NO_POWER = "power cannot be taken from processes alone"
WIDER_S = 0.002  # real processes need a wider window; the simulator does not


class AppendedThenRecorded(SequentialStore):
    """Appends, and records the length afterwards: killed in between, the resume appends again."""

    wants_bytes = True

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_WRONLY | os.O_APPEND) as fd:
            rest = memoryview(data)
            while rest:
                rest = rest[self.port.write(fd, rest) :]
            self.port.fsync(fd)
        self.port.sleep(WIDER_S)


class AppendedAfterTruncation(AppendedThenRecorded):
    """Appends too, and first cuts off what no record names."""

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_RDWR) as fd:
            self.port.ftruncate(fd, offset)
        super().put(paths, offset, data)


class SizeIsTheOffset(SequentialStore):
    """Never syncs the bytes, and takes the size of their file for the offset.

    After a loss of power that is the size of a file whose pages may be zeros.
    """

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.files.write_all(fd, data, offset)

    def load(self, paths: Paths) -> Record | None:
        record = super().load(paths)
        if record is not None and record.state == "uploading":
            found = self.files.find(paths.of("bin"))
            if found is not None:
                record.offset = min(record.size, found.st_size)
        return record


class _EagerBody(SequentialBody):
    def commit(self) -> View:
        if not self.committed and self.data:
            self.put(self.store.paths(self.claims.session))
        return super().commit()


class WrittenBeforeCompared(SequentialStore):
    """Writes where the request says, and asks then whether it may: a correct 409, too late."""

    body_type = _EagerBody


class ComparedBeforeLock(SequentialStore):
    """Compares the offset when the head comes, and not again once it has the lock."""

    def append(self, body: SequentialBody) -> View:
        self.port.sleep(WIDER_S)
        with self.opened(body.claims) as (paths, record):
            if body.data and record.state == "uploading":
                body.put(paths)
                record.offset = body.offset + body.received
                self.save(paths, record)
            return view_of(body.claims, record)


class OffsetIgnored(SequentialStore):
    """Appends whatever comes, wherever the client says that it belongs."""

    def check_offset(self, current: int, offset: int) -> None:
        return

    def append(self, body: SequentialBody) -> View:
        with self.opened(body.claims) as (paths, record):
            data = bytes(body.data[: record.size - record.offset])
            if data:
                self.put(paths, record.offset, data)
                record.offset += len(data)
                self.save(paths, record)
            return view_of(body.claims, record)


class _AppendingBody(SequentialBody):
    """Appends where the file ends, having cut off what no record names."""

    def opened(self, paths: Paths) -> int:
        return self.store.port.open(paths.of("bin"), os.O_RDWR | os.O_APPEND)

    def put(self, paths: Paths) -> None:
        port = self.store.port
        fd = self.opened(paths)
        try:
            if port.fstat(fd).st_size > self.offset:
                port.ftruncate(fd, self.offset)
            rest = memoryview(bytes(self.data))
            while rest:
                rest = rest[port.write(fd, rest) :]
            port.fsync(fd)
        finally:
            port.close(fd)


class _SizedBody(SequentialBody):
    """Of a body that broke off the bytes are stored, and no record tells of them."""

    def keep(self) -> None:
        with self.store.opened(self.claims) as (paths, record):
            if self.data and record.offset == self.offset and record.state == "uploading":
                self.put(paths)


class ComparedWithTheSize(SequentialStore):
    """Answers HEAD from the record, and compares a PATCH with the size of the file."""

    body_type = _SizedBody

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> SequentialBody:
        body = super().begin(claims, offset, length)
        found = self.files.find(self.paths(claims.session).of("bin"))
        if found is not None:  # none: published meanwhile
            self.check_offset(found.st_size, offset)
        return body


class AppendedUnderTheLock(SequentialStore):
    """Opens the file under the lock, which is what shows an NFS client how long it is (nfs(5))."""

    body_type = _AppendingBody


class _EarlyBody(_AppendingBody):
    def __init__(self, store: SequentialStore, claims: Claims, offset: int) -> None:
        super().__init__(store, claims, offset)
        self.early = super().opened(store.paths(claims.session))

    def opened(self, paths: Paths) -> int:
        return self.early

    def abort(self) -> None:
        with suppress(OSError):
            self.store.port.close(self.early)


class AppendedAtCachedSize(SequentialStore):
    """Opens the file when the head comes: under the lock its size is what it was then, over NFS."""

    body_type = _EarlyBody


class SyncedAtTheEnd(SequentialStore):
    """Answers from memory: the bytes are synced once, when the upload is published."""

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.files.write_all(fd, data, offset)


class RecordedBeforeWritten(SequentialStore):
    """Records the new offset first, and writes the bytes then."""

    def append(self, body: SequentialBody) -> View:
        with self.opened(body.claims) as (paths, record):
            self.check_offset(record.offset, body.offset)
            if body.data:
                record.offset = body.offset + body.received
                self.save(paths, record)
                self.port.sleep(WIDER_S)
                body.put(paths)
            return view_of(body.claims, record)


class FsyncRepeated(SequentialStore):
    """Syncs again after an fsync that failed, and believes the second answer."""

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.files.write_all(fd, data, offset)
            try:
                self.port.fsync(fd)
            except OSError:
                self.port.fsync(fd)


class WrittenAgain(SequentialStore):
    """Writes again what a failed fsync may have forgotten, and syncs then."""

    def put(self, paths: Paths, offset: int, data: bytes) -> None:
        with self.files.opened(paths.of("bin"), os.O_WRONLY) as fd:
            self.files.write_all(fd, data, offset)
            try:
                self.port.fsync(fd)
            except OSError:
                self.files.write_all(fd, data, offset)
                self.port.fsync(fd)


BUGS = (
    Bug(
        name="appended-then-recorded",
        says="bytes are appended, and the record of the offset is written afterwards",
        stands_for="killed in between, the resume appends again: giometrix/Xtensible.TusDotNet.Azure#12",
        storms=("crash-committing", "crash-all"),
        caught_by=("bytes",),
        deed="fault crash",
        also=("durability", "linearizable", "publication", "completion"),
        base="sequential",
        store=AppendedThenRecorded,
        twin=Innocent(
            says="what no record names is cut off before anything is appended",
            store=AppendedAfterTruncation,
        ),
    ),
    Bug(
        name="size-is-the-offset",
        says="the size of an un-synced file is taken for the offset",
        stands_for="offset = file size and no fsync, as in released servers; zeros after a power loss:"
        " Pillai et al., OSDI 2014",
        storms=("power-loss",),
        caught_by=("bytes", "durability"),
        deed="fault power-loss",
        also=("offsets", "linearizable", "publication", "completion", "protocol"),
        base="sequential",
        store=SizeIsTheOffset,
        sim_only=NO_POWER,
    ),
    Bug(
        name="overwritten-then-refused",
        says="the bytes are written where the request says before its offset is compared under the lock",
        stands_for="the loser of a race gets its 409 and has overwritten the winner: resumable-upload (PyPI)",
        storms=("conflicting",),
        caught_by=("bytes", "conflict"),
        deed="request pwrite **/*.bin",
        also=("linearizable", "publication", "durability", "completion"),
        base="sequential",
        store=WrittenBeforeCompared,
    ),
    Bug(
        name="compared-before-lock",
        says="the offset is compared when the head comes, and not again under the lock",
        stands_for="check, then write: durable-streams/durable-streams#340",
        storms=("parallel", "replaying"),
        caught_by=("linearizable", "offsets", "durability"),
        deed="request pwrite **/*.bin",
        also=("bytes", "conflict", "publication", "protocol", "completion"),
        base="sequential",
        store=ComparedBeforeLock,
    ),
    Bug(
        name="offset-ignored",
        says="a body is appended whatever its Upload-Offset says",
        stands_for="a retry after a lost answer is appended twice",
        storms=("replaying", "lost-answers"),
        caught_by=("bytes",),
        deed="request pwrite **/*.bin",
        also=("linearizable", "offsets", "protocol", "publication", "durability", "completion"),
        base="sequential",
        store=OffsetIgnored,
    ),
    Bug(
        name="compared-with-the-size",
        says="HEAD tells the recorded offset, and a PATCH is held against the size of the file",
        stands_for="what is stored of a body that broke off is in no record: each resume is refused with 409",
        storms=("truncated",),
        caught_by=("refusal", "availability"),
        deed="answer cut",
        also=("linearizable", "completion", "publication"),
        base="sequential",
        store=ComparedWithTheSize,
    ),
    Bug(
        name="synced-at-the-end",
        says="bytes are answered for from memory, and synced once when the upload is complete",
        stands_for="an early acknowledgement: the answer comes before the fsync",
        storms=("power-loss",),
        caught_by=("bytes", "durability"),
        deed="fault power-loss",
        also=("offsets", "linearizable", "publication", "completion"),
        base="sequential",
        store=SyncedAtTheEnd,
        sim_only=NO_POWER,
    ),
    Bug(
        name="recorded-before-written",
        says="the new offset is recorded first, and the bytes are written then",
        stands_for="metadata before data: a hole that was acknowledged, Pillai et al., OSDI 2014",
        storms=("power-loss", "crash-committing"),
        caught_by=("bytes", "durability"),
        deed="fault power-loss",
        also=("linearizable", "publication", "offsets", "completion"),
        base="sequential",
        store=RecordedBeforeWritten,
        sim_only="power cannot be taken from processes alone",
    ),
    Bug(
        name="fsync-repeated",
        says="an fsync that failed is made again, and its success believed",
        stands_for="two faults, a failed fsync and a power loss: Rebello et al., USENIX ATC 2020; fsync(2)",
        storms=("failed-syncs",),
        caught_by=("bytes", "durability"),
        deed="fault eio",
        also=("linearizable", "publication", "offsets", "completion"),
        storages=("ext4", "xfs", "btrfs", "nfs3", "nfs4", "worst-posix"),
        base="sequential",
        store=FsyncRepeated,
        twin=Innocent(
            says="after an fsync that failed the bytes are written again before it is repeated",
            store=WrittenAgain,
        ),
        sim_only="a local file system does not fail to sync",
    ),
)

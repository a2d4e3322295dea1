"""Sequential stores whose records are late, torn, old, or somebody else's."""

from __future__ import annotations

import os
from itertools import count

import msgspec

from chunkstore.errors import StoreError, UnknownUpload
from chunkstore.files import GONE
from chunkstore.model import Claims, View
from chunkstore.protocol import Exchange
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore
from patchstorm.catalog.sequential_bytes import NO_POWER, WIDER_S


class _WritingBackBody(SequentialBody):
    def commit(self) -> View:
        view = super().commit()
        store, paths = self.store, self.store.paths(self.claims.session)
        if view.offset < view.size:
            record = Record(
                size=view.size,
                offset=view.offset,
                target=self.claims.target,
                overwrite=self.claims.overwrite,
                expires_s=view.expires_s,
                metadata=view.metadata,
            )
            store.port.sleep(WIDER_S)
            store.save(paths, record)
        return view


class RecordWrittenBack(SequentialStore):
    """Saves the record once more when the lock has been given back."""

    body_type = _WritingBackBody


class RecordTruncatedFirst(SequentialStore):
    """Rewrites the record where it stands: who dies in between leaves an empty one."""

    def save(self, paths: Paths, record: Record) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with self.files.opened(paths.of("info"), flags) as fd:
            self.port.sleep(WIDER_S)
            self.files.write_all(fd, msgspec.json.encode(record), 0)
            self.port.fsync(fd)
        self.files.sync_directory(self.uploads)


class OneTemporaryName(SequentialStore):
    """Makes the next record under one fixed name, which must not exist: a dead writer's does."""

    def save(self, paths: Paths, record: Record) -> None:
        temporary = paths.of("info_next.tmp")
        self.files.create(temporary, msgspec.json.encode(record))
        self.port.sleep(WIDER_S)
        self.port.replace(temporary, paths.of("info"))
        self.files.sync_directory(self.uploads)


class OneTemporaryNameCleared(OneTemporaryName):
    """Takes a dead writer's away first, which is safe under the lock."""

    def save(self, paths: Paths, record: Record) -> None:
        self.files.discard(paths.of("info_next.tmp"))
        super().save(paths, record)


class RecordUnsynced(SequentialStore):
    """Renames the new record over the old one before its bytes are synced."""

    def save(self, paths: Paths, record: Record) -> None:
        temporary = paths.of(self.files.unique("info"))
        with self.files.opened(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as fd:
            self.files.write_all(fd, msgspec.json.encode(record), 0)
        self.port.replace(temporary, paths.of("info"))
        self.files.sync_directory(self.uploads)


class RecordNameUnsynced(SequentialStore):
    """Answers when the record has been renamed, and never syncs the directory."""

    def save(self, paths: Paths, record: Record) -> None:
        temporary = paths.of(self.files.unique("info"))
        self.files.create(temporary, msgspec.json.encode(record))
        self.port.replace(temporary, paths.of("info"))


class RecordCached(SequentialStore):
    """Keeps records in memory, each replica its own."""

    def load(self, paths: Paths) -> Record | None:
        cached = self._records.get(paths.name)
        if cached is None:
            cached = super().load(paths)
            if cached is not None:
                self._records[paths.name] = cached
        return None if cached is None else msgspec.structs.replace(cached)

    def save(self, paths: Paths, record: Record) -> None:
        super().save(paths, record)
        self._records[paths.name] = msgspec.structs.replace(record)

    @property
    def _records(self) -> dict[str, Record]:
        return self.__dict__.setdefault("records", {})  # type: ignore[no-any-return]


class RecordReadByName(SequentialStore):
    """Opens the record by its name without listing the directory first."""

    def load(self, paths: Paths) -> Record | None:
        try:
            data = self.read(paths.of("info"))
        except OSError as error:
            if error.errno not in GONE:
                raise
            return None
        return self.decoded(data)


class MissingBelieved(SequentialStore):
    """Takes the first ENOENT for an answer: there is no such upload."""

    def missing(self, paths: Paths) -> StoreError:
        return UnknownUpload("There is no such upload.")


class RolledBack(SequentialStore):
    """Takes back the bytes when the rename of the record says ENOENT; it had happened."""

    def append(self, body: SequentialBody) -> View:
        try:
            return super().append(body)
        except FileNotFoundError:
            with self.files.opened(self.paths(body.claims.session).of("bin"), os.O_RDWR) as fd:
                self.port.ftruncate(fd, body.offset)
            raise

    def save(self, paths: Paths, record: Record) -> None:
        temporary = paths.of(self.files.unique("info"))
        self.files.create(temporary, msgspec.json.encode(record))
        self.port.replace(temporary, paths.of("info"))
        self.files.sync_directory(self.uploads)


class CountedNames(Exchange):
    """Names uploads by a counter that every replica has for itself."""

    def _new_claims(self, metadata: str) -> Claims:
        claims = super()._new_claims(metadata)
        store = self._store
        numbers = store.__dict__.setdefault("numbers", count(1))
        return msgspec.structs.replace(claims, session=f"{next(numbers):04}")


class NamedByTarget(Exchange):
    """Names an upload after its file, so that who uploads it again finds the other's bytes."""

    def _new_claims(self, metadata: str) -> Claims:
        claims = super()._new_claims(metadata)
        name = claims.target.encode().hex()[-64:]
        return msgspec.structs.replace(claims, session=name)


BUGS = (
    Bug(
        name="one-temporary-name",
        says="the next record is made under one name that must not exist; a dead writer's does",
        stands_for="files of the dead that keep everybody out: tus/tusd#1372",
        storms=("crash-replacing", "crash-committing"),
        caught_by=("completion", "availability"),
        deed="fault crash",
        also=("publication", "refusal"),
        base="sequential",
        store=OneTemporaryName,
        twin=Innocent(
            says="a dead writer's file is taken away first", store=OneTemporaryNameCleared
        ),
        sim_only="nobody is served any more, and real clients wait a second after each refusal",
    ),
    Bug(
        name="record-written-back",
        says="the record is saved once more, as it was, when the lock has been given back",
        stands_for="info saved again after unlocking, tuspyserver; ankitpokhrel/tus-php#332",
        storms=("parallel", "replaying"),
        caught_by=("durability", "offsets", "linearizable"),
        deed="request replace **/*.info",
        also=(
            "refusal",
            "bytes",
            "publication",
            "completion",
            "protocol",
            "conflict",
            "availability",
        ),
        base="sequential",
        store=RecordWrittenBack,
        sim_only="the window between unlocking and saving is too short to be met often",
    ),
    Bug(
        name="record-truncated-first",
        says="the record is truncated and written anew where it stands",
        stands_for="who dies in between leaves an empty file: O_TRUNC and rewrite, fsync(2)",
        storms=("power-loss", "crash-committing"),
        caught_by=("availability", "completion"),
        deed="request open **/*.info or request pwrite **/*.info",
        also=("refusal", "durability", "publication"),
        base="sequential",
        store=RecordTruncatedFirst,
        sim_only="the moment between two calls is too short to be hit by a kill",
    ),
    Bug(
        name="record-unsynced",
        says="the new record is renamed over the old one before its bytes are synced",
        stands_for="rename without fsync leaves an empty file on xfs and btrfs: Pillai et al., OSDI 2014",
        storms=("power-loss",),
        caught_by=("availability", "completion", "durability"),
        deed="fault power-loss",
        also=("refusal", "offsets", "linearizable", "bytes", "publication", "protocol"),
        storages=("ext4", "ext4-noauto-da-alloc", "xfs", "btrfs", "worst-posix"),
        base="sequential",
        store=RecordUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="record-name-unsynced",
        says="the record is synced and renamed, and the directory is not synced",
        stands_for="a rename is durable only after fsync of its directory: baidu/braft#254",
        storms=("power-loss",),
        caught_by=("durability", "offsets"),
        deed="fault power-loss",
        also=(
            "refusal",
            "linearizable",
            "protocol",
            "bytes",
            "publication",
            "completion",
            "availability",
        ),
        storages=("ext4", "ext4-noauto-da-alloc", "xfs", "btrfs", "worst-posix"),
        base="sequential",
        store=RecordNameUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="record-cached",
        says="each replica keeps the records that it has read in memory",
        stands_for="per-instance caches of the offset: lablup/backend.ai#11948",
        storms=("parallel", "sequential"),
        caught_by=("durability", "offsets", "linearizable"),
        deed="client HEAD",
        also=(
            "refusal",
            "bytes",
            "publication",
            "completion",
            "protocol",
            "availability",
            "conflict",
        ),
        base="sequential",
        store=RecordCached,
    ),
    Bug(
        name="missing-believed",
        says="an ENOENT is taken for an answer: there is no such upload",
        stands_for="negative directory entries cached over NFS, nfs(5): ydb-platform/nbs#7151",
        storms=("stale-mount",),
        caught_by=("durability", "availability", "completion"),
        deed="fault stale-entries",
        also=("refusal", "linearizable", "publication", "protocol", "offsets"),
        storages=("nfs3", "nfs4.0", "nfs4"),
        base="sequential",
        store=MissingBelieved,
        sim_only="processes on one host share one view of the directory",
    ),
    Bug(
        name="rolled-back-though-renamed",
        says="the bytes are taken back when the record's rename answers ENOENT, which had happened",
        stands_for="a repeated request after a lost reply: rename(2), BUGS",
        storms=("lost-replies",),
        caught_by=("bytes", "durability"),
        deed="fault lost-reply",
        also=("linearizable", "publication", "offsets", "completion"),
        base="sequential",
        store=RolledBack,
        sim_only="a local file system loses no replies",
    ),
    Bug(
        name="names-counted",
        says="uploads are named by a counter that every replica has for itself",
        stands_for="names that are unique in one process only",
        storms=("rivals", "creating"),
        caught_by=("bytes", "durability", "linearizable"),
        deed="client PATCH",
        also=(
            "refusal",
            "availability",
            "offsets",
            "protocol",
            "publication",
            "conflict",
            "completion",
            "residue",
            "checksum",
        ),
        base="sequential",
        exchange=CountedNames,
        store=SequentialStore,
    ),
    Bug(
        name="named-by-target",
        says="an upload is named after its file, so that another upload of that name continues it",
        stands_for="two uploads of one name mix their bytes: ankitpokhrel/tus-php#257",
        storms=("rivals",),
        caught_by=("bytes", "linearizable", "offsets"),
        deed="client PATCH",
        also=(
            "availability",
            "protocol",
            "publication",
            "conflict",
            "completion",
            "durability",
        ),
        base="sequential",
        exchange=NamedByTarget,
        store=SequentialStore,
    ),
)

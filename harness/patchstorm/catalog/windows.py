"""Stores whose commit or completion has a window in which a death, or a loss of power, does harm."""

from __future__ import annotations

import os

from chunkstore import chunks
from chunkstore.body import Body
from chunkstore.cleanup import Cleaner
from chunkstore.files import Files
from chunkstore.layout import CHUNKS, RECORDS, TOMBSTONE, UPLOADS, Paths
from chunkstore.model import Info, Intent, Record
from chunkstore.publish import Publisher, Stage
from chunkstore.session import Session, Sessions
from chunkstore.store import Store
from chunkstore.sweep import Sweeper
from patchstorm.catalog.model import Bug
from patchstorm.catalog.sequential_bytes import NO_POWER

_DISKS = ("ext4", "ext4-noauto-da-alloc", "xfs", "btrfs", "worst-posix")


class _ChunksUnsyncedFiles(Files):
    def sync_directory(self, path: str) -> None:
        if not path.endswith(f"/{CHUNKS}"):
            super().sync_directory(path)


class ChunkNamesUnsynced(Store):
    """Syncs the state that names the chunks, and not the directory that holds them."""

    files_type = _ChunksUnsyncedFiles


class _UploadsUnsyncedFiles(Files):
    def sync_directory(self, path: str) -> None:
        if not path.endswith(f"/{UPLOADS}"):
            super().sync_directory(path)


class SessionNameUnsynced(Store):
    """Syncs all that is in a session's directory, and not the name of the directory."""

    files_type = _UploadsUnsyncedFiles


class _RecordsUnsyncedFiles(Files):
    def sync_directory(self, path: str) -> None:
        if not path.endswith(f"/{RECORDS}"):
            super().sync_directory(path)


class SegmentNamesUnsynced(Store):
    """Syncs each further file of records, and not the directory that holds them."""

    files_type = _RecordsUnsyncedFiles


class _UnsyncedPublisher(Publisher):
    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        for record in records:
            path = paths.chunk(record.offset)
            if not chunks.copy(self._files, path, record, stage.fd, record.offset):
                return record
        return None


class StagingUnsynced(Store):
    """Gives the assembled file its published name before its bytes are synced."""

    publisher_type = _UnsyncedPublisher


class _BelievingSessions(Sessions):
    def _settle(self, session: Session) -> None:
        return


class GenerationBelieved(Store):
    """Answers from a state whose writer died before it had synced the directory."""

    sessions_type = _BelievingSessions


class _OneStagePublisher(Publisher):
    """All who assemble write into one staging file, from its beginning."""

    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC

    def _claim_stage(self, paths: Paths) -> Stage:
        name = "stage_all.tmp"
        fd = self._files.port.open(paths.of(name), self.flags)
        return Stage(name, paths.of(name), fd, self._files.port.fstat(fd).st_ino)

    def _leave_to_others(self, session: Session) -> None:
        return

    def _let_go(self, stage: Stage, *, keep_name: bool) -> None:
        self._files.port.close(stage.fd)


class StagingShared(Store):
    publisher_type = _OneStagePublisher


class _CredulousPublisher(Publisher):
    """Finds a file under the target name, and takes it for its own."""

    def _require_free(self, info: Info) -> None:
        return

    def _happened(self, info: Info, intent: Intent, stage: str) -> bool:
        return self._files.find(self._store.target_path(info.target)) is not None


class RivalTakenForOwn(Store):
    publisher_type = _CredulousPublisher


class _HastyPublisher(Publisher):
    """Removes the chunks when they have been copied, before the copy is published."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        damaged = super()._assemble(paths, stage, records)
        if damaged is None:
            for record in records:
                self._files.discard(paths.chunk(record.offset))
            self._files.port.sleep(0.002)
        return damaged


class ChunksRemovedFirst(Store):
    publisher_type = _HastyPublisher


class _SpanningSession(Session):
    """Keeps one range: from the first byte that came to the last."""

    def save(self, info: Info) -> None:
        if info.ranges:
            info.ranges = [(min(info.ranges)[0], max(end for _, end in info.ranges))]
        super().save(info)


class _SpanningSessions(Sessions):
    def _load(self, paths: Paths, fd: int) -> Session:
        found = super()._load(paths, fd)
        return _SpanningSession(found.files, found.paths, found.names, found._info)


class GapsForgotten(Store):
    sessions_type = _SpanningSessions


class _SparingCleaner(Cleaner):
    """Leaves bodies alone, since somebody may still be sending them."""

    def clean(self, paths: Paths) -> bool:
        for name in sorted(self._files.names(paths.directory)):
            if name in (CHUNKS, RECORDS):
                self.empty(paths.of(name))
            elif name not in TOMBSTONE and not name.startswith(("info_", "body_")):
                self._files.discard_unused(paths.of(name))
        return True


class _SparingPublisher(Publisher):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.cleaner = _SparingCleaner(store.files)


class _SparingSweeper(Sweeper):
    def _discard_abandoned(self, session: Session) -> None:
        return


class DeadBodiesLeft(Store):
    publisher_type = _SparingPublisher
    sweeper_type = _SparingSweeper


class _RuthlessFiles(Files):
    """Takes every temporary file for an abandoned one, and a vanished one for one moved before."""

    def discard_unused(self, path: str) -> bool:
        self.discard(path)
        return True

    def is_inode(self, path: str, inode: int) -> bool:
        return True


class LiveBodiesSwept(Store):
    files_type = _RuthlessFiles


class _OnceLookingBody(Body):
    """Looks for what overlaps when the body has come, and not again under the lock."""

    _looked: tuple[list[Record], list[tuple[int, int]]] | None = None

    def _look(self, session: Session) -> tuple[list[Record], list[tuple[int, int]]]:
        if self._looked is None:
            self._looked = super()._look(session)
            unseen, missing = self._looked
            return (unseen, missing) if unseen else ([], [])
        return [], self._looked[1]

    def _cut_to(self, missing: list[tuple[int, int]]) -> bool:
        return False if self._looked is None else super()._cut_to(missing)


class OverlapsLookedUpOnce(Store):
    body_type = _OnceLookingBody


BUGS = (
    Bug(
        name="chunk-names-unsynced",
        says="the state that names a chunk is synced, and the directory of chunks is not",
        stands_for="each directory wants its own fsync: fsync(2)",
        storms=("power-loss",),
        caught_by=("durability", "completion", "offsets"),
        deed="fault power-loss",
        also=(
            "refusal",
            "replay",
            "status",
            "linearizable",
            "bytes",
            "publication",
            "availability",
        ),
        storages=("btrfs", "worst-posix"),
        store=ChunkNamesUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="session-name-unsynced",
        says="a new session's files are synced, and the name of its directory is not",
        stands_for="a creation that a power loss undoes: fsync(2), baidu/braft#254",
        storms=("power-loss-creating",),
        caught_by=("durability", "protocol", "availability", "completion"),
        deed="fault power-loss",
        also=("refusal", "linearizable", "offsets", "status", "publication"),
        storages=("btrfs", "worst-posix"),
        store=SessionNameUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="segment-names-unsynced",
        says="a further file of records is synced and named by the state, and its directory is not synced",
        stands_for="a directory that has its first file when an upload has many chunks: fsync(2)",
        storms=("power-loss-many-chunks",),
        caught_by=("durability", "availability", "completion"),
        deed="fault power-loss",
        also=("refusal", "linearizable", "offsets", "status", "publication", "replay", "bytes"),
        storages=("btrfs", "worst-posix"),
        store=SegmentNamesUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="staging-unsynced",
        says="the assembled file gets its published name before its bytes are synced",
        stands_for="a published file of zeros after a power loss: Pillai et al., OSDI 2014",
        storms=("power-loss",),
        caught_by=("publication", "bytes", "durability"),
        deed="fault power-loss",
        also=("linearizable", "completion", "conflict"),
        storages=(*_DISKS, "nfs3", "nfs4"),
        store=StagingUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="generation-believed",
        says="a state is answered from although its writer died before it had synced its name",
        stands_for="two faults: a writer dies between rename and fsync, and then power is lost",
        storms=("crash-then-power-loss",),
        caught_by=("durability", "offsets", "status"),
        deed="fault power-loss",
        also=(
            "refusal",
            "linearizable",
            "completion",
            "bytes",
            "publication",
            "availability",
            "replay",
        ),
        storages=_DISKS,
        store=GenerationBelieved,
        sim_only=NO_POWER,
    ),
    Bug(
        name="staging-shared",
        says="all who assemble write into one staging file, each from its beginning",
        stands_for="a fixed temporary name: a published file that somebody still truncates",
        storms=("parallel", "unattended", "crash-assembling"),
        caught_by=("publication", "bytes"),
        deed="request pwrite **/stage_all.tmp or sweeper pwrite **/stage_all.tmp",
        also=("durability", "linearizable", "completion", "availability", "residue"),
        store=StagingShared,
        sim_only="two assemblers seldom meet in one file",
    ),
    Bug(
        name="rival-taken-for-own",
        says="a file found under the target name is taken for the upload's own, whoever's it is",
        stands_for="EEXIST taken for an earlier success: all status codes look right",
        storms=("rivals",),
        caught_by=("publication", "bytes", "durability", "conflict"),
        deed="request link wanted.bin",
        also=("linearizable", "completion"),
        store=RivalTakenForOwn,
    ),
    Bug(
        name="chunks-removed-first",
        says="the chunks are removed when they have been copied, before the copy is published",
        stands_for="cleaning before the publication is durable",
        storms=("crash-assembling", "power-loss"),
        caught_by=("durability", "offsets", "completion", "status"),
        deed="request unlink **/chunks/*",
        also=("refusal", "linearizable", "publication", "bytes", "availability", "replay"),
        store=ChunksRemovedFirst,
        sim_only="a kill seldom hits the few milliseconds between the last copy and the link",
    ),
    Bug(
        name="gaps-forgotten",
        says="what has come is kept as one range, from the first byte to the last",
        stands_for="holes taken for bytes: a sparse file's size for its contents",
        storms=("parallel",),
        caught_by=("bytes", "offsets", "status", "availability"),
        deed="answer 409",
        also=(
            "refusal",
            "durability",
            "linearizable",
            "publication",
            "completion",
            "replay",
        ),
        store=GapsForgotten,
    ),
    Bug(
        name="dead-bodies-left",
        says="temporary files of bodies are never taken away, whoever wrote them is dead",
        stands_for="parts that stay on the volume: seaweedfs/seaweedfs#10873",
        storms=("crash-committing", "crash-all"),
        caught_by=("residue",),
        deed="fault crash",
        store=DeadBodiesLeft,
    ),
    Bug(
        name="live-bodies-swept",
        says="the sweeper takes bodies that are still coming, and their vanishing for a success",
        stands_for="a cleaner that removes what is in use, and ENOENT taken for done already",
        storms=("stalling", "stalling-long"),
        caught_by=("durability", "offsets", "completion", "bytes"),
        deed="sweeper unlink **/body_*.tmp",
        also=(
            "refusal",
            "status",
            "linearizable",
            "publication",
            "availability",
            "replay",
            "conflict",
        ),
        store=LiveBodiesSwept,
        sim_only="the sweep has to come within the few milliseconds of a body",
    ),
)

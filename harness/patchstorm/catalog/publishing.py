"""Stores that assemble or publish in the wrong way, at the wrong time, or twice."""

from __future__ import annotations

import os
from collections.abc import Callable

from chunkstore import chunks
from chunkstore.body import Body
from chunkstore.cleanup import Cleaner
from chunkstore.errors import Busy, Locked
from chunkstore.files import Files
from chunkstore.layout import Paths
from chunkstore.model import Claims, Info, Intent, Record, View
from chunkstore.publish import RENAMED, Publisher, Stage
from chunkstore.session import Session
from chunkstore.store import Store
from chunkstore.sweep import Sweeper
from patchstorm.catalog.model import Bug


class UnverifiedPublisher(Publisher):
    """Copies the chunks without looking at what it copies."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        for record in records:
            chunks.copy(self._files, paths.chunk(record.offset), record, stage.fd, record.offset)
        self._files.port.fsync(stage.fd)
        return None


class PublishedUnverified(Store):
    publisher_type = UnverifiedPublisher


class AnnouncedTooEarly(Store):
    """HEAD gives the full length as soon as every byte is there, published or not."""

    def view(self, claims: Claims) -> View:
        with self.session(claims) as session:
            self.require_open(session.info)
            return self.view_of(session.info)

    def finished(self, claims: Claims, *, contributed: bool = False) -> View:
        return self.view(claims)


class _OpenPublisher(Publisher):
    """Assembles under the published name, for all to see."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        store = self._store
        with store.sessions.locked(paths) as session:
            target = store.places.prepare(session.info.target)
        with store.files.opened(target, os.O_RDWR | os.O_CREAT) as fd:
            for record in records:
                chunks.copy(store.files, paths.chunk(record.offset), record, fd, record.offset)
                store.files.port.sleep(0.02)
        store.files.discard(target)
        return super()._assemble(paths, stage, records)


class PublishedInTheOpen(Store):
    publisher_type = _OpenPublisher


class _VisiblePublisher(Publisher):
    """Leaves a part file beside the target while it assembles."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        store = self._store
        with store.sessions.locked(paths) as session:
            part = f"{store.places.prepare(session.info.target)}.part"
        with store.files.opened(part, os.O_RDWR | os.O_CREAT) as fd:
            for record in records:
                chunks.copy(store.files, paths.chunk(record.offset), record, fd, record.offset)
                store.files.port.sleep(0.02)
        store.files.discard(part)
        return super()._assemble(paths, stage, records)


class PartBesideTarget(Store):
    publisher_type = _VisiblePublisher


class _ReplacingPublisher(Publisher):
    """Renames over the target, whoever's it is."""

    def _require_free(self, info: Info) -> None:
        return

    def _link(self, stage: str, target: str) -> bool:
        self._second_link(stage)
        self._files.port.replace(f"{stage}.pub", target)
        return True


class RivalsOverwrite(Store):
    publisher_type = _ReplacingPublisher


class _ForgetfulPublisher(_ReplacingPublisher):
    """Whoever finds an intent begins publishing from the beginning."""

    def settle(self, session: Session, *, resume: bool = True) -> None:
        info = session.info
        if info.intent is not None:
            info.intent = None
            session.save(info)


class PublishedTwice(Store):
    publisher_type = _ForgetfulPublisher


class _DistrustfulPublisher(Publisher):
    """Takes its own file under the target name for a rival's."""

    def _happened(self, info: Info, intent: Intent, stage: str) -> bool:
        return False


class OwnFileTakenForRival(Store):
    publisher_type = _DistrustfulPublisher


class _BelievingFiles(Files):
    """Takes ENOENT at its word where a published file is replaced."""

    def replace(self, source: str, target: str, happened: Callable[[], bool]) -> bool:
        def vanished() -> bool:
            raise Busy("The staging file has vanished.")

        return super().replace(source, target, vanished if source.endswith(RENAMED) else happened)


class _BelievingPublisher(Publisher):
    """Forgets what it meant to do, so that the file is made and put there once more."""

    def _publish(self, session: Session, name: str, inode: int) -> None:
        try:
            super()._publish(session, name, inode)
        except Busy:
            session.info.intent = None
            session.save(session.info)
            raise


class RenameReplyBelieved(Store):
    files_type = _BelievingFiles
    publisher_type = _BelievingPublisher


class _WatchfulSweeper(Sweeper):
    """Cleans up, and publishes nothing."""

    def _finish(self, name: str, paths: Paths, info: Info, now_s: float) -> None:
        return


class _OneChanceBody(Body):
    """Takes a replay of the last PATCH for somebody else's business."""

    _added = False

    def _move_in(self, session: Session) -> None:
        super()._move_in(session)
        self._added = True

    def _merge(self) -> Info:
        info = super()._merge()
        if info.complete and not info.finished and not self._added:
            raise Locked("The upload is being finished.")
        return info


class _SlowPublisher(Publisher):
    """Gives a crash the time to strike."""

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        self._files.port.sleep(0.02)
        return super()._assemble(paths, stage, records)


class CompletionLost(Store):
    """Only the PATCH that brings the last byte publishes; whoever comes later waits for it."""

    body_type = _OneChanceBody
    publisher_type = _SlowPublisher
    sweeper_type = _WatchfulSweeper

    def view(self, claims: Claims) -> View:
        with self.session(claims) as session:
            info = session.info
            self.require_open(info)
        if info.complete and not info.finished:
            raise Locked("The upload is being finished.")
        return self.view_of(info)


class _Hoarder(Cleaner):
    def clean(self, paths: Paths) -> bool:
        return True


class _HoardingPublisher(Publisher):
    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.cleaner = _Hoarder(store.files)


class ChunksLeft(Store):
    publisher_type = _HoardingPublisher


BUGS = (
    Bug(
        name="announced-too-early",
        says="HEAD gives the full length before anything is published",
        stands_for="a client that stops at Upload-Length while the file is not there yet",
        storms=("sequential",),
        caught_by=("publication",),
        deed="sweeper link u0.bin",
        also=("completion", "durability"),
        store=AnnouncedTooEarly,
    ),
    Bug(
        name="published-in-the-open",
        says="the file grows under its published name",
        stands_for="assembly straight into the target path",
        storms=("sequential",),
        caught_by=("publication",),
        deed="request link u0.bin",
        store=PublishedInTheOpen,
    ),
    Bug(
        name="completion-lost",
        says="only the PATCH that brings the last byte publishes",
        stands_for="a completion step lost when its request is retried: tus/tusd#1299",
        storms=("crash-assembling",),
        caught_by=("completion",),
        deed="fault crash",
        also=("availability", "replay"),
        store=CompletionLost,
    ),
    Bug(
        name="chunks-left",
        says="chunks stay after publication",
        stands_for="parts that a published upload leaves on the volume: seaweedfs/seaweedfs#10873",
        storms=("sequential",),
        caught_by=("residue",),
        deed="request link u0.bin",
        store=ChunksLeft,
    ),
    Bug(
        name="published-unverified",
        says="chunks are copied into the file without comparing them with their digests",
        stands_for="a store that trusts its disk",
        storms=("damage",),
        caught_by=("bytes",),
        deed="fault damage",
        also=("durability", "linearizable", "publication"),
        store=PublishedUnverified,
    ),
    Bug(
        name="part-beside-target",
        says="the file grows beside its target, where users list files",
        stands_for="a part file in the published directory",
        storms=("sequential",),
        caught_by=("residue",),
        deed="request link u0.bin",
        store=PartBesideTarget,
    ),
    Bug(
        name="rivals-overwrite",
        says="publishing renames over the target, whoever's it is",
        stands_for="rename(2) where link(2) was meant",
        storms=("rivals",),
        caught_by=("publication",),
        deed="request replace wanted.bin",
        also=("bytes", "durability", "conflict", "linearizable"),
        store=RivalsOverwrite,
    ),
    Bug(
        name="published-twice",
        says="whoever finds a publication begun begins it anew",
        stands_for="a completion hook fired twice after a crash or a retry",
        storms=("crash-publishing",),
        caught_by=("publication",),
        deed="request replace u0.bin",
        store=PublishedTwice,
    ),
    Bug(
        name="own-file-taken-for-rival",
        says="after a crash the replica finds the name taken, by its own file",
        stands_for="EEXIST taken at its word after a lost reply",
        storms=("crash-publishing",),
        caught_by=("availability", "completion"),
        deed="fault crash",
        also=("replay", "linearizable", "refusal"),
        store=OwnFileTakenForRival,
    ),
    Bug(
        name="rename-reply-believed",
        says="ENOENT from the rename over a published file is taken for a file that has vanished, and the"
        " upload is published once more",
        stands_for="a repeated request after a lost reply: rename(2), BUGS",
        storms=("lost-replies-replacing",),
        caught_by=("publication",),
        deed="fault lost-reply",
        storages=("nfs3", "nfs4.0"),
        store=RenameReplyBelieved,
        sim_only="a local file system loses no replies",
    ),
)

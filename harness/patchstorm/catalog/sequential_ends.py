"""Sequential stores that end an upload in the wrong order, twice, or not at all."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, suppress

from chunkstore.errors import TargetTaken
from chunkstore.model import Claims, View
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.sequential import Paths, Record, SequentialBody, SequentialStore, view_of
from patchstorm.catalog.sequential_bytes import NO_POWER


class HookTwice(SequentialStore):
    """Publishes whenever it hears that the upload is complete, which a retry says again."""

    def finish(self, paths: Paths, record: Record) -> None:
        if record.state == "published":
            target = self.places.path(record.target)
            copy = paths.of("copy")
            self.files.discard(copy)
            self.files.create(copy, self.read(target))
            self.port.replace(copy, target)
        super().finish(paths, record)


class _LastBody(SequentialBody):
    def commit(self) -> View:
        if not self.committed:
            view = self.store.append(self)
            self.committed = True
            if view.offset < view.size:
                return view
        return self.store.finished(self.claims)


class HookLost(SequentialStore):
    """Only the PATCH that brings the last byte publishes; all others are told that it is done."""

    body_type = _LastBody

    def view(self, claims: Claims) -> View:
        with self.opened(claims) as (_, record):
            return view_of(claims, record)

    def sweep_one(self, paths: Paths) -> None:
        with self.locked(paths, create=True):
            record = self.load(paths)
        if record is not None and record.state == "uploading" and record.complete:
            return
        super().sweep_one(paths)


class PublishedNameUnsynced(SequentialStore):
    """Removes the upload's own name for the bytes while the published one is not durable."""

    def record_published(self, paths: Paths, record: Record) -> None:
        record.state, record.published = "published", True
        self.save(paths, record)


class RecordedBeforePublished(SequentialStore):
    """Records the publication first, and makes it then."""

    def finish(self, paths: Paths, record: Record) -> None:
        if record.state == "uploading" and record.complete:
            self.record_published(paths, record)
            self.port.sleep(0.002)
            self.publish(paths, record)
        super().finish(paths, record)


class LinkReplyBelieved(SequentialStore):
    """Takes EEXIST for an answer: somebody else must own the name."""

    def link(self, paths: Paths, target: str) -> None:
        try:
            self.port.link(paths.of("bin"), target)
        except FileExistsError:
            raise TargetTaken("Another upload owns the target name.") from None

    def happened(self, paths: Paths, record: Record) -> bool:
        return record.overwrite and super().happened(paths, record)


class RivalTakenForOwn(SequentialStore):
    """Takes EEXIST for its own earlier success, whoever's the file is."""

    def link(self, paths: Paths, target: str) -> None:
        with suppress(FileExistsError):
            self.port.link(paths.of("bin"), target)


class RecordsApart(SequentialStore):
    """Writes the bytes under the lock, lets go of it, and takes it once more to record them."""

    def append(self, body: SequentialBody) -> View:
        with self.opened(body.claims) as (paths, record):
            self.check_offset(record.offset, body.offset)
            if not body.data:
                return view_of(body.claims, record)
            body.put(paths)
        with self.again(body.claims) as (paths, now):
            self.check_offset(now.offset, body.offset)
            record.offset = body.offset + body.received
            self.save(paths, record)
            return view_of(body.claims, record)

    def again(self, claims: Claims) -> AbstractContextManager[tuple[Paths, Record]]:
        """The upload once more, which is refused if it is over by now."""
        return self.opened(claims)


class DeleteUndone(RecordsApart):
    """Looks at the offset again and not at the state, so the old record is written over a DELETE's."""

    def again(self, claims: Claims) -> AbstractContextManager[tuple[Paths, Record]]:
        return self.existing(claims)


class NothingNeverFinished(SequentialStore):
    """Publishes when a body has brought the last byte, which an upload of no bytes has not."""

    def finish(self, paths: Paths, record: Record) -> None:
        if record.size:
            super().finish(paths, record)


class StillThere(SequentialStore):
    """DELETE removes the bytes; the record says nothing of it, and HEAD goes on answering."""

    def terminate(self, claims: Claims) -> None:
        with self.opened(claims) as (paths, record):
            record.offset = 0 if record.state == "uploading" else record.offset
            self.save(paths, record)
            if record.state == "uploading":
                with self.files.opened(paths.of("bin"), os.O_RDWR) as fd:
                    self.port.ftruncate(fd, 0)


class BytesRemovedFirst(SequentialStore):
    """Copies the bytes out, removes them, and then gives the copy its published name."""

    def publish(self, paths: Paths, record: Record) -> None:
        target = self.places.prepare(record.target)
        copy = paths.of("copy")
        self.files.discard(copy)
        self.files.create(copy, self.read(paths.of("bin"))[: record.size])
        self.files.discard(paths.of("bin"))
        self.port.sleep(0.002)
        try:
            self.port.link(copy, target)
        except FileExistsError:
            raise TargetTaken("Another upload owns the target name.") from None


_LIVES_ON = (
    "linearizable",
    "offsets",
    "durability",
    "bytes",
    "publication",
    "completion",
    "conflict",
    "residue",
)
"""What may follow when an upload goes on that a DELETE has ended."""

BUGS = (
    Bug(
        name="hook-twice",
        says="whoever says that the upload is complete, though it has been before, publishes it again",
        stands_for="completion hooks called several times: tus/tusd#616",
        storms=("empty-patches", "lost-answers"),
        caught_by=("publication",),
        deed="request link u0.bin",
        also=("durability", "bytes"),
        base="sequential",
        store=HookTwice,
    ),
    Bug(
        name="hook-lost",
        says="only the PATCH that brings the last byte publishes; all others are told that it is done",
        stands_for="a completion hook lost when the last request is retried: tus/tusd#1299",
        storms=("crash-committing", "crash-publishing"),
        caught_by=("publication", "completion"),
        deed="fault crash",
        also=("durability", "residue", "availability"),
        base="sequential",
        store=HookLost,
        sim_only="the moment between the record and the published name is too short for a kill",
    ),
    Bug(
        name="published-name-unsynced",
        says="the upload's own files go before the published name is durable",
        stands_for="the directory of the published name is not synced: fsync(2)",
        storms=("power-loss",),
        caught_by=("durability",),
        deed="fault power-loss",
        also=("publication", "completion", "linearizable"),
        storages=("ext4", "ext4-noauto-da-alloc", "xfs", "btrfs", "worst-posix"),
        base="sequential",
        store=PublishedNameUnsynced,
        sim_only=NO_POWER,
    ),
    Bug(
        name="link-reply-believed",
        says="EEXIST from link(2) is taken for a rival, and the file is the upload's own",
        stands_for="a repeated request after a lost reply: rename(2), BUGS; open(2), O_EXCL",
        storms=("crash-publishing", "lost-replies"),
        caught_by=("availability", "completion", "publication"),
        deed="sweeper link u0.bin",
        also=("linearizable", "residue"),
        base="sequential",
        store=LinkReplyBelieved,
        sim_only="nobody is served any more, and real clients wait a second after each refusal",
    ),
    Bug(
        name="nothing-never-finished",
        says="an upload of no bytes is never published",
        stands_for="hooks that wait for the last byte of an empty file: tusdotnet/tusdotnet#119",
        storms=("zero-bytes",),
        caught_by=("publication", "completion", "durability"),
        deed="client POST",
        also=("residue", "availability"),
        base="sequential",
        store=NothingNeverFinished,
    ),
    Bug(
        name="still-there",
        says="DELETE removes the bytes, and HEAD goes on answering as if nothing had been",
        stands_for="tus 1.0.0, termination: later requests are to be answered 404 or 410",
        storms=("terminating", "late-after-termination"),
        caught_by=("protocol",),
        deed="client DELETE",
        also=_LIVES_ON,
        base="sequential",
        store=StillThere,
    ),
    Bug(
        name="delete-undone",
        says="bytes are written under the lock and recorded under it once more, though a DELETE came between",
        stands_for="two critical sections where one was meant: a late commit brings back what was deleted",
        storms=("terminating",),
        caught_by=("protocol",),
        deed="request replace **/*.info",
        also=(*_LIVES_ON, "availability"),
        base="sequential",
        store=DeleteUndone,
        twin=Innocent(
            says="an upload that is over by then is not recorded any more", store=RecordsApart
        ),
        sim_only="the lock is free for a few microseconds only",
    ),
    Bug(
        name="bytes-removed-first",
        says="the bytes are removed when they have been copied, and the copy is published then",
        stands_for="cleaning before the publication is durable",
        storms=("crash-publishing", "power-loss"),
        caught_by=("availability", "completion", "durability"),
        deed="request unlink **/*.bin",
        also=("publication", "linearizable", "bytes", "residue"),
        base="sequential",
        store=BytesRemovedFirst,
        sim_only="nobody is served any more, and real clients wait a second after each refusal",
    ),
)

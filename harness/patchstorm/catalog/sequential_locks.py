"""Sequential stores that exclude nobody, the wrong ones, or for too long."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from chunkstore.errors import Busy, Conflict
from chunkstore.model import Claims, View
from chunkstore.port import Data
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.catalog.owner_files import (
    LeaseByWallClock,
    LeaseOutlived,
    OneBreaker,
    OwnerOfAnotherNamespace,
    TwoBreakers,
)
from patchstorm.catalog.sequential import Paths, SequentialBody, SequentialStore


class _HoldingBody(SequentialBody):
    held: int | None = None

    def write(self, block: Data) -> None:
        if self.held is None:
            self.held = self.store.lock(self.store.paths(self.claims.session), False)
        super().write(block)

    def let_go(self) -> None:
        if self.held is not None:
            self.store.port.close(self.held)
            self.held = None

    def commit(self) -> View:
        self.let_go()
        return super().commit()

    def abort(self) -> None:
        self.let_go()


class LockedOverBody(SequentialStore):
    """Holds the lock from a body's first byte to its last."""

    body_type = _HoldingBody


class _TurnBody(_HoldingBody):
    """Holds a lock that bodies alone take."""

    def write(self, block: Data) -> None:
        if self.held is None:
            self.held = locked_file(self.store, self.turn())
        SequentialBody.write(self, block)

    def turn(self) -> str:
        return self.store.paths(self.claims.session).of("turn")


class PatchesInTurn(SequentialStore):
    """PATCHes of an upload take turns from their first byte to their last; HEAD needs no turn."""

    body_type = _TurnBody


class _SharingBody(_HoldingBody):
    """Holds a lock that bodies share."""

    def write(self, block: Data) -> None:
        if self.held is None:
            path = self.store.paths(self.claims.session).of("turn")
            self.held = locked_file(self.store, path, fcntl.LOCK_SH)
        SequentialBody.write(self, block)


class EndedAfterBodies(SequentialStore):
    """DELETE waits until no body is on its way; nobody else waits."""

    body_type = _SharingBody

    def terminate(self, claims: Claims) -> None:
        turn = locked_file(self, self.paths(claims.session).of("turn"))
        try:
            super().terminate(claims)
        finally:
            self.port.close(turn)


class _MarkingBody(_SharingBody):
    """Shares the lock of all bodies."""

    def write(self, block: Data) -> None:
        if self.held is None:
            self.held = locked_file(self.store, self.store.uploads, fcntl.LOCK_SH)
        SequentialBody.write(self, block)


class CreatedAfterBodies(SequentialStore):
    """A creation waits until no body is on its way, whichever upload it is for; nobody else waits."""

    body_type = _MarkingBody

    def create(self, claims: Claims, metadata: str = "") -> View:
        self.files.make_directory(self.uploads)
        self.port.close(locked_file(self, self.uploads))
        return super().create(claims, metadata)


class _OnlyBody(_TurnBody):
    def turn(self) -> str:
        return self.store.uploads


class OneBodyAtATime(SequentialStore):
    """One body at a time is taken, whoever's it is: the lock is that of the directory."""

    body_type = _OnlyBody


def locked_file(store: SequentialStore, path: str, how: int = fcntl.LOCK_EX) -> int:
    """The descriptor of a file or directory, locked; ``Busy`` while somebody else has the lock."""
    if path == store.uploads:
        fd = store.port.open(path, os.O_RDONLY | os.O_DIRECTORY)
    else:
        fd = store.port.open(path, os.O_RDWR | os.O_CREAT)
    try:
        store.port.flock(fd, how)
    except OSError:
        store.port.close(fd)
        raise Busy("Another body is on its way.") from None
    return fd


class LockLeaked(SequentialStore):
    """Gives the lock back on the way out, except on the way that a refusal takes."""

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[None]:
        fd = self.lock(paths, create)
        try:
            yield
        except Conflict:
            raise
        except BaseException:
            self.port.close(fd)
            raise
        self.port.close(fd)


BUGS = (
    Bug(
        name="locked-over-body",
        says="the lock is held from a body's first byte to its last",
        stands_for="a stalled PATCH keeps everybody out: tomdesair/tus-java-server#69",
        storms=("stalling", "stalling-long"),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion",),
        base="sequential",
        store=LockedOverBody,
    ),
    Bug(
        name="patches-in-turn",
        says="PATCHes of an upload take turns from their first byte to their last; HEAD does not wait",
        stands_for="a queue of writers for each upload, held over the body: one slow phone stops the resume",
        storms=("stalling", "stalling-long"),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion", "residue"),
        base="sequential",
        store=PatchesInTurn,
    ),
    Bug(
        name="ended-after-bodies",
        says="DELETE waits until no body of the upload is on its way",
        stands_for="a lock of readers and writers, shared by bodies: who stalls cannot be got rid of",
        storms=("stalling", "stalling-long"),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion", "residue"),
        base="sequential",
        store=EndedAfterBodies,
        sim_only="few real storms end an upload while a body of it stands still",
    ),
    Bug(
        name="created-after-bodies",
        says="a creation waits until no body is on its way, whichever upload it is for",
        stands_for="a directory that is locked to add to it, and by those who write below it",
        storms=("stalling-creating",),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion", "residue"),
        base="sequential",
        store=CreatedAfterBodies,
    ),
    Bug(
        name="one-body-at-a-time",
        says="one body at a time is taken in the whole fleet, whichever upload it is for",
        stands_for="a lock of the directory, or a single writer: a slow upload stops all others",
        storms=("stalling", "stalling-long"),
        caught_by=("waiting", "availability"),
        deed="body stands or answer timeout",
        also=("completion", "residue"),
        base="sequential",
        store=OneBodyAtATime,
    ),
    Bug(
        name="lock-leaked",
        says="a refused request does not give its lock back",
        stands_for="a lock that is not released on an error's way out: tusdotnet/tusdotnet#204",
        storms=("conflicting", "replaying"),
        caught_by=("availability", "completion"),
        deed="client PATCH content 1",
        also=("publication", "durability"),
        base="sequential",
        store=LockLeaked,
        sim_only="nobody is served any more, and real clients wait a second after each refusal",
    ),
    Bug(
        name="owner-of-another-namespace",
        says="a lock is broken when its owner's PID does not run here, but in another container",
        stands_for="PID lock files across PID namespaces: tus/tusd#437",
        storms=("parallel", "replaying"),
        caught_by=("linearizable", "durability", "offsets"),
        deed="request unlink **/*.lock",
        also=(
            "bytes",
            "conflict",
            "publication",
            "protocol",
            "completion",
            "availability",
            "refusal",
        ),
        base="sequential",
        store=OwnerOfAnotherNamespace,
        sim_only="whether two requests hold the lock within the same moment is chance",
    ),
    Bug(
        name="two-breakers",
        says="two requests find a lock stale, and the second removes the first one's new lock",
        stands_for="three replicas: a dead owner and two who break its lock at once",
        storms=("crash-committing",),
        caught_by=("linearizable", "durability", "offsets"),
        deed="request unlink **/*.lock",
        also=(
            "bytes",
            "conflict",
            "publication",
            "protocol",
            "completion",
            "availability",
            "residue",
        ),
        base="sequential",
        store=TwoBreakers,
        twin=Innocent(
            says="a stale lock is read again and removed by one at a time", store=OneBreaker
        ),
        sim_only="two breakers seldom meet within a millisecond",
    ),
    Bug(
        name="lease-outlived",
        says="a lock ends by itself while its holder stands still, who then goes on as if he had it",
        stands_for="leases without fencing: Kleppmann, How to do distributed locking, 2016",
        storms=("pause",),
        caught_by=("linearizable", "durability", "offsets"),
        deed="fault pause",
        also=("bytes", "conflict", "publication", "protocol", "completion", "availability"),
        base="sequential",
        store=LeaseOutlived,
        sim_only="a pause has to begin within the few milliseconds in which a lock is held",
    ),
    Bug(
        name="lease-by-wall-clock",
        says="a lock's end is read from each replica's own wall clock",
        stands_for="clocks that differ break live locks: expiry by wall-clock time",
        storms=("clock-skew",),
        caught_by=("linearizable", "durability", "offsets", "publication"),
        deed="fault clock-*",
        also=("bytes", "conflict", "protocol", "completion", "availability"),
        base="sequential",
        store=LeaseByWallClock,
        sim_only="the clocks of one machine's processes agree",
    ),
)

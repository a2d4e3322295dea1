"""Sequential stores that exclude nobody, the wrong ones, or for too long."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chunkstore.errors import Busy, Conflict
from chunkstore.files import FULL, GONE
from chunkstore.model import Claims, View
from chunkstore.port import Data
from patchstorm.catalog.model import Bug, Innocent
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


class _OnlyBody(_TurnBody):
    def turn(self) -> str:
        return self.store.uploads


class OneBodyAtATime(SequentialStore):
    """One body at a time is taken, whoever's it is: the lock is that of the directory."""

    body_type = _OnlyBody


def locked_file(store: SequentialStore, path: str) -> int:
    """The descriptor of a file or directory, locked; ``Busy`` while somebody else has the lock."""
    if path == store.uploads:
        fd = store.port.open(path, os.O_RDONLY | os.O_DIRECTORY)
    else:
        fd = store.port.open(path, os.O_RDWR | os.O_CREAT)
    try:
        store.port.flock(fd, fcntl.LOCK_EX)
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


class _OwnerFile(SequentialStore):
    """The lock is a file that names its owner. Subclasses say when an owner counts as dead.

    The file is made under another name and linked, so that it is never there without its owner.
    """

    def lock(self, paths: Paths, create: bool) -> int:
        names = self.names()
        if not create and f"{paths.name}.info" not in names:
            raise self.missing(paths)
        mine = self.signed(paths)
        try:
            fd = self._linked(paths, mine)
        except FileNotFoundError:
            self.unsigned(paths, mine)
            raise Busy("Another request has just taken the lock, or given it back.") from None
        except BaseException:
            self.unsigned(paths, mine)
            raise
        try:
            self.files.discard(mine)
        except BaseException:
            # A descriptor that nobody closes would keep the file, on NFS under a name that nobody removes.
            self._give_back(paths, fd)
            raise
        return fd

    def signed(self, paths: Paths) -> str:
        """A new file that names the owner."""
        mine = paths.of(self.files.unique("held"))
        self.files.create(mine, self.owner())
        return mine

    def unsigned(self, paths: Paths, mine: str) -> None:
        """Take away what ``signed`` made."""
        self.files.discard(mine)

    def _linked(self, paths: Paths, mine: str) -> int:
        held = paths.of("lock")
        for _ in range(2):
            with suppress(FileExistsError):
                self.port.link(mine, held)
                return self.port.open(held, os.O_RDONLY)
            try:
                owner = self.read(held)
            except OSError as error:
                if error.errno not in GONE:
                    raise
                continue
            if not self.dead(owner):
                break
            self.break_lock(held, owner)
        raise Busy("Another request holds the upload's lock.")

    @contextmanager
    def locked(self, paths: Paths, *, create: bool = False) -> Iterator[None]:
        fd = self.lock(paths, create)
        try:
            yield
        finally:
            self._give_back(paths, fd)

    def _give_back(self, paths: Paths, fd: int) -> None:
        try:
            self.port.close(fd)
        finally:
            self.let_go(paths)

    def let_go(self, paths: Paths) -> None:
        self.files.discard(paths.of("lock"))

    def owner(self) -> bytes:
        raise NotImplementedError

    def dead(self, owner: bytes) -> bool:
        raise NotImplementedError

    def break_lock(self, held: str, owner: bytes) -> None:
        self.files.discard(held)

    @property
    def me(self) -> bytes:
        """This process, as it knows itself: its PID, in its own namespace."""
        me: bytes = self.__dict__.setdefault("_me", self.port.urandom(8).hex().encode())
        return me


class OwnerOfAnotherNamespace(_OwnerFile):
    """Breaks the lock of a PID that does not run here: it runs in another container."""

    def owner(self) -> bytes:
        return self.me

    def dead(self, owner: bytes) -> bool:
        return owner != self.me


class _Stamped(_OwnerFile):
    """The lock is as old as the moment that its owner wrote into it. A stale one is given a moment."""

    stale_ns = 3_000_000_000

    def owner(self) -> bytes:
        return str(self.port.time_ns()).encode()

    def dead(self, owner: bytes) -> bool:
        return self.port.time_ns() - int(owner) > self.stale_ns

    def break_lock(self, held: str, owner: bytes) -> None:
        self.port.sleep(0.05)
        super().break_lock(held, owner)


class TwoBreakers(_Stamped):
    """Removes a lock that was stale when it was read: by now it may be another's."""


class OneBreaker(_Stamped):
    """Reads the lock once more where only one at a time may break it.

    A DELETE has to work on a full disk, and its lock is a new file that needs room. So each upload
    keeps a spare file from its creation on; on a full disk that becomes the lock, and then the spare
    again while the upload has bytes. A plus before the moment tells such a lock.
    """

    def initialise(self, paths: Paths, claims: Claims, metadata: str) -> None:
        spare = paths.of("spare")
        self.files.discard(spare)  # of an attempt that failed before its record was there
        self.files.create(spare, b"+" + self.owner())
        super().initialise(paths, claims, metadata)

    def signed(self, paths: Paths) -> str:
        try:
            return super().signed(paths)
        except OSError as error:
            if error.errno not in FULL:
                raise
        mine = paths.of(self.files.unique("held"))
        try:
            self.port.replace(paths.of("spare"), mine)
            with self.files.opened(mine, os.O_WRONLY) as fd:
                # As long as what is there: it takes no room.
                self.files.write_all(fd, b"+" + self.owner(), 0)
        except OSError as error:
            self.unsigned(paths, mine)
            if error.errno not in GONE:
                raise
            raise Busy("Another request has the upload's only lock on a full disk.") from None
        return mine

    def unsigned(self, paths: Paths, mine: str) -> None:
        try:
            spare = self.read(mine).startswith(b"+") and f"{paths.name}.bin" in self.names()
            if spare:
                self.port.replace(mine, paths.of("spare"))
                return
        except OSError as error:
            if error.errno not in GONE:
                raise
        super().unsigned(paths, mine)

    def let_go(self, paths: Paths) -> None:
        self.unsigned(paths, paths.of("lock"))

    def break_lock(self, held: str, owner: bytes) -> None:
        self.port.sleep(0.05)
        guard = f"{held[: -len('lock')]}guard"
        fd = self.port.open(guard, os.O_RDWR | os.O_CREAT)
        try:
            self.port.flock(fd, fcntl.LOCK_EX)
            if self.read(held) == owner:
                self.files.discard(held)
        except BlockingIOError:
            raise Busy("Another request is breaking the upload's lock.") from None
        except FileNotFoundError:
            return
        finally:
            self.port.close(fd)


class LeaseOutlived(_Stamped):
    """A lease that ends while its holder stands still, and nothing that stops him afterwards."""

    stale_ns = 200_000_000


class LeaseByWallClock(_Stamped):
    """A lease whose end everybody reads from a clock of his own."""

    stale_ns = 900_000_000


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

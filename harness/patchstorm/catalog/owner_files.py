"""Locks that are files with an owner's name in them, and whoever takes them away from the dead."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chunkstore.errors import Busy
from chunkstore.files import FULL, GONE
from chunkstore.model import Claims
from patchstorm.catalog.sequential import Paths, SequentialStore


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
        try:
            self.files.create(mine, self.owner())
        except OSError as error:
            if error.errno not in GONE:
                raise
            raise Busy("Whoever holds the lock took it away with what others had left.") from None
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

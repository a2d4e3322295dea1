"""Two designs kept for comparison, each the reference with one thing undone.

``append`` is the design that the chunk store replaced: one file, its size is the offset, every PATCH
appends to it. On one replica it is right; on several, two requests read the same size and both append.

``rename-unrefreshed`` keeps everything but the listing of the directory under the lock. On a local
file system that changes nothing; on NFS 4.1 and 4.2 a client may reopen the replaced ``info.json``
by its file handle and lose the updates of others.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

import msgspec

from .body import check_room
from .errors import Busy, Conflict, UnknownUpload
from .files import GONE, no_space
from .layout import INFO, Paths
from .model import Claims, Info, StatusDocument, View
from .port import Data
from .session import REMOVED, Session, Sessions
from .store import Store

PART = "upload.part"


class AppendBody:
    """A body appended to the one file as it comes; what has come stays, whatever ends it."""

    def __init__(self, store: AppendStore, claims: Claims, offset: int) -> None:
        self._store = store
        self._claims = claims
        self._port = store.files.port
        path = store.part(claims.session)
        self._fd: int | None = self._port.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.offset = offset
        self.received = 0
        self.sha256 = hashlib.sha256()

    def write(self, block: Data) -> None:
        check_room(self._claims, self.offset, self.received + len(block))
        assert self._fd is not None
        with no_space():
            rest = memoryview(block)
            while rest:
                rest = rest[self._port.write(self._fd, rest) :]
        self.sha256.update(block)
        self.received += len(block)

    def commit(self) -> View:
        if self._fd is not None:
            self._port.fsync(self._fd)
            self.abort()
        return self._store.publish_if_full(self._claims)

    def keep(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self._fd is not None:
            with suppress(OSError):
                self._port.close(self._fd)
            self._fd = None


class AppendStore(Store):
    """One file per upload; its size is the offset."""

    def part(self, session: str) -> str:
        return self.paths(session).of(PART)

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> AppendBody:
        view = self.view(claims)
        if offset != view.offset:
            raise Conflict(
                "The offset is not the current one.", expected=view.offset, offset=offset
            )
        check_room(claims, offset, length or 0)
        return AppendBody(self, claims, offset)

    def view(self, claims: Claims) -> View:
        with self.session(claims) as session:
            info = session.info
            self.require_open(info)
        return self.publish_if_full(claims) if info.size == 0 else self.view_of(info)

    def view_of(self, info: Info) -> View:
        found = self.files.find(self.part(info.session))
        size = info.size if info.state == "published" else found.st_size if found else 0
        offset = min(size, info.size)
        return msgspec.structs.replace(super().view_of(info), offset=offset, received=offset)

    def status(self, claims: Claims) -> StatusDocument:
        raise UnknownUpload("This design has no status document.")

    def publish_if_full(self, claims: Claims) -> View:
        with self.session(claims) as session:
            info = session.info
            found = self.files.find(self.part(claims.session))
            if info.state == "uploading" and (found.st_size if found else 0) >= info.size:
                if found is not None:
                    target = self.places.prepare(info.target)
                    inode = found.st_ino
                    self.files.replace(
                        self.part(claims.session),
                        target,
                        lambda: self.files.is_inode(target, inode),
                    )
                info.state = "published"
                session.save(info)
            return self.view_of(info)


class UnrefreshedSessions(Sessions):
    """Trusts the name under the lock without looking at the directory first."""

    def _load(self, paths: Paths, fd: int) -> Session:
        with REMOVED:
            inode = self.files.port.fstat(fd).st_ino
        if not self.files.is_inode(paths.lock, inode):
            raise Busy("The session's lock is another file by now.")
        try:
            return Session(self.files, paths, frozenset({INFO}), self._read(paths))
        except OSError as error:
            if error.errno not in GONE:
                raise
            return Session(self.files, paths, frozenset(), None)


class UnrefreshedStore(Store):
    """The reference without its refresh."""

    sessions_type = UnrefreshedSessions


VARIANTS: dict[str, type[Store]] = {
    "append": AppendStore,
    "rename-unrefreshed": UnrefreshedStore,
}

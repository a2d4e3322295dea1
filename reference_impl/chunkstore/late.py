"""A PATCH that arrives after publication: its bytes are judged, never stored.

True bytes again are a success, false ones a conflict. What judges them is, in this order, a digest
still on record for exactly this range, or the published file while it is still the file that was
published: same inode and size, and either the same modification time or, where that has moved, the same
bytes. When neither can tell: gone.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from . import chunks, ranges
from .errors import Busy, Conflict, Gone, StoreError, TooLarge
from .files import GONE, SAFELY
from .model import Claims, Identity, Info, View

if TYPE_CHECKING:
    from .port import Data
    from .store import Store


_ANOTHER = (*GONE, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES)
"""Why the published name cannot be opened when something else stands there by now."""


class LateBody:
    """Takes a body like :class:`chunkstore.body.Body`, and keeps nothing of it."""

    def __init__(self, store: Store, claims: Claims, info: Info, offset: int) -> None:
        self._store = store
        self._claims = claims
        self._info = info
        self._port = store.files.port
        self._fd = self._open()
        self._same = True
        self._judged = False
        self.offset = offset
        self.received = 0
        self.sha256 = store.files.sha256()

    def write(self, block: Data) -> None:
        """Compare a block. ``TooLarge`` past the declared end."""
        at = self.offset + self.received
        if at + len(block) > self._info.size:
            raise TooLarge("The body goes past the upload's declared end.", size=self._info.size)
        if self._fd is not None and self._same:
            self._same = self._store.files.read_at(self._fd, len(block), at) == block
        self.sha256.update(block)
        self.received += len(block)

    def judge(self) -> None:
        """``Conflict`` for false bytes, ``Gone`` when nobody can tell any more.

        ``Busy`` when the published file changed while it was read.
        """
        if not self.received:
            return
        for record in self._info.recent:
            if (record.offset, record.length) == (self.offset, self.received):
                if record.sha256 != self.sha256.hexdigest():
                    raise self._contradiction()
                return
        if self._fd is None or not self._is_published(self._fd):
            raise Gone("The published file has changed since; this request can't be judged.")
        if not self._same:
            raise self._contradiction()

    def commit(self) -> View:
        """The finished upload's view, if the bytes are true."""
        if not self._judged:
            self.judge()
            self._judged = True
            self.abort()
        return self._store.finished(self._claims)

    def keep(self) -> None:
        """The body broke off; the file has its bytes already."""

    def abort(self) -> None:
        """Let go of the published file."""
        if self._fd is not None:
            with suppress(OSError):
                self._port.close(self._fd)
            self._fd = None

    def _open(self) -> int | None:
        if self._info.published is None:
            return None
        path = self._store.target_path(self._info.target)
        fd = self._found(path)
        if fd is None:
            # What an NFS client says of a name may be older than the publication, and so may the file
            # that it opens by it: ask it to look.
            self._store.files.names(os.path.dirname(path))
            fd = self._found(path)
        return fd

    def _found(self, path: str) -> int | None:
        """The file that has the name, if it can be the published one."""
        try:
            fd = self._port.open(path, os.O_RDONLY | SAFELY)
        except OSError as error:
            if error.errno in _ANOTHER:
                return None
            raise  # a disk that fails for a moment is no reason to say that nobody can tell
        try:
            likely = self._likely(self._identity(fd))
        except OSError:
            self._port.close(fd)
            raise
        if likely:
            return fd
        self._port.close(fd)
        return None

    def _identity(self, fd: int) -> Identity | None:
        """What the file is by now, if it is what was published; None when it is gone."""
        published = self._info.published
        assert published is not None, "nothing is opened before publication"
        try:
            found = self._port.fstat(fd)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise
        return Identity(found.st_ino, found.st_size, found.st_mtime_ns, published.seal)

    def _likely(self, found: Identity | None) -> bool:
        """Whether it is the published file, unless somebody has written to it since."""
        published = self._info.published
        if found is None or published is None or found == published:
            return found is not None
        return bool(found.seal) and (found.inode, found.size) == (published.inode, published.size)

    def _is_published(self, fd: int) -> bool:
        found = self._identity(fd)
        if found == self._info.published:
            return True
        if found is None or not self._likely(found):
            return False
        offsets = ranges.unfold(self._info.received)
        if chunks.seal_of(self._store.files, fd, offsets, found.size) != found.seal:
            return False
        if self._identity(fd) != found:
            raise Busy("The published file changes just now.")
        self._note(found)
        return True

    def _note(self, found: Identity) -> None:
        """Record the time that the file has by now, so that the next replay need not read all of it."""
        with suppress(OSError, StoreError), self._store.existing(self._claims) as session:
            info = session.info
            if info.published == self._info.published:
                info.published = found
                session.save(info)

    def _contradiction(self) -> Conflict:
        return Conflict(
            "The body contradicts the published file.",
            received={"offset": self.offset, "length": self.received},
        )

"""From the last committed byte to the published file: assembly, publication, recovery.

Assembly copies and verifies the chunks into a staging file of this attempt's own, without the lock;
it may run twice, since nobody can tell a dead assembler from a paused one. Publication may not run
twice. It is a short critical section:

1. read the state again; it must still be an unpublished, complete upload;
2. record the intent: staging name, its inode, and what stands at the target now;
3. link the staging file to the target (replace it when overwriting); sync the directory;
4. record ``published``.

Whoever takes the lock and finds an intent therefore knows that its writer died in between, and
decides from inodes and link counts whether step 3 happened. The staging file keeps its own name
until ``published`` is durable, so no order of lost directory entries loses the bytes. When
overwriting, the name that is renamed away is a second link made before the intent: it is gone
exactly when the rename happened.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import chunks, ranges
from .cleanup import Cleaner
from .errors import Busy, TargetTaken
from .files import GONE, no_space, vanishing
from .model import Claims, Identity, Info, Intent, Record
from .session import Session

if TYPE_CHECKING:
    from .layout import Paths
    from .store import Store

_OWN = vanishing(Busy)
STAGE = "stage"
RENAMED = ".pub"
_WATCHED_MAX = 1024  # staging files that others held when last seen; forgetting one costs a wait


@dataclass(frozen=True, slots=True)
class Stage:
    """A staging file of this attempt, its flock held."""

    name: str
    path: str
    fd: int
    inode: int


class Publisher:
    """Finishes uploads for one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files = store.files
        self.cleaner = Cleaner(store.files)
        self._watched: dict[str, tuple[int, int]] = {}

    def finish(self, claims: Claims) -> Info:
        """Publish the upload if all its bytes are committed; returns the state as it then is.

        ``Busy`` while another replica is at it, ``TargetTaken`` when a rival owns the name,
        ``OutOfSpace`` when there is no room; the bytes stay committed in each case. A damaged chunk
        sends its range back to missing, and the upload is then no longer complete.
        """
        paths = self._store.paths(claims.session)
        with no_space():
            with self._store.existing(claims) as session:
                info = session.info
                self.settle(session)
                pending = not info.finished and info.complete
                if pending:
                    self._require_free(info)
                    self._leave_to_others(session)
                    records = session.records()
                    self._store.sessions.require_covered(info, records)
                    stage = self._claim_stage(paths)
            if pending:
                info = self._assemble_and_publish(claims, stage, records)
        if info.finished:
            with suppress(OSError):  # it is finished all the same, and a sweep comes back to this
                self.cleaner.clean(paths)
        return info

    def settle(self, session: Session, *, resume: bool = True) -> None:
        """Decide a publication whose writer died in the middle of it. Under the lock.

        One that took place is recorded; one that did not is taken up again, or with ``resume`` false
        forgotten.
        """
        info = session.info
        intent = info.intent
        if intent is None:
            return
        stage = session.paths.of(intent.staging)
        if self._happened(info, intent, stage):
            self._record_published(session, stage)
            return
        found = self._files.find(stage)
        if resume and found is not None and found.st_ino == intent.inode:
            self._publish(session, intent.staging, intent.inode)
        else:
            info.intent = None
            session.save(info)

    def _assemble_and_publish(self, claims: Claims, stage: Stage, records: list[Record]) -> Info:
        intended = False
        try:
            damaged = self._assemble(self._store.paths(claims.session), stage, records)
            if damaged is not None:
                return self._returned(claims, damaged)
            with self._store.existing(claims) as session:
                info = session.info
                self.settle(session)
                if not info.finished and info.complete:
                    intended = True
                    self._publish(session, stage.name, stage.inode)
                return info
        except TargetTaken:
            intended = False  # and the books say so
            raise
        finally:
            self._let_go(stage, keep_name=intended)

    def _returned(self, claims: Claims, damaged: Record) -> Info:
        info = self._store.drop_damaged(claims, damaged)
        if info.complete and not info.finished:
            raise Busy("A damaged chunk was repaired by another request.")
        return info

    def _let_go(self, stage: Stage, *, keep_name: bool) -> None:
        """Drop the flock; and the name too, unless an intent may be on record.

        Such an intent is decided by this inode. Its number must not go to another file before that.
        """
        with suppress(OSError):
            self._files.port.close(stage.fd)
        if not keep_name:
            with suppress(OSError):
                self._files.discard(stage.path)

    # Assembly, without the lock.

    def _claim_stage(self, paths: Paths) -> Stage:
        name = self._files.unique(STAGE)
        fd, inode = self._files.claim_new(paths.of(name))
        return Stage(name, paths.of(name), fd, inode)

    def _assemble(self, paths: Paths, stage: Stage, records: list[Record]) -> Record | None:
        """Copy all chunks; the first damaged one's record, or None when the file is whole."""
        for record in records:
            path = paths.chunk(record.offset)
            if chunks.copy(self._files, path, record, stage.fd, record.offset):
                continue
            self._files.names(paths.chunks)  # a name cached from before a repair is no damage
            if not chunks.copy(self._files, path, record, stage.fd, record.offset):
                return record
        with _OWN:
            self._files.port.fsync(stage.fd)
        return None

    def _leave_to_others(self, session: Session) -> None:
        """``Busy`` while another's staging file grows; remove those that nobody holds."""
        now = self._files.port.monotonic_ns()
        if len(self._watched) > _WATCHED_MAX:
            self._watched.clear()
        for name in sorted(session.names):
            if not name.startswith(STAGE):
                continue
            path = session.paths.of(name)
            if self._files.discard_unused(path):
                self._watched.pop(path, None)
                continue
            found = self._files.find(path)
            if found is None:
                continue
            size, since = self._watched.get(path, (-1, now))
            if found.st_size != size:
                self._watched[path] = (found.st_size, now)
                raise Busy("Another replica is assembling the file.")
            if now - since < self._store.options.stalled_s * 1e9:
                raise Busy("Another replica is assembling the file.")

    # Publication, under the lock.

    def require_winnable(self, info: Info) -> None:
        """``TargetTaken`` when a rival owns the name, so that what is sent is sent in vain.

        Under the lock, and not while an intent stands: then the file may be this upload's own. Where the
        storage does not say, nobody has lost yet.
        """
        if info.finished or info.overwrite or info.intent is not None:
            return
        taken = False
        with suppress(OSError):
            taken = self._store.places.taken(info.target)
        if taken:
            raise self._taken(info)

    def _require_free(self, info: Info) -> None:
        """Spare the copying when a rival owns the name already."""
        if not info.overwrite and self._files.find(self._store.target_path(info.target)):
            raise self._taken(info)

    def _taken(self, info: Info) -> TargetTaken:
        return TargetTaken(
            "Another file has the target name; the bytes are kept until the upload expires, and published "
            "if the name becomes free.",
            target=info.target,
        )

    def _publish(self, session: Session, name: str, inode: int) -> None:
        info = session.info
        stage = session.paths.of(name)
        target = self._store.places.prepare(info.target)
        if info.overwrite:
            self._second_link(stage)
        if info.intent is None:
            previous = self._files.find(target)
            self._files.sync_directory(session.paths.directory)  # the names that decide recovery
            info.intent = Intent(name, inode, previous.st_ino if previous is not None else None)
            session.save(info)
        if info.overwrite:
            put = self._files.replace(
                stage + RENAMED, target, lambda: self._files.is_inode(target, inode)
            )
        else:
            put = self._link(stage, target)
        if not put and not self._happened(info, info.intent, stage):
            info.intent = None
            session.save(info)
            if not info.overwrite and self._files.find(target) is not None:
                raise self._taken(info)
            raise Busy("The staging file has vanished.")
        self._record_published(session, stage)

    def _second_link(self, stage: str) -> None:
        try:
            self._files.port.link(stage, stage + RENAMED)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno in GONE:
                raise Busy("The staging file has vanished.") from None
            raise

    def _link(self, stage: str, target: str) -> bool:
        """link(2); EEXIST and ENOENT are no answers yet: it may have happened already."""
        try:
            self._files.port.link(stage, target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, *GONE):
                raise
            return False
        return True

    def _record_published(self, session: Session, stage: str) -> None:
        info = session.info
        target = self._store.target_path(info.target)
        self._files.sync_directory(os.path.dirname(target))
        found = self._files.find(stage) or self._files.port.lstat(target)
        records = session.records()
        seal = chunks.seal(record.sha256 for record in records)
        info.published = Identity(found.st_ino, found.st_size, found.st_mtime_ns, seal)
        info.state = "published"
        info.intent = None
        info.received = ranges.fold(record.offset for record in records)
        info.segments = []
        session.save(info)

    def _happened(self, info: Info, intent: Intent, stage: str) -> bool:
        """Whether the publication that ``intent`` announces took place."""
        path = self._store.target_path(info.target)
        self._files.names(os.path.dirname(path))  # its writer may have been another host
        target = self._files.find(path)
        if target is not None and target.st_ino == intent.inode:
            return True
        if not info.overwrite:
            staged = self._files.find(stage)
            return staged is not None and staged.st_ino == intent.inode and staged.st_nlink > 1
        renamed_away = self._files.find(stage + RENAMED) is None
        return renamed_away and target is not None and target.st_ino != intent.previous

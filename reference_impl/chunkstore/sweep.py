"""One pass over all sessions: finish what is complete, end what has expired, take away what is dead.

Every replica sweeps, so that completion and cleanliness do not hang on a client's return or on any
one replica's life. A session that is locked is somebody's business already and is left for next time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import Locked, StoreError, TargetTaken
from .layout import CHUNKS, LOCK, RECORDS, TOMBSTONE, Paths
from .model import Claims, Info
from .session import Missing, Session

if TYPE_CHECKING:
    from .store import Store


class Sweeper:
    """Sweeps one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._files = store.files
        self._cleaner = store.publisher.cleaner
        self._tombstones: dict[str, int] = {}  # clean ones, and when their time is over

    def sweep(self) -> list[str]:
        """One pass. Returns a line for each session that could not be dealt with; never raises for one."""
        problems = []
        names = sorted(self._files.names(self._store.uploads))
        for name in names:
            try:
                self._sweep_one(name)
            except (Locked, TargetTaken):
                continue  # somebody is at work on it, or a rival owns its name: not now
            except (StoreError, OSError) as error:
                problems.append(f"session {name}: {type(error).__name__}: {error}")
        for gone in self._tombstones.keys() - set(names):
            del self._tombstones[gone]
        return problems

    def _sweep_one(self, name: str) -> None:
        now_s = self._store.now_s()
        paths = self._store.paths(name)
        if now_s <= self._tombstones.get(name, -1) and self._only_tombstone(paths):
            return
        try:
            info = self._look(paths, now_s)
        except Missing:  # the maker of this directory died, or its remover, or the maker is at it
            info = self._look(paths, now_s, create=True)
        if info is None:
            return
        if info.finished:
            self._clean(name, paths, info)
        elif info.complete:
            self._finish(name, paths, info, now_s)

    def _look(self, paths: Paths, now_s: float, *, create: bool = False) -> Info | None:
        """What needs the lock. None when the session is gone."""
        with self._store.sessions.locked(paths, create=create) as session:
            info = self._still_needed(session, paths, now_s)
        if info is None:
            # Only now, with the lock file closed: on NFS an open file that is removed keeps a name
            # of the client's own until then (silly rename), and the directory is not empty.
            self._files.remove_directory(paths.directory)
        return info

    def _still_needed(self, session: Session, paths: Paths, now_s: float) -> Info | None:
        if session.exists:
            self._settle(session, now_s)
            info = session.info
            if not (info.finished and self._over(info, now_s) and self._cleaner.clean(paths)):
                if not info.finished:
                    self._discard_abandoned(session)
                return info
        self._remove(session, paths)
        return None

    def _over(self, info: Info, now_s: float) -> bool:
        return now_s > info.expires_s + self._store.options.skew_s

    def _settle(self, session: Session, now_s: float) -> None:
        """Dead writers' next states, unfinished publications, expiry."""
        for name in sorted(session.names):
            if name.startswith("info_"):
                self._files.discard(session.paths.of(name))
        info = session.info
        self._store.publisher.settle(session, resume=not self._over(info, now_s))
        if not info.finished and not info.complete and now_s > info.expires_s:
            self._end(session)

    def _finish(self, name: str, paths: Paths, info: Info, now_s: float) -> None:
        """Publish a complete upload, expired or not; one that cannot be ends when its time is over."""
        try:
            self._store.publisher.finish(claims_of(info))
        except Locked:
            raise
        except (StoreError, OSError):
            if not self._over(info, now_s):
                raise
            with self._store.sessions.locked(paths) as session:
                self._store.publisher.settle(session, resume=False)
                if not session.info.finished:
                    self._end(session)
            self._clean(name, paths, info)

    def _end(self, session: Session) -> None:
        info = session.info
        info.state = "expired"
        info.ranges, info.recent, info.segments, info.count = [], [], [], 0
        self._cleaner.end(session)

    def _clean(self, name: str, paths: Paths, info: Info) -> None:
        if self._cleaner.clean(paths) and self._only_tombstone(paths):
            self._tombstones[name] = info.expires_s + self._store.options.skew_s

    def _only_tombstone(self, paths: Paths) -> bool:
        return TOMBSTONE.issuperset(self._files.names(paths.directory))

    def _discard_abandoned(self, session: Session) -> None:
        """Under the lock, since a staging file must not go once an intent names it."""
        for name in sorted(session.names):
            if name.startswith(("body_", "stage_")):
                self._files.discard_unused(session.paths.of(name))

    def _remove(self, session: Session, paths: Paths) -> None:
        """Under the lock: the session's last files, the lock itself last of all.

        The directory is left to whoever closes the lock.
        """
        for name in sorted(self._files.names(paths.directory)):
            if name in (CHUNKS, RECORDS):
                self._cleaner.empty(paths.of(name))
            elif name != LOCK:
                self._files.discard(paths.of(name))
        self._files.discard(paths.lock)
        session.removed()
        self._store.sessions.forget(paths)


def claims_of(info: Info) -> Claims:
    """Claims that open this session, for work that no client's token stands behind."""
    return Claims(
        session=info.session,
        size=info.size,
        target=info.target,
        overwrite=info.overwrite,
        expires_s=info.expires_s,
        created=True,
    )

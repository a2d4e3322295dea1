"""Stores that trust the storage with more than it promises."""

from __future__ import annotations

import os

import msgspec

from chunkstore.body import Body
from chunkstore.files import Files
from chunkstore.layout import Paths
from chunkstore.model import Claims, Info
from chunkstore.port import Data
from chunkstore.session import Session, Sessions
from chunkstore.store import Incoming, Store
from patchstorm.catalog.model import Bug


class _UnsyncedBody(Body):
    """Acknowledges bytes that it has not synced."""

    def _sync(self) -> None:
        if self._whole is None or self._synced:
            return
        self._whole.length = self.received
        self._whole.sha256 = self.sha256.hexdigest()
        self._pieces = [self._whole]
        self._synced = True


class NoFsync(Store):
    body_type = _UnsyncedBody


class _NamelessFiles(Files):
    """Syncs files, and never the directories that name them."""

    def sync_directory(self, path: str) -> None:
        return


class NoDirectoryFsync(Store):
    files_type = _NamelessFiles


class _HastyFiles(Files):
    """Does not look at how much of a write was done."""

    def write_all(self, fd: int, data: Data, offset: int) -> None:
        self.port.pwrite(fd, data, offset)


class ShortWriteIgnored(Store):
    files_type = _HastyFiles


class _FixedNameFiles(Files):
    """One temporary name for all bodies of an upload."""

    def unique(self, prefix: str, suffix: str = ".tmp") -> str:
        return f"{prefix}_{suffix}" if prefix == "body" else super().unique(prefix, suffix)


class FixedTemporaryName(Store):
    files_type = _FixedNameFiles


class _InPlaceSession(Session):
    """Rewrites ``info.json`` where it stands."""

    def save(self, info: Info) -> None:
        info.generation += 1
        port = self.files.port
        with self.files.opened(self.paths.info, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as fd:
            port.sleep(0.002)
            self.files.write_all(fd, msgspec.json.encode(info), 0)
            port.fsync(fd)
        self.replaced = True
        self._info = info


class _InPlaceSessions(Sessions):
    def _load(self, paths: Paths, fd: int) -> Session:
        found = super()._load(paths, fd)
        return _InPlaceSession(found.files, found.paths, found.names, found._info)


class RewrittenInPlace(Store):
    """Looks at ``info.json`` without the lock before it takes a body."""

    sessions_type = _InPlaceSessions

    def begin(self, claims: Claims, offset: int, length: int | None = None) -> Incoming:
        self.sessions._read(self.paths(claims.session))
        return super().begin(claims, offset, length)


BUGS = (
    Bug(
        name="no-fsync",
        says="bytes are acknowledged before they are synced",
        stands_for="no fsync before the answer, as in most released servers",
        storms=("power-loss",),
        caught_by=("durability",),
        deed="fault power-loss",
        also=(
            "offsets",
            "status",
            "linearizable",
            "completion",
            "bytes",
            "publication",
            "availability",
            "refusal",
        ),
        store=NoFsync,
        sim_only="power cannot be taken from processes alone",
    ),
    Bug(
        name="no-directory-fsync",
        says="files are synced, and the directories that name them are not",
        stands_for="fsync(2): the file's own fsync does not sync its name",
        storms=("power-loss",),
        caught_by=("durability",),
        deed="fault power-loss",
        also=(
            "offsets",
            "status",
            "linearizable",
            "completion",
            "bytes",
            "publication",
            "availability",
            "refusal",
            "residue",
        ),
        store=NoDirectoryFsync,
        sim_only="power cannot be taken from processes alone",
    ),
    Bug(
        name="short-write-ignored",
        says="nobody looks at how many bytes a write took",
        stands_for="write(2) taken for write-all",
        storms=("failing-disk",),
        caught_by=("availability", "durability", "bytes"),
        deed="fault short-write",
        also=("offsets", "status", "linearizable", "completion", "publication"),
        store=ShortWriteIgnored,
        sim_only="a local file system takes every write whole",
    ),
    Bug(
        name="fixed-temporary-name",
        says="all bodies of an upload use one temporary name",
        stands_for="a fixed temporary name: transient 500s",
        storms=("parallel",),
        caught_by=("availability",),
        deed="request open **/body_.tmp",
        also=(
            "completion",
            "durability",
            "offsets",
            "status",
            "bytes",
            "publication",
            "linearizable",
        ),
        store=FixedTemporaryName,
    ),
    Bug(
        name="rewritten-in-place",
        says="the metadata is rewritten where it stands and read without the lock",
        stands_for="non-atomic metadata: transient 500s and 404s",
        storms=("parallel",),
        caught_by=("availability",),
        deed="request open **/info.json",
        also=("completion",),
        store=RewrittenInPlace,
    ),
)

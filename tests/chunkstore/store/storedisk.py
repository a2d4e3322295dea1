"""What would be left after a power loss: a crude, pessimistic model over a real directory.

File data is durable only after fsync of the file, a change of names only after fsync of the
directory (fsync(2)); whatever was not synced may be lost, or kept, in any combination. So two trees
are looked at after every call: the one everybody sees, and the one of which nothing can be lost. In
both, an ``info.json`` must find everything it names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from faultport import Call, FaultPort

from chunkstore.model import Info, Record, Segment

Read = Callable[[Path], bytes | None]


@dataclass
class Disk:
    """Watches the calls of all replicas over ``root``. ``expected``: what each upload publishes.

    ``swallow`` picks fsync calls that do nothing, as on storage that lies or in a store that forgot.
    """

    root: Path
    expected: dict[str, bytes] = field(default_factory=dict)
    swallow: Callable[[str], bool] = lambda path: False
    synced: int = 0
    _data: dict[int, bytes] = field(default_factory=dict)
    _names: dict[int, dict[str, int]] = field(default_factory=dict)

    def attach(self, port: FaultPort) -> None:
        port.after = self.watch

    def watch(self, call: Call) -> None:
        if call.name == "open" and int(str(call.extra[0])) & os.O_EXCL:
            self._data.pop(os.lstat(call.path).st_ino, None)  # the number may have been used before
            return
        if call.name == "mkdir":
            self._names.pop(os.lstat(call.path).st_ino, None)
            return
        if call.name == "fsync":
            if self.swallow(call.path):
                return
            self.synced += 1
            self._sync(Path(call.path))
        elif call.name not in ("replace", "link", "unlink", "rmdir"):
            return
        self.require_named()

    def _sync(self, path: Path) -> None:
        inode = path.stat().st_ino
        if path.is_dir():
            with os.scandir(path) as entries:
                self._names[inode] = {entry.name: entry.inode() for entry in entries}
        else:
            self._data[inode] = path.read_bytes()

    def inode(self, path: Path) -> int | None:
        """The inode that is certainly found under this name after a power loss."""
        inode: int | None = self.root.stat().st_ino
        for part in path.relative_to(self.root).parts:
            inode = self._names.get(inode, {}).get(part) if inode is not None else None
        return inode

    def durable(self, path: Path) -> bytes | None:
        inode = self.inode(path)
        return None if inode is None else self._data.get(inode)

    def visible(self, path: Path) -> bytes | None:
        return path.read_bytes() if path.exists() else None

    def require_named(self) -> None:
        """Whichever ``info.json`` a power loss leaves, all that it names is there."""
        uploads = self.root / ".upload"
        for session in uploads.iterdir() if uploads.exists() else ():
            for read in (self.visible, self.durable):
                data = read(session / "info.json")
                if data is not None:
                    self._require_all_of(session, msgspec.json.decode(data, type=Info))

    def _require_all_of(self, session: Path, info: Info) -> None:
        for name in ("chunks", "records", ".lock"):
            if info.state == "uploading":
                assert self.inode(session / name) is not None, f"{name} may be lost"
        if info.state == "published":
            kept = self.durable(self.root / info.target)
            assert kept == self.expected[info.session], "the published file may be lost"
        if info.intent is not None:
            kept = self.durable(session / info.intent.staging)
            assert kept == self.expected[info.session], "the staging file may be lost"
        if info.state == "uploading":
            for record in info.recent + self._spilled(session, info.segments):
                self._require_chunk(session, record)

    def _spilled(self, session: Path, segments: list[Segment]) -> list[Record]:
        found: list[Record] = []
        for segment in segments:
            data = self.durable(session / "records" / segment.name)
            assert data is not None, "a segment of records may be lost"
            found += msgspec.json.decode(data, type=list[Record])
        return found

    def _require_chunk(self, session: Path, record: Record) -> None:
        path = session / "chunks" / f"chunk_{record.offset}.dat"
        for read in (self.visible, self.durable):
            data = read(path)
            assert data is not None, f"{path.name} may be lost"
            assert hashlib.sha256(data).hexdigest() == record.sha256, f"{path.name} may be torn"

    def require_acknowledged(self, session: Path, acknowledged: set[int]) -> None:
        """Rule 1 at the moment of an answer."""
        if not acknowledged:
            return
        data = self.durable(session / "info.json")
        assert data is not None, "the session may be lost"
        info = msgspec.json.decode(data, type=Info)
        covered = {at for start, end in info.ranges for at in range(start, end)}
        assert acknowledged <= covered, "acknowledged bytes may be lost"

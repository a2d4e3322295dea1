"""The port that tells everything: for runs in which steps are recorded, triggered on or hit by faults.

It takes exactly the steps of :class:`~patchstorm.worlds.sim.port.SimPort`, so a schedule means the same run
through either; it only costs about twice as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from patchstorm.choice.strategy import Footprint
from patchstorm.run.publication import PublicationWatcher
from patchstorm.run.truth import ROOT
from patchstorm.storage.constants import LOCK_UN
from patchstorm.storage.errors import WouldBlock
from patchstorm.worlds.sim import steps
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.port import Data, SimPort, Watch

if TYPE_CHECKING:
    from patchstorm.storage.client import Client
    from patchstorm.storage.server import Server
    from patchstorm.storage.stat import Stat

Detail = dict[str, Any]
_LOCKS = ("flock", "lockf")
_ANNOUNCED = ("read", "stat", "truncate", "scandir", *_LOCKS)
"""Of what goes by :meth:`SimPort.call`: what a trigger may wait for."""


def watching(watcher: PublicationWatcher, *, tells: bool) -> Watch:
    """A watch that tells ``watcher`` of paths below the root; with ``tells`` of all files that appear."""
    below = len(ROOT) + 1
    watch = Watch(lambda path: watcher.changed(path[below:]))
    if tells:
        watch.appeared.append(lambda path: watcher.appeared(path[below:]))
    return watch


class Observer:
    """What a watched port tells. A method that is not overridden is not called.

    ``before`` is called when a call is about to execute and may return a substitute for it: a
    function that is called instead. ``after`` gets the result, or the error it raised.
    """

    def attach(self, kernel: Kernel, storage: Server) -> None:
        return None

    def naming(self, replica: int, call: str, path: str) -> None:
        """A call is about to give something the name ``path``."""

    def before(
        self, replica: int, call: str, path: str, execute: Callable[[], Any]
    ) -> Callable[[], Any] | None:
        return None

    def after(
        self, replica: int, footprint: Footprint, path: str, detail: Detail, result: object
    ) -> None:
        return None

    def appeared(self, replica: int, path: str) -> None:
        return None

    def vanished(self, replica: int, path: str) -> None:
        return None


class WatchedPort(SimPort):
    """One process's calls, each announced to the scheduler with its footprint and to observers."""

    def __init__(
        self,
        kernel: Kernel,
        server: Server,
        client: Client,
        watch: Watch,
        serial: int,
        *,
        replica: int,
        observers: Sequence[Observer],
    ) -> None:
        super().__init__(kernel, server, client, watch, serial)
        self._replica = replica
        self._naming = [one.naming for one in observers if _overrides(one, "naming")]
        self._before = [one.before for one in observers if _overrides(one, "before")]
        self._after = [one.after for one in observers if _overrides(one, "after")]
        self._appeared = [one.appeared for one in observers if _overrides(one, "appeared")]
        self._vanished = [one.vanished for one in observers if _overrides(one, "vanished")]
        self._paths: dict[int, str] = {}
        self._locked: set[int] = set()

    def _path(self, fd: int) -> str:
        return self._paths.get(fd, f"fd {fd}")

    def _call(
        self, footprint: Footprint, path: str, execute: Callable[[], Any], **detail: Any
    ) -> Any:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(footprint)
        run = execute
        for before in self._before:
            run = before(self._replica, footprint.call, path, run) or run
        if kernel.current is not None and kernel.current.doomed:
            kernel.steps += 1
            kernel.ask(footprint)
        try:
            while True:
                try:
                    result = run()
                    break
                except WouldBlock as block:
                    self._wait(block)
        except OSError as error:
            if run is not execute:
                self._carried_out(path, detail.get("to"))
            for after in self._after:
                after(self._replica, footprint, path, detail, error)
            raise
        for after in self._after:
            after(self._replica, footprint, path, detail, result)
        return result

    def _carried_out(self, path: str, to: str | None) -> None:
        """A fault had its way with the call: what was told of it need not be what was done."""
        for name in (path, None if to is None else f"{ROOT}/{to}"):
            if name in self.watch.hot:
                self.watch.changed(name)

    def _names(self, call: str, path: str) -> None:
        for naming in self._naming:
            naming(self._replica, call, path)

    def _appears(self, path: str) -> None:
        for appeared in self._appeared:
            appeared(self._replica, path)
        self._doom()

    def _vanishes(self, path: str) -> None:
        for vanished in self._vanished:
            vanished(self._replica, path)
        self._doom()

    def _doom(self) -> None:
        """An observer may have killed this very host: then the call happened and nobody hears of it."""
        kernel = self.kernel
        if kernel.current is not None and kernel.current.doomed:
            kernel.steps += 1
            kernel.ask(None)

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        fresh = bool(flags & 0o100) and not self._there(path)
        fd: int = self._call(
            steps.opening(path, flags),
            path,
            lambda: self.client.open(path, flags, mode),
            flags=flags,
        )
        self._paths[fd] = path
        if self.openers is not None:
            self.openers[fd] = self.kernel.current
        if flags & 0o103:
            if flags & 0o100:
                self._made(path)
            if path in self.watch.hot:
                self._hot_fds[fd] = path
                self.watch.changed(path)
        if fresh:
            self._appears(path)
        return fd

    def _there(self, path: str) -> bool:
        """Whether the server has this name (no matter what the client's caches say)."""
        at = self.server.tree.root
        for name in path.split("/"):
            if not name:
                continue
            if at.entries is None or name not in at.entries:
                return False
            at = at.entries[name]
        return True

    def close(self, fd: int) -> None:
        path = self._path(fd)
        footprint = steps.closing(path, fd in self._locked)
        try:
            self._call(footprint, path, lambda: self.client.close(fd))
        finally:
            if fd not in self.client.fds:
                self._locked.discard(fd)
                self._paths.pop(fd, None)
        if self._hot_fds:
            self._cooled(fd)
        if self.kernel.waiting:
            self._wake()

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        path = self._path(fd)
        data: bytes = self._call(
            steps.reading("pread", path), path, lambda: self.client.pread(fd, length, offset),
            offset=offset,
        )  # fmt: skip
        return data

    def preadv(self, fd: int, buffers: Sequence[bytearray | memoryview], offset: int) -> int:
        path = self._path(fd)
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        wanted = sum(len(view) for view in views)
        data: bytes = self._call(
            steps.reading("pread", path), path, lambda: self.client.pread(fd, wanted, offset),
            offset=offset,
        )  # fmt: skip
        done = 0
        for view in views:
            part = data[done : done + len(view)]
            view[: len(part)] = part
            done += len(part)
        return done

    def pwrite(self, fd: int, data: Data, offset: int) -> int:
        path = self._path(fd)
        written: int = self._call(
            steps.writing("pwrite", path), path, partial(self.client.pwrite, fd, data, offset),
            offset=offset, length=len(data),
        )  # fmt: skip
        if self._hot_fds:
            self._warmed(fd)
        return written

    def write(self, fd: int, data: Data) -> int:
        """Told with where it really began: by then others may have moved the end of the file."""
        path = self._path(fd)
        handle = self.client.fds.get(fd)
        detail: Detail = {}
        if handle is not None:
            detail = {"size": handle.inode.size, "appends": handle.append, "began": {}}
        written: int = self._call(
            steps.writing("write", path), path,
            partial(self._written, fd, data, detail.get("began", {})), length=len(data), **detail,
        )  # fmt: skip
        if self._hot_fds:
            self._warmed(fd)
        return written

    def _written(self, fd: int, data: Data, began: Detail) -> int:
        handle = self.client.fds.get(fd)
        count = self.client.write(fd, data)
        if handle is not None:
            began["at"] = handle.position - count
        return count

    def ftruncate(self, fd: int, length: int) -> None:
        path = self._path(fd)
        self._call(
            steps.writing("ftruncate", path), path, lambda: self.client.ftruncate(fd, length),
            length=length,
        )  # fmt: skip
        if self._hot_fds:
            self._warmed(fd)

    def fsync(self, fd: int) -> None:
        path = self._path(fd)
        self._call(steps.syncing(path), path, lambda: self.client.fsync(fd))

    def fstat(self, fd: int) -> Stat:
        path = self._path(fd)
        found: Stat = self._call(steps.reading("fstat", path), path, lambda: self.client.fstat(fd))
        return found

    def lstat(self, path: str) -> Stat:
        found: Stat = self._call(steps.looking(path), path, lambda: self.client.lstat(path))
        return found

    def replace(self, source: str, target: str) -> None:
        self._names("replace", target)
        self._call(
            steps.naming("replace", source, target), source,
            partial(self.client.replace, source, target), to=target[len(ROOT) + 1 :],
        )  # fmt: skip
        self._named(target)
        if source in self.watch.hot:
            self.watch.changed(source)
        self._vanishes(source)
        self._appears(target)

    def link(self, source: str, target: str) -> None:
        self._names("link", target)
        self._call(
            steps.naming("link", source, target), source,
            lambda: self.client.link(source, target), to=target[len(ROOT) + 1 :],
        )  # fmt: skip
        self._named(target)
        self._appears(target)

    def unlink(self, path: str) -> None:
        self._call(steps.naming("unlink", path), path, lambda: self.client.unlink(path))
        if path in self.watch.hot:
            self.watch.changed(path)
        self._vanishes(path)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        self._call(steps.naming("mkdir", path), path, lambda: self.client.mkdir(path, mode))
        self.watch.created.setdefault(path, self.kernel.steps)
        self._appears(path)

    def rmdir(self, path: str) -> None:
        self._call(steps.naming("rmdir", path), path, lambda: self.client.rmdir(path))
        self._vanishes(path)

    def listdir(self, path: str) -> list[str]:
        names: list[str] = self._call(steps.listing(path), path, lambda: self.client.listdir(path))
        return names

    def call(self, name: str, *args: Any, **named: Any) -> Any:
        """What a trigger may wait for is announced as well, with the path that it is about."""
        if name not in _ANNOUNCED or (name in _LOCKS and args[1] & LOCK_UN):
            return super().call(name, *args, **named)
        path = self._path(args[0]) if isinstance(args[0], int) else str(args[0])
        result = self._call(
            steps.called(name, path), path, partial(getattr(self.client, name), *args, **named)
        )
        if self.kernel.waiting:
            self._wake()
        return result

    def asks(self, footprint: Footprint, says: str, execute: Callable[[], Any]) -> Any:
        return self._call(footprint, says, execute)

    def flock(self, fd: int, operation: int) -> None:
        path = self._path(fd)
        self._call(
            steps.locking(path, operation), path,
            lambda: self.client.flock(fd, operation | 4),
        )  # fmt: skip
        self._locked.add(fd)
        if self.kernel.waiting:
            self._wake()


def _overrides(observer: Observer, method: str) -> bool:
    return getattr(type(observer), method) is not getattr(Observer, method)

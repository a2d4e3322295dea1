"""The port of one replica process in the simulator: the calls of ``chunkstore.port.Port`` as steps.

A call announces itself, which may let others run first, and then executes in the caller's own
greenlet: results and exceptions need no carrying. The announcement costs an addition and a
comparison unless the scheduler asked to be consulted. Signatures are explicit, since this is the
hottest code of the simulator.

``time_ns``, ``monotonic_ns`` and ``urandom`` are no steps: they read virtual time and a counter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from patchstorm.choice.strategy import Footprint
from patchstorm.storage.constants import LOCK_NB, O_ACCMODE, O_CREAT
from patchstorm.storage.errors import WouldBlock
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.timers import wait_ns

if TYPE_CHECKING:
    from patchstorm.storage.client import Client
    from patchstorm.storage.server import Server
    from patchstorm.storage.stat import Stat
    from patchstorm.worlds.sim.task import Task

EPOCH_NS = 1_800_000_000 * 1_000_000_000
"""What the clocks of a run show at its start: a moment in 2027."""

Data = bytes | bytearray | memoryview
Creation = Literal["on", "bearer", "off"]
Blocks = Callable[[int, int, int], Iterator[tuple[int, Any]]]


class Watch:
    """Who wants to know of names that appear: published files, and names beside them.

    ``hot`` are the published paths, absolute. ``created`` collects every path that was given a name, of which
    those in ``appeared`` are told when a file is made there for the first time.
    """

    __slots__ = ("appeared", "changed", "created", "hot")

    def __init__(self, changed: Callable[[str], None]) -> None:
        self.changed = changed
        self.appeared: list[Callable[[str], None]] = []
        self.hot: set[str] = set()
        self.created: dict[str, int] = {}


class SimPort:
    """One process's calls.

    ``skew_ns`` is how far its wall clock is ahead. ``lifetime_ms`` is how long the storm wants uploads
    to live; None: as long as the store likes. ``creation`` is who may create them. ``blocks`` reads a range
    of a file without copying it, in storms whose uploads are described and not held; None in all others.
    ``openers`` are, by descriptor, the tasks that opened it; None where nobody asks.
    """

    def __init__(
        self, kernel: Kernel, server: Server, client: Client, watch: Watch, serial: int
    ) -> None:
        self.kernel = kernel
        self.server = server
        self.client = client
        self.watch = watch
        self.skew_ns = 0
        self.lifetime_ms: int | None = None
        self.creation: Creation = "on"
        self.blocks: Blocks | None = None
        self.openers: dict[int, Task | None] | None = None
        self.serial = serial
        self._serial = serial << 32
        self._hot_fds: dict[int, str] = {}
        self._close = client.close
        self._pread = client.pread
        self._pwrite = client.pwrite
        self._fsync = client.fsync
        self._fstat = client.fstat
        self._lstat = client.lstat
        self._open = client.open

    # -- names and descriptors --------------------------------------------------------------------

    def open(self, path: str, flags: int, mode: int = 0o666) -> int:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                fd = self._open(path, flags, mode)
                break
            except WouldBlock as block:
                self._wait(block)
        if self.openers is not None:
            self.openers[fd] = kernel.current
        if flags & (O_CREAT | O_ACCMODE):
            if flags & O_CREAT:
                self._made(path)
            if path in self.watch.hot:
                self._hot_fds[fd] = path
                self.watch.changed(path)
        return fd

    def close(self, fd: int) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self._close(fd)
                break
            except WouldBlock as block:
                self._wait(block)
        if self._hot_fds:
            self._cooled(fd)
        if kernel.waiting:
            self._wake()

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                return self._pread(fd, length, offset)
            except WouldBlock as block:
                self._wait(block)

    def preadv(self, fd: int, buffers: Sequence[bytearray | memoryview], offset: int) -> int:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        views = [memoryview(buffer).cast("B") for buffer in buffers]
        while True:
            try:
                data = self._pread(fd, sum(len(view) for view in views), offset)
                break
            except WouldBlock as block:
                self._wait(block)
        done = 0
        for view in views:
            part = data[done : done + len(view)]
            view[: len(part)] = part
            done += len(part)
        return done

    def pwrite(self, fd: int, data: Data, offset: int) -> int:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                written = self._pwrite(fd, data, offset)
                break
            except WouldBlock as block:
                self._wait(block)
        if self._hot_fds:
            self._warmed(fd)
        return written

    def write(self, fd: int, data: Data) -> int:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                written = self.client.write(fd, data)
                break
            except WouldBlock as block:
                self._wait(block)
        if self._hot_fds:
            self._warmed(fd)
        return written

    def ftruncate(self, fd: int, length: int) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.ftruncate(fd, length)
                break
            except WouldBlock as block:
                self._wait(block)
        if self._hot_fds:
            self._warmed(fd)

    def fsync(self, fd: int) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self._fsync(fd)
                return
            except WouldBlock as block:
                self._wait(block)

    def fstat(self, fd: int) -> Stat:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                return self._fstat(fd)
            except WouldBlock as block:
                self._wait(block)

    def lstat(self, path: str) -> Stat:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                return self._lstat(path)
            except WouldBlock as block:
                self._wait(block)

    def replace(self, source: str, target: str) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.replace(source, target)
                break
            except WouldBlock as block:
                self._wait(block)
        self._named(target)
        if source in self.watch.hot:
            self.watch.changed(source)

    def link(self, source: str, target: str) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.link(source, target)
                break
            except WouldBlock as block:
                self._wait(block)
        self._named(target)

    def unlink(self, path: str) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.unlink(path)
                break
            except WouldBlock as block:
                self._wait(block)
        if path in self.watch.hot:
            self.watch.changed(path)

    def mkdir(self, path: str, mode: int = 0o777) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.mkdir(path, mode)
                break
            except WouldBlock as block:
                self._wait(block)
        self.watch.created.setdefault(path, kernel.steps)

    def rmdir(self, path: str) -> None:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.rmdir(path)
                return
            except WouldBlock as block:
                self._wait(block)

    def listdir(self, path: str) -> list[str]:
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                return self.client.listdir(path)
            except WouldBlock as block:
                self._wait(block)

    # -- locks ------------------------------------------------------------------------------------

    def flock(self, fd: int, operation: int) -> None:
        """Only ever tries, as the store's port asks: ``BlockingIOError`` when the lock is taken."""
        kernel = self.kernel
        kernel.steps += 1
        if kernel.steps >= kernel.due:
            kernel.ask(None)
        while True:
            try:
                self.client.flock(fd, operation | LOCK_NB)
                break
            except WouldBlock as block:
                self._wait(block)
        if kernel.waiting:
            self._wake()

    def call(self, name: str, *args: Any, **named: Any) -> Any:
        """Any other call of the storage's client, as a step; a blocking lock waits here."""
        self.kernel.step(Footprint(name, (), ()))
        while True:
            try:
                result = getattr(self.client, name)(*args, **named)
                break
            except WouldBlock as block:
                self._wait(block)
        if self.kernel.waiting:
            self._wake()
        return result

    def asks(self, footprint: Footprint, says: str, execute: Callable[[], Any]) -> Any:
        """A request to a service beside the fleet, as a step of whoever carries it out."""
        self.kernel.step(footprint)
        return execute()

    # -- time and chance --------------------------------------------------------------------------

    def monotonic_ns(self) -> int:
        return self.kernel.now_ns

    def time_ns(self) -> int:
        return EPOCH_NS + self.kernel.now_ns + self.skew_ns

    def sleep(self, seconds: float) -> None:
        self.kernel.sleep(wait_ns(seconds))

    def urandom(self, size: int) -> bytes:
        """Bytes that never repeat: this process's number and a counter, so names sort by age."""
        self._serial += 1
        whole = self._serial.to_bytes(max(size, 8), "big")
        return whole[len(whole) - size :]

    # -- large uploads ----------------------------------------------------------------------------

    def describe(self) -> None:
        """Files may be larger than memory from now on: what is read at once is described (``Rope``)."""
        self.blocks = self._described

    def _described(self, fd: int, offset: int, length: int) -> Iterator[tuple[int, Any]]:
        at = 0
        while at < length:
            block = self.pread(fd, length - at, offset + at)
            if not block:
                return
            yield at, block
            at += len(block)

    # -- how --------------------------------------------------------------------------------------

    def _wait(self, block: WouldBlock) -> None:
        self.kernel.wait(block.key, block.until_ns)

    def _wake(self) -> None:
        for key in self.server.take_wakes():
            self.kernel.wake(key)

    def _named(self, path: str) -> None:
        watch = self.watch
        self._made(path)
        if path in watch.hot:
            watch.changed(path)

    def _made(self, path: str) -> None:
        watch = self.watch
        if path not in watch.created:
            watch.created[path] = self.kernel.steps
            for appeared in watch.appeared:
                appeared(path)

    def _warmed(self, fd: int) -> None:
        path = self._hot_fds.get(fd)
        if path is not None:
            self.watch.changed(path)

    def _cooled(self, fd: int) -> None:
        path = self._hot_fds.pop(fd, None)
        if path is not None:
            self.watch.changed(path)

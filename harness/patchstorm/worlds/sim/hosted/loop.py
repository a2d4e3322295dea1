"""The event loop of a simulated process: asyncio's own, with the kernel for a selector.

``_run_once`` is untouched, so callbacks run in the order that asyncio gives them. Having nothing ready it
*selects*: the task then waits on virtual time, and dies there with its replica.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
from asyncio import events
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from patchstorm.worlds.sim.hosted.connection import PORT, Listener, Transport
from patchstorm.worlds.sim.hosted.dialling import dial, dialled
from patchstorm.worlds.sim.hosted.here import current, task_here
from patchstorm.worlds.sim.hosted.lines import on_behalf
from patchstorm.worlds.sim.hosted.process import APPLICATION

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.kernel import HostedKernel
    from patchstorm.worlds.sim.hosted.process import HostedProcess


_Base: Any = asyncio.BaseEventLoop  # of whose inner side the type hints say little


class _InPlace(type):
    """Of a class in the place of ``stands_for``: whatever is one of those is one of these, too."""

    def __instancecheck__(cls, one: Any) -> bool:
        return type.__instancecheck__(cls.__dict__.get("stands_for", cls), one)

    def __subclasscheck__(cls, kind: type) -> bool:
        return type.__subclasscheck__(cls.__dict__.get("stands_for", cls), kind)


class SimTask(asyncio.Task[Any], metaclass=_InPlace):
    """Its hash is a count, not an address: sets of tasks are walked in the same order in every run."""

    stands_for = asyncio.Task

    def __init__(self, coro: Any, *, loop: Any = None, **named: Any) -> None:
        self._count = _count_on(loop or events.get_event_loop())
        if self._count and named.get("name") is None:
            # The interpreter's own count goes on from run to run.
            named["name"] = f"Task-{self._count}"
        super().__init__(coro, loop=loop, **named)

    def __hash__(self) -> int:
        return self._count or id(self) >> 4


class SimFuture(asyncio.Future[Any], metaclass=_InPlace):
    """The same of futures."""

    stands_for = asyncio.Future

    def __init__(self, *, loop: Any = None) -> None:
        super().__init__(loop=loop)
        self._count = _count_on(self.get_loop())

    def __hash__(self) -> int:
        return self._count or id(self) >> 4


def _count_on(loop: Any) -> int:
    """The next number on a loop; 0 on one of the machine's."""
    return loop.count() if type(loop) is SimLoop else 0


class SimLoop(_Base):  # type: ignore[misc]
    """One loop of a simulated process; each task of the kernel may run one."""

    def __init__(self, process: HostedProcess) -> None:
        self._process = process
        self._kernel: HostedKernel = process.kernel
        self._woken = False
        self.count = itertools.count(1).__next__
        super().__init__()
        self.set_task_factory(_make_task)
        self._selector = self
        self._clock_resolution = 1e-9
        self.hooks = (self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)
        self.set_exception_handler(_tell)

    # -- what BaseEventLoop asks of a selector and of its subclass -------------------------------------

    def time(self) -> float:
        return self._kernel.now_ns / 1e9

    def select(self, timeout: float | None) -> list[Any]:
        """Give way for a step, or wait until somebody wakes the loop, ``timeout`` seconds at most."""
        kernel = self._kernel
        if self._woken or timeout == 0:
            kernel.step()
        else:
            until = None if timeout is None else kernel.now_ns + math.ceil(timeout * 1e9)
            kernel.wait(self, until)
        self._woken = False
        return []

    def _process_events(self, events: Any) -> None:
        return None

    def _write_to_self(self) -> None:
        self._woken = True
        if self._kernel.waiting:
            self._kernel.wake(self)

    # -- running ---------------------------------------------------------------------------------------

    def run_forever(self) -> None:
        task = task_here()
        assert task is not None
        self._kernel.loops[task.number] = self
        try:
            with self._kernel.hooked_by(self):
                super().run_forever()
        finally:
            self._kernel.loops.pop(task.number, None)
            if not self._process.alive:
                self.bury()

    def close(self) -> None:
        if self._process.alive:
            super().close()

    def call_soon_threadsafe(
        self, callback: Callable[..., Any], *args: Any, context: Any = None
    ) -> Any:
        if not self._process.alive:
            return None  # a pool thread of the dead reports to a loop that runs no more
        return super().call_soon_threadsafe(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """asyncio's own; the thread is told for which request it works, which a story wants to know."""
        return super().run_in_executor(executor, on_behalf(self._process, func), *args)

    def create_future(self) -> asyncio.Future[Any]:
        return SimFuture(loop=self)

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        if self._process.alive:
            super()._asyncgen_finalizer_hook(agen)

    def bury(self) -> None:
        """What a dead process still has in its frames ends now, in its own name.

        Left to the collector, a ``finally`` that removes a file would run within a living replica.
        """
        pending: list[Any] = sorted(asyncio.all_tasks(self), key=hash)
        for task in pending:
            task._log_destroy_pending = False
            with contextlib.suppress(BaseException):  # it dies, whatever it says
                task.get_coro().close()
        self._ready.clear()
        self._scheduled.clear()
        self._default_executor = None

    # -- the network ---------------------------------------------------------------------------------

    async def create_server(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, **_: Any
    ) -> Listener:
        listener = Listener(self, protocol_factory, port or PORT)
        listener.open()
        return listener

    async def create_unix_server(self, *_: Any, **__: Any) -> Any:
        self._process.refuse(
            "a server on a Unix socket", "is reached by no client of a storm", APPLICATION
        )

    async def create_connection(
        self, protocol_factory: Callable[[], Any], host: Any = None, port: Any = None, *,
        sock: Any = None, ssl: Any = None, **_: Any,
    ) -> Any:  # fmt: skip
        """To a service that the target's file names."""
        if ssl:
            self._process.refuse("a connection with TLS", "is spoken by no simulated service")
        link = dialled(sock) if sock is not None else dial(self._process, host, port)
        if link is None:
            self._process.refuse("a connection over a socket", "was not made in the simulator")
        assert link is not None
        transport = Transport(self, link, protocol_factory)
        link.peer = transport
        opened = self.create_future()
        self.call_soon(_tell_opened, opened)
        await opened
        return transport, transport.get_protocol()

    async def create_unix_connection(self, *_: Any, **__: Any) -> Any:
        self._process.refuse("a connection to a Unix socket", "leads out of the simulation")

    async def create_datagram_endpoint(self, *_: Any, **__: Any) -> Any:
        self._process.refuse("datagrams", "lead out of the simulation")

    async def sock_connect(self, sock: Any, address: Any) -> None:
        sock.connect(address)

    async def getaddrinfo(self, host: Any, port: Any, **_: Any) -> Any:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async def subprocess_exec(self, *_: Any, **__: Any) -> Any:
        self._process.refuse("a subprocess", "runs beside the simulation")

    subprocess_shell = subprocess_exec

    def add_signal_handler(self, *_: Any) -> None:
        """Nobody sends any: a replica is stopped by its death."""

    def remove_signal_handler(self, *_: Any) -> bool:
        return False


def _tell_opened(opened: asyncio.Future[Any]) -> None:
    if not opened.done():
        opened.set_result(None)


def _make_task(loop: Any, coro: Any, **named: Any) -> Any:
    return SimTask(coro, loop=loop, **named)


def _tell(loop: Any, context: dict[str, Any]) -> None:
    """What asyncio would log: kept with the process's own words."""
    if loop._process.alive:
        loop.default_exception_handler(context)


def install(replace: Callable[[Any, str, Any], None]) -> None:
    """Have every way to a new loop, a task or a future lead to one of the process that asks."""
    policy: Any = events.BaseDefaultEventLoopPolicy
    modules: tuple[Any, ...] = (events, asyncio)
    for module in modules:
        module.new_event_loop = _new(events.new_event_loop)
    selecting: Any = asyncio.SelectorEventLoop
    selecting.__new__ = _made
    policy.new_event_loop = _new_of(policy.new_event_loop)
    policy.get_event_loop = _got(policy.get_event_loop)
    policy.set_event_loop = _set(policy.set_event_loop)
    inner: Any = asyncio.tasks
    replace(asyncio.futures, "Future", SimFuture)
    replace(asyncio.tasks, "Task", SimTask)
    inner._GatheringFuture.__init__ = _counting(inner._GatheringFuture.__init__)
    inner._GatheringFuture.__hash__ = SimFuture.__hash__
    if hasattr(inner, "create_eager_task_factory"):
        replace(inner, "eager_task_factory", inner.create_eager_task_factory(SimTask))


def _counting(real: Callable[..., None]) -> Callable[..., None]:
    def __init__(self: Any, children: Any, *, loop: Any) -> None:  # noqa: N807
        self._count = _count_on(loop)
        real(self, children, loop=loop)

    return __init__


def _new(real: Callable[[], Any]) -> Callable[[], Any]:
    def new_event_loop() -> Any:
        process = current()
        return real() if process is None else SimLoop(process)

    return new_event_loop


def _made(cls: Any, *_: Any, **__: Any) -> Any:
    """What ``asyncio.SelectorEventLoop()`` gives, which uvicorn asks for by its name."""
    process = current()
    if process is None or cls is not asyncio.SelectorEventLoop:
        return object.__new__(cls)
    return SimLoop(process)


def _new_of(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def new_event_loop(self: Any) -> Any:
        process = current()
        return real(self) if process is None else SimLoop(process)

    return new_event_loop


def _set(real: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    def set_event_loop(self: Any, loop: Any) -> None:
        task = task_here()
        if current() is None or task is None:
            real(self, loop)
        else:
            task.loop = loop

    return set_event_loop


def _got(real: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def get_event_loop(self: Any) -> Any:
        process, task = current(), task_here()
        if process is None or task is None:
            return real(self)
        if task.loop is None:
            if task.number in process.threads:
                raise RuntimeError("There is no current event loop in this thread.")
            task.loop = SimLoop(process)
        return task.loop

    return get_event_loop

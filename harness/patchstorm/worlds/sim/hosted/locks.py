"""Locks of ``threading`` between the tasks of one process, and thread-local state that follows the task.

Taking a free lock is no step, since nobody outside of the process can see it; waiting for one is. A lock
that a shared package made, when no process was running, is one lock in each process, as it would be if
each had imported that package itself.
"""

from __future__ import annotations

import _thread
import threading
from typing import TYPE_CHECKING, Any

from patchstorm.worlds.sim.hosted.here import current, task_here
from patchstorm.worlds.sim.timers import wait_ns

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.process import HostedProcess

_real_lock = _thread.allocate_lock
_real_rlock = threading.RLock
_RealLocal: type = threading.local


class SimLock:
    """``threading.Lock`` of one process."""

    def __init__(self, process: HostedProcess) -> None:
        self._process = process
        self._owner: object | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        kernel = self._process.kernel
        if self._owner is None:
            self._owner = kernel.current or self
            return True
        if not blocking or timeout == 0:
            return False
        if not self._process.alive and not self._own_task():
            return True  # a finalizer that comes late, in others' name; whoever held it is gone
        until_ns = kernel.now_ns + wait_ns(timeout) if timeout > 0 else None
        while self._owner is not None:
            if until_ns is not None and kernel.now_ns >= until_ns:
                return False
            kernel.wait(self, until_ns)
        self._owner = kernel.current or self
        return True

    def _own_task(self) -> bool:
        task = self._process.kernel.current
        return task is not None and task.domain is self._process.domain

    def release(self) -> None:
        if self._owner is None:
            raise RuntimeError("release unlocked lock")
        self._owner = None
        kernel = self._process.kernel
        if kernel.waiting:
            kernel.wake(self)

    def locked(self) -> bool:
        return self._owner is not None

    def _at_fork_reinit(self) -> None:
        self._owner = None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class SimRLock(SimLock):
    """``threading.RLock`` of one process, with what ``Condition`` asks of it."""

    def __init__(self, process: HostedProcess) -> None:
        super().__init__(process)
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        if self._is_owned():
            self._depth += 1
            return True
        taken = super().acquire(blocking, timeout)
        self._depth = int(taken)
        return taken

    def release(self) -> None:
        if not self._is_owned():
            raise RuntimeError("cannot release un-acquired lock")
        self._depth -= 1
        if not self._depth:
            super().release()

    def _is_owned(self) -> bool:
        return self._owner is not None and self._owner is (self._process.kernel.current or self)

    def _recursion_count(self) -> int:
        return self._depth if self._is_owned() else 0

    def _release_save(self) -> int:
        depth, self._depth = self._depth, 0
        SimLock.release(self)
        return depth

    def _acquire_restore(self, depth: int) -> None:
        SimLock.acquire(self)
        self._depth = depth


class SharedLock:
    """A lock that was made outside of any process: the machine's there, and one of each process's own."""

    _make_real: Any = staticmethod(_real_lock)
    _make: type[SimLock] = SimLock

    def __init__(self) -> None:
        self._real = self._make_real()

    def _here(self) -> Any:
        process = current()
        if process is None:
            return self._real
        found = process.shared_locks.get(self)
        if found is None:
            found = process.shared_locks[self] = self._make(process)
        return found

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        return bool(self._here().acquire(blocking, timeout))

    def release(self) -> None:
        self._here().release()

    def locked(self) -> bool:
        return bool(self._here().locked())

    def _at_fork_reinit(self) -> None:
        self._real._at_fork_reinit()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


class SharedRLock(SharedLock):
    """The same of ``threading.RLock``."""

    _make_real = staticmethod(_real_rlock)
    _make = SimRLock

    def _is_owned(self) -> bool:
        return bool(self._here()._is_owned())

    def _recursion_count(self) -> int:
        return int(self._here()._recursion_count())

    def _release_save(self) -> Any:
        return self._here()._release_save()

    def _acquire_restore(self, state: Any) -> None:
        self._here()._acquire_restore(state)


class Lock:
    """``threading.Lock``: a class, since a function that is an attribute of a class becomes a method."""

    def __new__(cls) -> Any:
        process = current()
        return SharedLock() if process is None else SimLock(process)


class RLock:
    """``threading.RLock``."""

    def __new__(cls) -> Any:
        process = current()
        return SharedRLock() if process is None else SimRLock(process)


class Local:
    """``threading.local``: state of each simulated task, or outside of processes of each real thread."""

    def __new__(cls, *args: Any, **named: Any) -> Any:
        self = object.__new__(cls)
        object.__setattr__(self, "_made", (args, named))
        object.__setattr__(self, "_outside", _RealLocal())
        return self

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            return _state(self)
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        state = _state(self)
        if name in state:
            return state[name]
        return object.__getattribute__(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        _state(self)[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del _state(self)[name]
        except KeyError:
            raise AttributeError(name) from None


def _state(local: Any) -> dict[str, Any]:
    task = task_here()
    if task is None or task.domain is None:
        state: dict[str, Any] = object.__getattribute__(local, "_outside").__dict__
        known = state.setdefault("", False)
        if not known:
            state[""] = True
            _begin(local)
        return state
    if task.locals is None:
        task.locals = {}
    found: dict[str, Any] | None = task.locals.get(local_key := id(local))
    if found is None:
        found = task.locals[local_key] = {"": local}  # held, so that its address stays its own
        _begin(local)
    return found


def _begin(local: Any) -> None:
    """A subclass's own ``__init__`` runs in every thread anew (threading.local)."""
    kind: Any = type(local)
    if kind.__init__ is not object.__init__:
        args, named = object.__getattribute__(local, "_made")
        kind.__init__(local, *args, **named)

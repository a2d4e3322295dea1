"""What happens for real, whoever asks for it: refused by name, with the world that can.

Python's audit events (PEP 578) tell of sockets, memory maps, SQLite and libraries that are loaded; a few
functions that no event stands for are replaced. Starts of processes are watched for every simulated store
(:mod:`patchstorm.worlds.sim.sealed`).
"""

from __future__ import annotations

import atexit
import os
import select
import signal
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.process import BaseProcess
from typing import Any, Final

from patchstorm.worlds.sim.hosted.here import current
from patchstorm.worlds.sim.hosted.process import APPLICATION
from patchstorm.worlds.sim.sealed import hear_also

Call = Callable[..., Any]
Replace = Callable[[Any, str, Call], None]

EVENTS: Final = {
    "socket.bind": "a real socket (bind)",
    "socket.connect": "a real connection (connect)",
    "socket.sendto": "a real socket (sendto)",
    "socket.sendmsg": "a real socket (sendmsg)",
    "socket.getaddrinfo": "a look-up in the real network (getaddrinfo)",
    "socket.gethostbyname": "a look-up in the real network (gethostbyname)",
    "socket.gethostbyaddr": "a look-up in the real network (gethostbyaddr)",
    "mmap.__new__": "mmap",
    "ctypes.dlopen": "a library of C (ctypes)",
    "sqlite3.connect": "sqlite3",
    "shutil.chown": "shutil.chown",
    "pty.spawn": "a program on a terminal (pty.spawn)",
}
"""Audit events, and what is said of them."""
_WHY: Final = "reaches the machine itself, which all simulated replicas share"
_ENDING: Final = "ends or interrupts the process, which is the simulator's own"
_WAITS: Final = "waits for the machine, where no simulated time passes"
_ENDS: Final = ("_exit", "abort", "kill", "killpg")
_NATIVE: Final = {
    "_dbm": ("open", "dbm.ndbm"),
    "dbm.ndbm": ("open", "dbm.ndbm"),  # it has taken the function from the module above
    "_gdbm": ("open", "dbm.gnu"),
    "dbm.gnu": ("open", "dbm.gnu"),
    "_posixshmem": ("shm_open", "shared memory (multiprocessing.shared_memory)"),
}
"""Functions of C that open files and tell no event of it, of the modules that this Python has."""


def install(replace: Replace) -> None:
    hear_also(EVENTS, _heard)
    for name in _ENDS:
        replace(os, name, _refused(f"os.{name}", getattr(os, name)))
    for name in ("alarm", "setitimer", "raise_signal", "pthread_kill"):
        replace(signal, name, _refused(f"signal.{name}", getattr(signal, name)))
    for name in ("pause", "sigwait", "sigwaitinfo", "sigtimedwait"):
        if hasattr(signal, name):
            replace(signal, name, _refused(f"signal.{name}", getattr(signal, name), _WAITS))
    for name in ("select", "poll", "epoll"):
        if hasattr(select, name):
            replace(select, name, _refused(f"select.{name}", getattr(select, name), _WAITS))
    native: Any = import_module("_multiprocessing")  # of which type hints know nothing
    real = native.SemLock
    lock = _refused("a lock between processes (multiprocessing)", real, _WAITS)
    vars(lock).update(SEM_VALUE_MAX=real.SEM_VALUE_MAX, _rebuild=real._rebuild)
    replace(native, "SemLock", lock)
    # Before anything of it is begun: half a start would be remembered by the whole interpreter.
    replace(BaseProcess, "start", _refused("a process (multiprocessing)", BaseProcess.start, _WHY))
    for module, (name, what) in _NATIVE.items():
        with suppress(ImportError):  # not every Python is built with all of them
            opens: Any = import_module(module)
            replace(opens, name, _refused(what, getattr(opens, name), _WHY))
    replace(signal, "signal", _unheard(signal.signal, signal.SIG_DFL))
    replace(signal, "set_wakeup_fd", _unheard(signal.set_wakeup_fd, -1))
    replace(atexit, "register", _unheard(atexit.register, None))
    replace(os, "getpid", _told(os.getpid, lambda process: process.pid))
    replace(os, "getppid", _told(os.getppid, lambda process: 1))


def _heard(event: str) -> None:
    process = current()
    if process is not None:
        process.refuse(EVENTS[event], _WHY, APPLICATION if event == "socket.bind" else "")


def _refused(what: str, real: Call, why: str = _ENDING) -> Call:
    def call(*args: Any, **named: Any) -> Any:
        process = current()
        if process is not None:
            process.refuse(what, why)
        return real(*args, **named)

    return call


def _unheard(real: Call, answer: Any) -> Call:
    """A replica is stopped by its death, so nobody ever hears what is left behind for its end."""

    def call(*args: Any, **named: Any) -> Any:
        return real(*args, **named) if current() is None else answer

    return call


def _told(real: Call, answer: Call) -> Call:
    def call() -> Any:
        process = current()
        return real() if process is None else answer(process)

    return call

"""A store written for ``os``, ``open``, ``fcntl``, ``pathlib``, ``shutil``, ``tempfile``: simulated.

:func:`load` executes a module's source with an import of its own: the modules of ``SHIMMED`` come from
here, everything else from the real interpreter. ``pathlib``, ``shutil``, ``tempfile``, ``uuid`` and
``secrets`` are the standard library's own sources, executed over the simulated ``os``; so they behave as
they do in production, call by call.

Each start of a replica loads the module anew, as a new process does. Threads cannot be simulated, and a
start of one ends the run with an error that says so (:mod:`patchstorm.worlds.sim.sealed`); locks of
``threading`` can, since the requests of one replica are tasks that share its memory.
"""

from __future__ import annotations

import builtins
import fcntl as real_fcntl
import io as real_io
import random as real_random
import sysconfig
import threading as real_threading
import time as real_time
from functools import lru_cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from patchstorm.run.truth import ROOT
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.sealed import THREAD, refuse
from patchstorm.worlds.sim.shim_files import Opener
from patchstorm.worlds.sim.shim_os import SimOs
from patchstorm.worlds.sim.timers import wait_ns

FROM_SOURCE = (
    "posixpath",
    "genericpath",
    "pathlib",
    "shutil",
    "tempfile",
    "glob",
    "uuid",
    "secrets",
)
MADE = ("os", "io", "_io", "fcntl", "time", "random", "threading", "posix")
SHIMMED = (*MADE, *FROM_SOURCE)


class Process:
    """The simulated modules of one process."""

    def __init__(self, port: SimPort) -> None:
        self._port = port
        self._system = SimOs(port)
        self.open = Opener(self._system)
        self._modules: dict[str, ModuleType] = {}
        for name in MADE:
            self._modules[name] = getattr(self, f"_make_{name.lstrip('_')}")()
        self._system.path = self._modules["os.path"] = self._from_source("posixpath")
        vars(self._modules["os"])["path"] = self._system.path

    def module(self, name: str) -> ModuleType:
        """A simulated module by name; KeyError for one that is not simulated."""
        if name not in self._modules and name.partition(".")[0] in FROM_SOURCE:
            self._from_source(name)
        return self._modules[name]

    def load(self, source: Path, name: str | None = None) -> ModuleType:
        """Execute the module at ``source`` over the simulated modules."""
        return self._execute(name or source.stem, _compiled(str(source)), str(source))

    # -- importing ----------------------------------------------------------------------------------

    def _from_source(self, name: str) -> ModuleType:
        origin = _source_of(name)
        module = self._execute(name, _compiled(origin), origin, register=True)
        if name == "tempfile":
            vars(module)["tempdir"] = (
                ROOT  # its own search would hold a real lock over several steps
            )
        return module

    def _execute(
        self, name: str, code: CodeType, origin: str, *, register: bool = False
    ) -> ModuleType:
        module = ModuleType(name)
        module.__file__ = origin
        module.__dict__["__builtins__"] = {
            **vars(builtins), "open": self.open, "__import__": self._import,
        }  # fmt: skip
        if register:
            self._modules[name] = module
            if Path(origin).name == "__init__.py":
                module.__path__ = [str(Path(origin).parent)]
                module.__package__ = name
        exec(code, module.__dict__)
        return module

    def _import(
        self, name: str, names_of: Any = None, local: Any = None, wanted: Any = (), level: int = 0
    ) -> Any:
        top = name.partition(".")[0]
        if level or top not in SHIMMED:
            return builtins.__import__(name, names_of, local, wanted, level)
        if wanted:
            return self.module(name)
        if name != top:
            self.module(name)
        return self.module(top)

    # -- the modules that are made here ---------------------------------------------------------------

    def _make_os(self) -> ModuleType:
        module = ModuleType("os")
        system = self._system
        for name in dir(system):
            if not name.startswith("_"):
                setattr(module, name, getattr(system, name))
        return module

    def _make_posix(self) -> ModuleType:
        return ModuleType("posix")

    def _make_io(self) -> ModuleType:
        module = ModuleType("io")
        vars(module).update(
            {name: value for name, value in vars(real_io).items() if name[:2] != "__"}
        )
        vars(module)["open"] = self.open
        return module

    def _make_fcntl(self) -> ModuleType:
        module = ModuleType("fcntl")
        vars(module).update({n: v for n, v in vars(real_fcntl).items() if n.isupper()})
        port = self._port

        def number(fd: Any) -> int:
            return fd if isinstance(fd, int) else int(fd.fileno())

        def flock(fd: Any, operation: int) -> None:
            if operation & real_fcntl.LOCK_NB:
                port.flock(number(fd), operation)
            else:
                port.call("flock", number(fd), operation)

        def lockf(fd: Any, cmd: int, len: int = 0, start: int = 0, whence: int = 0) -> None:  # noqa: A002
            port.call("lockf", number(fd), cmd, len, start, whence)

        vars(module).update(flock=flock, lockf=lockf)
        return module

    def _make_time(self) -> ModuleType:
        module = ModuleType("time")
        port = self._port
        vars(module).update(
            {n: getattr(real_time, n) for n in ("gmtime", "localtime", "mktime", "strftime")},
            time=lambda: port.time_ns() / 1e9,
            time_ns=port.time_ns,
            monotonic=lambda: port.monotonic_ns() / 1e9,
            monotonic_ns=port.monotonic_ns,
            perf_counter=lambda: port.monotonic_ns() / 1e9,
            perf_counter_ns=port.monotonic_ns,
            sleep=port.sleep,
        )
        return module

    def _make_random(self) -> ModuleType:
        """The real generator, but every seed that would come from the machine comes from the run."""
        port = self._port
        module = ModuleType("random")

        class Random(real_random.Random):
            def __init__(self, x: Any = None) -> None:
                super().__init__(int.from_bytes(port.urandom(8), "big") if x is None else x)

        shared = Random()
        for name in dir(shared):
            if not name.startswith("_"):
                setattr(module, name, getattr(shared, name))
        vars(module).update(Random=Random, SystemRandom=Random)
        return module

    def _make_threading(self) -> ModuleType:
        module = ModuleType("threading")
        port = self._port
        vars(module).update(
            Lock=lambda: SimLock(port, reentrant=False),
            RLock=lambda: SimLock(port, reentrant=True),
            local=real_threading.local,
            get_ident=lambda: _task_number(port),
        )

        class Thread:
            """Refuses to start; there may be one that a store never needs."""

            def __init__(self, *_: Any, **__: Any) -> None:
                self.daemon = False

            def start(self) -> None:
                refuse(THREAD, port.kernel.fail)

        vars(module).update(Thread=Thread, Timer=Thread)
        return module


class SimLock:
    """``threading.Lock`` and ``RLock`` between the tasks of one process."""

    def __init__(self, port: SimPort, *, reentrant: bool) -> None:
        self._port = port
        self._reentrant = reentrant
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        kernel = self._port.kernel
        kernel.step()
        me = _task_number(self._port)
        until = kernel.now_ns + wait_ns(timeout) if timeout >= 0 else None
        while self._owner is not None and not (self._reentrant and self._owner == me):
            if not blocking or (until is not None and kernel.now_ns >= until):
                return False
            kernel.wait(self, until)
        self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        if self._owner is None:
            raise RuntimeError("release unlocked lock")
        self._depth -= 1
        if self._depth == 0:
            self._owner = None
            self._port.kernel.wake(self)

    def locked(self) -> bool:
        return self._owner is not None

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()


def _task_number(port: SimPort) -> int:
    task = port.kernel.current
    return -1 if task is None else task.number


@lru_cache(maxsize=64)
def _source_of(name: str) -> str:
    """Where the standard library keeps a module's source, also where it is frozen into the interpreter."""
    place = Path(sysconfig.get_paths()["stdlib"], *name.split("."))
    for candidate in (place.with_suffix(".py"), place / "__init__.py"):
        if candidate.exists():
            return str(candidate)
    raise ImportError(f"the standard library has no source for {name}")


@lru_cache(maxsize=64)
def _compiled(path: str) -> CodeType:
    return compile(Path(path).read_text(encoding="utf-8"), path, "exec")


def load(source: Path, port: SimPort) -> ModuleType:
    """The module at ``source``, as a process of the simulated replica behind ``port`` sees it."""
    return Process(port).load(source)

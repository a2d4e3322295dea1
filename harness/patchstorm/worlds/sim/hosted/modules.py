"""The modules that are a process's own: imported anew at each start, and in ``sys.modules`` while it runs.

A process's own are the packages that a target's file names and every module that lies beside that file.
All else is the interpreter's, imported once and shared by all replicas; what such an import does is not
simulated, since it happens once, whoever comes first.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from patchstorm.worlds.sim.hosted.frameworks import DJANGO, made_for_django, uses_django
from patchstorm.worlds.sim.hosted.here import current, kernel_here, outside, task_here

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.kernel import HostedKernel
    from patchstorm.worlds.sim.hosted.process import HostedProcess

NEVER_OWN: Final = frozenset({"patchstorm", "chunkstore", *sys.stdlib_module_names})
_real_stat = os.stat
_codes: dict[str, tuple[int, int, CodeType]] = {}


class _Known(dict[str, bool]):
    """An answer for each module, decided once for its top-level name: every import and line asks."""

    def __init__(self, known: dict[str, bool], decide: Callable[[str], bool]) -> None:
        super().__init__(known)
        self._decide = decide

    def __missing__(self, module: str) -> bool:
        top = module.partition(".")[0]
        found = self[module] = self._decide(top) if top == module else self[top]
        return found


class Own:
    """Which top-level names are a server's own: those that are named, and what lies in ``here``.

    Of a server that uses Django, that and what is made for it are so, too.
    """

    def __init__(self, named: Sequence[str], here: str) -> None:
        self.here = here
        known = dict.fromkeys(named, True) | dict.fromkeys(("", *NEVER_OWN), False)
        self.known = _Known(known, self._found_own)
        self.written = _Known(known, self._beside)
        """Which modules are the server's code, and no framework's that is only its own."""
        self._django = DJANGO in named or uses_django(here, named, sys.path)

    def __contains__(self, module: object) -> bool:
        assert isinstance(module, str)
        return self.known[module]

    def there(self, top: str) -> bool:
        """Whether the top-level module can be found at all."""
        return PathFinder.find_spec(top, [self.here, *sys.path]) is not None

    def _found_own(self, top: str) -> bool:
        if self._beside(top):
            return True
        with outside():
            return self._django and made_for_django(top, tuple(sys.path))

    def _beside(self, top: str) -> bool:
        with outside():
            place = Path(self.here, top)
            return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


class Modules:
    """Whose modules ``sys.modules`` shows, in one run."""

    def __init__(self) -> None:
        self.shown: HostedProcess | None = None
        """The process whose modules these are now."""
        self._aside: dict[str, ModuleType] = {}
        """What the harness itself had imported under the names of the server's own modules."""
        self._path: list[str] | None = None

    def begin(self) -> None:
        """Name the working directory where ``sys.path`` only means it, as it does with ``python -c``.

        Packages look through that path at any time (``importlib.metadata``), and the working directory of a
        process is the storm's: how Patchstorm was started would decide how many steps that takes.
        """
        self._path = list(sys.path)
        sys.path[:] = [os.path.abspath(place) for place in sys.path]

    def belong_to(self, process: HostedProcess) -> None:
        """Take the modules of the process before out, and put those of ``process`` in."""
        before = self.shown
        if before is process:
            return
        if before is None:
            known = process.own.known
            self._aside = _taken([name for name in list(sys.modules) if known[name]])
        else:
            before.modules.update(_taken(before.module_names))
        self.shown = process
        sys.modules.update(process.modules)

    def restore(self) -> None:
        """``sys.modules`` and ``sys.path`` as they were before the run."""
        if self._path is not None:
            sys.path[:], self._path = self._path, None
        if self.shown is not None:
            _taken(self.shown.module_names)
            sys.modules.update(self._aside)
            self.shown = None


def _taken(names: Sequence[str]) -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in names if name in sys.modules}


class _Finder(MetaPathFinder):
    """Finds a process's own modules, beside the target's file first, and notes their names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        process = current()
        if process is None or name not in process.own:
            return None
        process.module_names.append(name)
        with outside():
            among = [process.own.here, *sys.path] if path is None else path
            spec = PathFinder.find_spec(name, among, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Keeps what it compiled: every start of a replica executes the same code."""

    def get_code(self, fullname: str) -> CodeType | None:
        with outside():
            found = _real_stat(self.path)
            known = _codes.get(self.path)
            if known is not None and known[:2] == (found.st_mtime_ns, found.st_size):
                return known[2]
            code = super().get_code(fullname)
        if code is not None:
            _codes[self.path] = (found.st_mtime_ns, found.st_size, code)
        return code


def install() -> None:
    """Have imports of simulated processes find their own modules, and share all others."""
    sys.meta_path.insert(0, _Finder())
    builtins.__import__ = _importing(builtins.__import__)
    importlib.import_module = _importing_module(importlib.import_module)
    inner: Any = importlib._bootstrap
    inner._get_module_lock = _locking(inner._get_module_lock, inner._ModuleLock)


def _locking(real: Callable[[str], Any], make: Callable[[str], Any]) -> Callable[[str], Any]:
    """What holds up a second import of a module goes by its name, and two processes each have one of it.

    A process that dies in the middle of an import would hold up the one that is started in its place.
    """

    def get_module_lock(name: str) -> Any:
        process = current()
        if process is None or name not in process.own:
            return real(name)
        lock = process.module_locks.get(name)
        if lock is None:
            lock = process.module_locks[name] = make(name)
        return lock

    return get_module_lock


def _importing(real: Callable[..., Any]) -> Callable[..., Any]:
    def __import__(  # noqa: A001, N807 - the signature of the built-in
        name: str,
        globals: Any = None,  # noqa: A002
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        whole = name if level == 0 else _absolute(name, globals, level)
        module = sys.modules.get(whole)
        if module is not None:  # the frequent case: a function imports what is there already
            if not fromlist:
                return real(name, globals, locals, fromlist, level)
            space = module.__dict__
            for one in fromlist:
                if one not in space and not hasattr(module, one):
                    break
            else:
                return module
        with _side_of(whole):
            return real(name, globals, locals, fromlist, level)

    return __import__


def _absolute(name: str, globals: Any, level: int) -> str:  # noqa: A002
    """What a relative import names."""
    package = str((globals or {}).get("__package__") or "")
    base = package if level == 1 else package.rsplit(".", level - 1)[0]
    return f"{base}.{name}" if name else base


def _importing_module(real: Callable[..., Any]) -> Callable[..., Any]:
    def import_module(name: str, package: str | None = None) -> Any:
        whole = package if package and name.startswith(".") else name
        with _side_of(whole):
            return real(name, package)

    return import_module


def _side_of(module: str) -> AbstractContextManager[None]:
    """What its import is done as: by the process where it is its own, else by the interpreter."""
    process = current()
    if process is not None:
        return nullcontext() if module in process.own else outside()
    task, kernel = task_here(), kernel_here()
    domain = None if task is None else task.domain
    behind = None if domain is None else domain.process
    if kernel is None or behind is None or module not in behind.own:
        return nullcontext()
    return _as_process(kernel, behind)


@contextmanager
def _as_process(kernel: HostedKernel, process: HostedProcess) -> Iterator[None]:
    """A shared package imports a module of the server's own, as frameworks do with settings."""
    kernel.process = process
    try:
        yield
    finally:
        kernel.process = None

"""Which modules a server imports as it starts, and which of these another process may import for it.

Run by path after ``becoming``, in its namespace, with a file that holds an order and one to write to. It is
the server, on a storage of nobody's, and is killed once it takes requests. What is written is marshalled:

- ``startup NAME`` and ``place DIRECTORY``: what the interpreter begins with, and where its packages are;
- ``import NAME``, ``origin NAME PATH``, ``needs NAME OTHER``: what is imported, from where, and by whom;
- ``saw NAME WHAT``, ``reads NAME VARIABLE``: what a module asks for, or does, as it is imported;
- ``set NAME VALUE``, ``unset NAME``, ``then WHAT``: what the server itself does between two imports, on which
  whatever it imports later may hang.

A module that asks for the time, its process, its directory or its arguments, or that does anything but read
files of its interpreter's, is another one in each process, and so may be all that import it. Chance is
another thing: who imports on his own has his own.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType
    from typing import Any

    from patchstorm.live.warm.becoming import _AT_START, _marshal, act, dress, hidden

HARMLESS = (
    "import", "exec", "compile", "marshal.loads", "marshal.load", "marshal.dumps", "marshal.dump",
    "object.__getattr__", "object.__setattr__", "object.__delattr__", "code.__new__", "function.__new__",
    "sys._getframe", "sys._getframemodulename", "builtins.id", "pickle.find_class", "array.__new__",
    "ctypes.dlopen", "ctypes.dlsym", "ctypes.dlsym/handle", "ctypes.addressof", "ctypes.cdata",
    "sys.monitoring.register_callback", "cpython.PyInterpreterState_New", "gc.get_objects",
)  # fmt: skip
LOOKING = ("open", "os.listdir", "os.scandir")
ASKING = {
    "os": ("getpid", "getppid", "getcwd", "getcwdb", "times", "getsid", "getpgid", "getpgrp"),
    "_thread": ("start_new_thread",),  # an event only since Python 3.12
    "time": ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "localtime"),
}  # fmt: skip
OF_PATHS = ("stat", "lstat", "access", "readlink")
PATCHERS = ("gevent", "eventlet")
MACHINERY = "<frozen importlib"
PACKAGES = ("site-packages", "dist-packages")
OF_MACHINE = ("/etc/", "/usr/")
REPAIRED = {
    ("logging", "time."), ("multiprocessing.process", "os.getcwd"),
}  # fmt: skip
"""What ``becoming`` tells some of Python's own modules anew."""
_time = hidden("time")


class Diary:
    """What is written, once each."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._known: set[tuple[str, ...]] = set()

    def note(self, *line: str) -> None:
        if line not in self._known:
            self._known.add(line)
            self.act(*line)

    def act(self, *line: str) -> None:
        """As ``note``, however often it happens."""
        os.write(self._file, _marshal.dumps(line, 2))


def importing(frame: FrameType | None) -> str:
    """The innermost module that is just being imported; empty: the server itself is at it."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_code.co_filename not in OURS:
            name = frame.f_globals.get("__name__", "")
            return "" if name == "__main__" else str(name)
        frame = frame.f_back
    return ""


def by_machinery(frame: FrameType | None) -> bool:
    """Whether it is the import system that asks."""
    while frame is not None and frame.f_code.co_filename in OURS:
        frame = frame.f_back
    return frame is not None and frame.f_code.co_filename.startswith(MACHINERY)


def of_interpreter(path: object) -> bool:
    """Whether a file is the same for each process of this interpreter on this machine."""
    if isinstance(path, int):
        return False
    try:
        text = os.path.normpath(os.fsdecode(path))  # type: ignore[arg-type]
    except TypeError:
        return False
    return f"{text}{os.sep}".startswith((*SHARED, *OF_MACHINE)) or text == os.devnull


def leads_there(path: object) -> bool:
    """Whether such files lie somewhere below it."""
    return any(one.startswith(f"{str(path).rstrip(os.sep)}{os.sep}") for one in SHARED)


class Recording(dict):  # type: ignore[type-arg]
    """The variables of the environment, by who asks for them."""

    def _read(self, key: Any) -> None:
        who = importing(sys._getframe(2))
        if who:
            diary.note("reads", who, os.fsdecode(key))

    def _all(self) -> None:
        who = importing(sys._getframe(2))
        if who:
            diary.note("saw", who, "the whole environment")

    def _written(self, key: Any, value: Any = None) -> None:
        who = importing(sys._getframe(2))
        if who:
            diary.note("saw", who, "changes of the environment")
            diary.note("then", f"{who} changes the environment")
        elif value is None:
            diary.act("unset", os.fsdecode(key))
        else:
            diary.act("set", os.fsdecode(key), os.fsdecode(value))

    def __getitem__(self, key: Any) -> Any:
        self._read(key)
        return dict.__getitem__(self, key)

    def get(self, key: Any, default: Any = None) -> Any:
        self._read(key)
        return dict.get(self, key, default)

    def __contains__(self, key: Any) -> bool:
        self._read(key)
        return dict.__contains__(self, key)

    def __iter__(self) -> Iterator[Any]:
        self._all()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self._all()
        return dict.__len__(self)

    def keys(self) -> Any:
        self._all()
        return dict.keys(self)

    def items(self) -> Any:
        self._all()
        return dict.items(self)

    def values(self) -> Any:
        self._all()
        return dict.values(self)

    def copy(self) -> Any:
        self._all()
        return dict.copy(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._written(key, value)
        dict.__setitem__(self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._written(key)
        dict.__delitem__(self, key)

    def pop(self, *key: Any) -> Any:
        self._written(key[0])
        return dict.pop(self, *key)

    def setdefault(self, key: Any, value: Any = None, /) -> Any:
        if not dict.__contains__(self, key):
            self._written(key, value)
        return dict.setdefault(self, key, value)


class Words(list):  # type: ignore[type-arg]
    """The arguments, by who asks for them."""

    def __getitem__(self, at: Any) -> Any:
        self._read()
        return list.__getitem__(self, at)

    def __iter__(self) -> Any:
        self._read()
        return list.__iter__(self)

    def __len__(self) -> int:
        self._read()
        return list.__len__(self)

    def _read(self) -> None:
        who = importing(sys._getframe(2))
        if who:
            diary.note("saw", who, "the arguments")


def watched(call: Callable[..., Any], what: str, *, path: bool = False) -> Callable[..., Any]:
    """The same function, and whoever asks it while he is imported is written down."""

    def asked(*args: Any, **more: Any) -> Any:
        frame = sys._getframe(1)
        who = importing(frame)
        told = path and args and (of_interpreter(args[0]) or leads_there(args[0]))
        keeps = any(who == one and what.startswith(start) for one, start in REPAIRED)
        if who and not told and not keeps and not by_machinery(frame):
            diary.note("saw", who, f"{what} {args[0]!r}" if path else what)
        return call(*args, **more)

    return asked


def heard(event: str, args: tuple[Any, ...]) -> None:
    """Python's own audit events (sys.addaudithook): the files, sockets and threads of whoever is imported."""
    if event in HARMLESS:
        return
    frame = sys._getframe(1)
    who = importing(frame)
    if event == "os.chdir" and not who:
        diary.note("then", "changes its directory")
    if not who or by_machinery(frame) or (event in LOOKING and of_interpreter(args[0])):
        return
    diary.note("saw", who, event)


def _imports(name: str, frame: FrameType) -> None:
    who = importing(frame)
    if who:
        diary.note("needs", who, name)
    else:
        _changed_meanwhile()
    diary.note("import", name)
    if name.partition(".")[0] in PATCHERS:
        diary.note("then", f"{name} may exchange what others have imported")


def following(importer: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind the import statement. It knows who needs what has been imported before, too."""

    def imported(
        name: str,
        globals: Any = None,  # noqa: A002
        locals: Any = None,  # noqa: A002
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        module = importer(name, globals, locals, fromlist, level)
        who = importing(sys._getframe(1))
        if not who:
            _imported_for_server()
        else:
            whole = _absolute(name, globals, level)
            for one in (whole, *(f"{whole}.{each}" for each in fromlist or ())):
                if one in sys.modules:
                    diary.note("needs", who, one)
        return module

    return imported


def following_names(importer: Callable[..., Any]) -> Callable[..., Any]:
    """The same for the function behind ``importlib.import_module``."""

    def imported(name: str, package: Any = None, level: int = 0) -> Any:
        module = importer(name, package, level)
        who = importing(sys._getframe(1))
        if who:
            diary.note("needs", who, module.__name__)
        else:
            _imported_for_server()
        return module

    return imported


def loading(loader: Callable[..., Any]) -> Callable[..., Any]:
    """The function that is asked for each module which is not there yet, by either of them."""

    def loaded(name: str, importer: Any) -> Any:
        _imports(name, sys._getframe(1))
        return loader(name, importer)

    return loaded


def _absolute(name: str, names: Any, level: int) -> str:
    if not level:
        return name
    package = names.get("__package__") or names.get("__name__", "").rpartition(".")[0]
    for _ in range(level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{name}" if name else str(package)


def _changed_meanwhile() -> None:
    """What the server itself has exchanged since its last import, by the look of what can be called."""
    for name, known in SEEN.items():
        names = vars(sys.modules[name]) if name in sys.modules else {}
        for each, one in known.items():
            if names.get(each, one) is not one:
                diary.note("then", f"{name}.{each} is exchanged")


def _imported_for_server() -> None:
    """It has all that it asked for: where it came from, and how it looks. Modules may change each other."""
    for name, module in list(sys.modules.items()):
        if name in OWN or name == "__main__":
            continue
        names = getattr(module, "__dict__", {})
        SEEN[name] = {each: one for each, one in list(names.items()) if callable(one)}
        origin = getattr(names.get("__spec__"), "origin", None)
        if isinstance(origin, str):
            diary.note("origin", name, origin)


def watch() -> None:
    """From here on all is written down."""
    import builtins

    for name, calls in ASKING.items():
        module = sys.modules.get(name) or __import__(name)
        for each in calls:
            setattr(module, each, watched(getattr(module, each), f"{name}.{each}"))
    for each in OF_PATHS:
        setattr(os, each, watched(getattr(os, each), f"os.{each}", path=True))
    data = Recording(os.environ._data)  # type: ignore[attr-defined]
    os.environ._data = os.environb._data = data  # type: ignore[attr-defined]
    sys.argv, sys.orig_argv = Words(sys.argv), Words(sys.orig_argv)
    builtins.__import__ = following(builtins.__import__)
    machinery: Any = sys.modules["_frozen_importlib"]
    machinery._find_and_load = loading(machinery._find_and_load)
    machinery._gcd_import = following_names(machinery._gcd_import)
    sys.addaudithook(heard)


if __name__ == "patchstorm survey":
    OURS = (importing.__code__.co_filename, act.__code__.co_filename, "<string>")
    with open(sys.argv[-2], "rb") as _file:
        _order = _marshal.load(_file)
    diary = Diary(sys.argv[-1])
    _packages = [one for one in sys.path if os.path.basename(one) in PACKAGES]
    PLACES = [os.path.dirname(os.__file__), *_packages]
    SHARED = tuple(
        f"{os.path.normpath(one)}{os.sep}" for one in (*PLACES, sys.prefix, sys.base_prefix)
    )
    OWN = frozenset(_AT_START)
    SEEN: dict[str, dict[str, Any]] = {}
    if sys.path[:1] == [""]:
        del sys.path[0]
    for _name in SHARED[: len(PLACES)]:
        diary.note("place", _name)
    for _name in sorted(_AT_START):
        diary.note("startup", _name)
    dress(_order)
    watch()
    act(_order)

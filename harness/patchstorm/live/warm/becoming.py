"""How a Python process that runs this file becomes a server, as if it had been started as one.

Run by path, in the server's own interpreter, before ``survey`` or ``zygote`` and in one namespace with it.
What it imports it hides again: a server that looks finds only what its own imports have brought. It cannot
do without the C library: namespaces, capabilities and the title of a process are not in ``os``.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_MM, PR_SET_MM_MAP = 35, 14
PR_SET_DUMPABLE = 4
PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS = 3, 0x22
CAPABILITY_VERSION_3 = 0x20080522
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}
_AT_START = set(sys.modules)


def hidden(name: str) -> Any:
    """A module for us alone: nobody finds it, or what it imports, imported."""
    before = dict(sys.modules)
    module = __import__(name)
    for new in set(sys.modules) - set(before):
        del sys.modules[new]
    return module


_ctypes = hidden("ctypes")
_marshal = hidden("marshal")
_libc = _ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = _libc.sbrk.restype = _ctypes.c_void_p
_libc.mmap.argtypes = (
    *(_ctypes.c_void_p, _ctypes.c_size_t, _ctypes.c_int),
    *(_ctypes.c_int, _ctypes.c_int, _ctypes.c_long),
)
_libc.prctl.argtypes = (_ctypes.c_int, *[_ctypes.c_ulong] * 4)


def _check(result: int) -> None:
    if result != 0:
        number = _ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def enter(holder: int) -> None:
    """Go where process ``holder`` is, with no more rights there than a program that was started there."""
    same_user = os.readlink(f"/proc/{holder}/ns/user") == os.readlink("/proc/self/ns/user")
    for kind in ("mnt",) if same_user else ("user", "mnt"):
        namespace = os.open(f"/proc/{holder}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        _check(_libc.setns(namespace, 0))
        os.close(namespace)
    if not same_user and os.getuid() != 0:
        number = SYS_CAPSET[os.uname().machine]
        head = (_ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        _check(_libc.syscall(number, head, (_ctypes.c_uint32 * 6)()))
    _check(_libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0))


def retitle(argv: list[str], environment: dict[str, str]) -> None:
    """What others read of this process in /proc: its command line and the environment that it began with."""
    words = b"".join(os.fsencode(word) + b"\0" for word in argv)
    names = b"".join(os.fsencode(f"{one}={environment[one]}") + b"\0" for one in environment)
    size = len(words) + len(names)
    at = _libc.mmap(None, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
    _ctypes.memmove(at, words + names, size)
    with open("/proc/self/stat", "rb") as file:
        stat = [b"", b"", b"", *file.read().rpartition(b")")[2].split()]
    start_code, end_code, stack = (int(stat[field]) for field in (26, 27, 28))
    start_data, end_data, start_brk = (int(stat[field]) for field in (45, 46, 47))
    areas = (_ctypes.c_uint64 * 13)(  # struct prctl_mm_map; the last holds no auxv, and no file
        *(start_code, end_code, start_data, end_data, start_brk, _libc.sbrk(0), stack),
        *(at, at + len(words), at + len(words), at + size, 0, 0xFFFFFFFF << 32),
    )
    address, length = _ctypes.addressof(areas), _ctypes.sizeof(areas)
    _check(_libc.prctl(PR_SET_MM, PR_SET_MM_MAP, address, length, 0))


def dress(order: dict[str, Any]) -> None:
    """Arguments, environment, paths: all that a Python program finds of how it was started."""
    posix: Any = sys.modules["posix"]
    environment = order["environment"]
    os.environ.clear()
    os.environ.update(environment)
    posix.environ.clear()
    posix.environ.update(
        {os.fsencode(name): os.fsencode(value) for name, value in environment.items()}
    )
    argv, own = order["argv"], len(order["words"])
    sys.orig_argv[:] = argv
    sys.argv[:] = [order["script"] or "-m", *argv[len(argv) - own :]]
    if not getattr(sys.flags, "safe_path", sys.flags.isolated):
        script = order["script"]
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)) if script else os.getcwd())
    _repair(environment)


def _repair(environment: dict[str, str]) -> None:
    """Python's own modules that keep what they found of the process that imported them."""
    modules: dict[str, Any] = sys.modules
    site, logging, config = (modules.get(one) for one in ("site", "logging", "sysconfig"))
    processes = modules.get("multiprocessing.process")
    threads = modules.get("threading")
    if site is not None and site.USER_SITE is not None and "PYTHONUSERBASE" not in environment:
        site.USER_BASE = site.USER_SITE = None
        site.getusersitepackages()
    if config is not None and config._CONFIG_VARS and "userbase" in config._CONFIG_VARS:
        config._CONFIG_VARS["userbase"] = config._getuserbase()
    if logging is not None:
        since = hidden("time")
        new = isinstance(logging._startTime, int)
        logging._startTime = since.time_ns() if new else since.time()
    if threads is not None:
        threads.main_thread()._set_native_id()
    if processes is not None:
        processes.ORIGINAL_DIR = os.getcwd()


def act(order: dict[str, Any]) -> None:
    """Be the server, to its end, and leave as it leaves."""
    try:
        if order["module"]:
            import runpy

            runpy._run_module_as_main(order["module"])  # type: ignore[attr-defined]
        else:
            _script(order["script"])
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == _HERE:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        raise SystemExit(1) from None


def _script(path: str) -> None:
    main = sys.modules["__main__"].__dict__
    machinery: Any = sys.modules["_frozen_importlib_external"]
    main["__file__"], main["__cached__"] = os.path.abspath(path), None
    main["__loader__"] = machinery.SourceFileLoader("__main__", path)
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    exec(code, main)


_HERE = act.__code__.co_filename

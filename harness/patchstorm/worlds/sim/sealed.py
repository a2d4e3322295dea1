"""While simulated code runs, nothing real may be started in its name: no thread, no process.

What a real thread does happens at moments that nobody chose, in the middle of other tasks' steps, so a
correct store with a thread pool would be accused, and differently each time. An audit hook (PEP 578)
sees the starts of processes but for those of ``multiprocessing``; of threads only newer interpreters tell it.
So the functions by which Python code starts these are watched besides. All of it costs nothing while nobody
starts anything, stays for good, and does nothing outside of runs.
"""

from __future__ import annotations

import _posixsubprocess
import _thread
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from types import FrameType
from typing import Any, Final

from patchstorm.errors import UsageError

get_ident = _thread.get_ident  # of the machine, whatever it is replaced by for simulated processes
THREAD: Final = "thread"
PROCESS: Final = "process"
_FORK_EXEC: Final = "_posixsubprocess.fork_exec"
_STARTS: Final = {
    "_thread.start_new_thread": THREAD,
    "_thread.start_joinable_thread": THREAD,
    "subprocess.Popen": PROCESS,
    "os.fork": PROCESS,
    "os.forkpty": PROCESS,
    "os.posix_spawn": PROCESS,
    "os.spawn": PROCESS,
    "os.exec": PROCESS,
    "os.system": PROCESS,
    _FORK_EXEC: PROCESS,
}
Fail = Callable[[BaseException], None]
Place = Callable[[], str | None]
_calls: dict[str, Callable[[str], None]] = {}
"""Who is told of which audit event."""
_running: dict[int, tuple[Fail, Place | None]] = {}
"""By the thread in which the simulated code runs: other threads may start what they like."""


@contextmanager
def sealed(fail: Fail, place: Place | None = None) -> Iterator[None]:
    """Within it, a start in this thread is told to ``fail`` and raised where it was tried.

    Both, because the code under test may swallow what is raised. ``place``: it is a whole server, which
    no adapter of one's own stands before, and this tells which of its lines it was.
    """
    _listen()
    me = get_ident()
    before = _running.get(me)
    _running[me] = (fail, place)
    try:
        yield
    finally:
        if before is None:
            del _running[me]
        else:
            _running[me] = before


def refuse(what: str, fail: Fail, place: Place | None = None) -> None:
    """Raise the UsageError that names ``what`` was started and where; ``fail`` is told first."""
    at = (None if place is None else place()) or place_of(sys._getframe(1))
    error = UsageError(
        f"{at}: the server starts a {what}, which would run beside the simulation at moments that nobody "
        "chose, and cannot be simulated. Run this server in the world processes."
        if place is not None
        else f"{at}: the store starts a {what}, and what it does there cannot be simulated: its steps "
        "would come at moments that nobody chose. Requests of one replica run beside each other as they "
        "are, so give the simulator an adapter that calls the store directly (docs/adapting-a-store.md), "
        "or run it in the world processes."
    )
    fail(error)
    raise error


@cache
def _listen() -> None:
    _calls.update(dict.fromkeys(_STARTS, _started))
    sys.addaudithook(_heard)
    for module in (_thread, threading):
        for name in ("start_new_thread", "start_joinable_thread"):
            for known in (name, f"_{name}"):
                if (real := getattr(module, known, None)) is not None:
                    setattr(module, known, _watched(real, "_thread.start_new_thread"))
    _posixsubprocess.fork_exec = _watched(_posixsubprocess.fork_exec, _FORK_EXEC)


def _watched(real: Callable[..., Any], event: str) -> Callable[..., Any]:
    @wraps(real)
    def start(*given: Any, **named: Any) -> Any:
        _started(event)
        return real(*given, **named)

    return start


def hear_also(events: Iterable[str], call: Callable[[str], None]) -> None:
    """Have ``call`` told of ``events``. Interpreters tell of thousands a second, so one hook is for all."""
    _listen()
    _calls.update(dict.fromkeys(events, call))


def _heard(event: str, _: tuple[Any, ...], known: Mapping[str, Any] = _calls) -> None:
    call = known.get(event)  # a default: an interpreter that ends takes a module's names away first
    if call is not None:
        call(event)


def _started(event: str) -> None:
    if (running := _running.get(get_ident())) is not None:
        refuse(_STARTS[event], *running)


def place_of(frame: FrameType | None = None) -> str:
    """The line of the store that led to a start: the innermost outside of Python's library and of this."""
    frame = frame or sys._getframe(1)
    library = Path(sysconfig.get_paths()["stdlib"])
    harness = Path(__file__).parents[2]
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        mine = path.is_relative_to(harness / "worlds" / "sim")
        inside = path.is_relative_to(library) and "site-packages" not in path.parts
        if not (mine or inside or frame.f_code.co_filename.startswith("<")):
            return f"{path}:{frame.f_lineno}"
        frame = frame.f_back
    return "(no line of the store's)"

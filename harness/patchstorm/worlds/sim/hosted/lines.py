"""Which line of a server's own code led to what is done now, in whatever thread a library does it.

That is the innermost line of its own on the stack. Where there is none, as in a thread that only ever sees
``os.unlink``, it is the line that waits for the outcome, or else the one that handed the work on.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from patchstorm.worlds.sim.hosted.here import REQUEST, task_here

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.process import HostedProcess

Call = Callable[..., Any]
Line = tuple[str, int]
"""A file's path in full, and the number of a line in it."""

_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED: Final = f"{_LIBRARY}site-packages/"
_HARNESS: Final = f"{Path(__file__).parents[3]}/"


def line_of(process: HostedProcess) -> str:
    """As ``FILE:LINE``, for a story: the server's own line, else a library's; "" where there is none."""
    frame = sys._getframe(1)
    found = own_line(process, frame)
    if found is not None:
        return short(found)
    found = _of_a_library(frame)
    return "" if found is None else f"{PurePath(found[0]).parent.name}/{short(found)}"


def place_of(process: HostedProcess) -> str:
    """The same with the path in full, for a message that ends a run."""
    frame = sys._getframe(1)
    own, library = own_line(process, frame), _of_a_library(frame)
    if own is None or own == library or library is None:
        found = own or library
        return "(no line of the server's)" if found is None else f"{found[0]}:{found[1]}"
    return f"{own[0]}:{own[1]} (by way of {PurePath(library[0]).parent.name}/{short(library)})"


def short(line: Line) -> str:
    return f"{PurePath(line[0]).name}:{line[1]}"


def own_line(process: HostedProcess, frame: FrameType | None) -> Line | None:
    """The line of the server's own that led to ``frame``."""
    return on_stack(process, frame) or _handed_on(process, frame)


class OnBehalf:
    """Work for another thread, with the request for which it is done and the line that gave it."""

    __slots__ = ("_call", "_request", "line")

    def __init__(self, call: Call, request: str, line: Line | None) -> None:
        self._call, self._request, self.line = call, request, line

    def __call__(self, *args: Any, **named: Any) -> Any:
        token = REQUEST.set(self._request)
        try:
            return self._call(*args, **named)
        finally:
            REQUEST.reset(token)


_ON_BEHALF: Final = OnBehalf.__call__.__code__


def on_behalf(process: HostedProcess, call: Call) -> Call:
    """``call`` for another thread, which then knows whose work it does."""
    if type(call) is OnBehalf:
        return call
    return OnBehalf(call, REQUEST.get(), own_line(process, sys._getframe(2)))


def on_stack(process: HostedProcess, frame: FrameType | None) -> Line | None:
    """The innermost line of the server's own on the stack of ``frame``."""
    written = process.own.written
    while frame is not None:
        if written[frame.f_globals.get("__name__", "")]:
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def _handed_on(process: HostedProcess, frame: FrameType | None) -> Line | None:
    """The line that gave this thread the work that it does, or else started it.

    A thread of anyio's takes its work from a queue, with a future for the outcome, and calls nothing of
    ours: the line that waits for it is told instead.
    """
    while frame is not None:
        if frame.f_code is _ON_BEHALF:
            line: Line | None = frame.f_locals["self"].line
            return line
        if frame.f_code.co_qualname == "WorkerThread.run":
            future = frame.f_locals.get("future")
            if isinstance(future, asyncio.Future):
                return _waits_for(process, future)
        frame = frame.f_back
    task = task_here()
    thread = None if task is None else process.threads.get(task.number)
    return None if thread is None else thread.line


def _waits_for(process: HostedProcess, future: Any) -> Line | None:
    for callback, _ in future._callbacks or ():
        task = getattr(callback, "__self__", None)
        if isinstance(task, asyncio.Task):
            found = None
            for inner in _suspended(task.get_coro()):
                if process.own.written[inner.f_globals.get("__name__", "")]:
                    found = inner.f_code.co_filename, inner.f_lineno
            return found
    return None


def _suspended(coroutine: Any) -> Iterator[FrameType]:
    """The frames of what awaits one another, outermost first."""
    while coroutine is not None:
        for kind in ("cr", "gi", "ag"):
            frame = getattr(coroutine, f"{kind}_frame", None)
            if frame is not None:
                yield frame
                coroutine = getattr(coroutine, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
                break
        else:
            return


def _of_a_library(frame: FrameType | None) -> Line | None:
    """The innermost line that is neither Python's library nor Patchstorm's."""
    while frame is not None:
        file = frame.f_code.co_filename
        library = file.startswith(_LIBRARY) and not file.startswith(_INSTALLED)
        if not (library or file.startswith((_HARNESS, "<"))):
            return file, frame.f_lineno
        frame = frame.f_back
    return None

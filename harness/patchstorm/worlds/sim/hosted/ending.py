"""How the process of a simulated server ends by itself, and what is said of it."""

from __future__ import annotations

import sys
import traceback
from asyncio import events
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final

from patchstorm.target.model import Target
from patchstorm.worlds.sim.hosted.here import REQUEST
from patchstorm.worlds.sim.hosted.lines import Line, short

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.process import HostedProcess

CODE_MASK: Final = 0xFF
_HANDLE: Final = events.Handle._run.__code__
_HARNESS: Final = f"{Path(__file__).parents[3]}/"


def code_of(error: BaseException) -> int:
    """The code with which Python ends for it; what ``sys.exit`` is given besides a number is printed."""
    if not isinstance(error, SystemExit):
        return 1
    if error.code is None:
        return 0
    return error.code & CODE_MASK if isinstance(error.code, int) else 1


def last_words(process: HostedProcess, error: BaseException) -> str:
    """In one line: what was raised, where, and for which request.

    What it printed is no part of that: a history is the same in every run, and output may name addresses.
    """
    place, request = line_in(process, error), _request(error)
    served = process.requests.get(request)
    return (
        (f"SystemExit({error.code!r})" if isinstance(error, SystemExit) else type(error).__name__)
        + (f" at {short(place)}" if place is not None else "")
        + (f" while it served {request} {served}" if served is not None else "")
    )


def line_in(process: HostedProcess, error: BaseException) -> Line | None:
    """The innermost line of the server's own that ``error`` came through."""
    own = [line for frame, line in _frames(error) if _wrote(process, frame)]
    return own[-1] if own else None


def _wrote(process: HostedProcess, frame: FrameType) -> bool:
    return process.own.written[frame.f_globals.get("__name__", "")]


def _request(error: BaseException) -> str:
    """The one whose step on a loop raised it."""
    found = ""
    for frame, _ in _frames(error):
        if frame.f_code is _HANDLE:
            handle: Any = frame.f_locals["self"]
            found = handle._context.get(REQUEST, "")
    return found


def _frames(error: BaseException) -> Iterator[tuple[FrameType, Line]]:
    at: TracebackType | None = error.__traceback__
    while at is not None:
        yield at.tb_frame, (at.tb_frame.f_code.co_filename, at.tb_lineno)
        at = at.tb_next


def why_it_listens_not(process: HostedProcess, error: BaseException, target: Target) -> str:
    """What is to be said of a server that ended before it listened, with a remedy where one is known."""
    assert target.simulate is not None
    name, app = target.name, target.simulate.app
    place = line_in(process, error)
    where = "" if place is None else f"{place[0]}:{place[1]}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"target {name}: {_missing(process, error.name, where or app, target)}"
    if isinstance(error, SystemExit):
        told = (
            f"target {name}: {where or app}: {app} ended itself with code {code_of(error)} "
            f"(SystemExit({error.code!r})) before it listened in the simulator."
        )
    else:
        told = f"target {name}: {app} did not come to listen in the simulator.\n{_shown(process, error)}"
    return told + (f"\n{process.output.text.rstrip()}" if process.output.text else "")


def _missing(process: HostedProcess, module: str, where: str, target: Target) -> str:
    top = module.partition(".")[0]
    said = f"{where} imports `{module}`, which is "
    if Path(process.own.here, top).is_dir():
        return (
            f"{said}a directory without an __init__.py beside the target's file, and such a one is not "
            f'searched unless it is named: add "{top}" to `own` in [simulate].'
        )
    install = target.install
    known = " ".join(install.packages) if install and install.client == "pip" else None
    return (
        f"{said}neither beside the target's file nor in the Python that runs patchstorm, "
        f"{sys.executable}. Install it there: {sys.executable} -m pip install {known or top}"
        + ("" if known else " (or what its package is called)")
        + ". Another Python that has it is named by `python` in [simulate]."
    )


def _shown(process: HostedProcess, error: BaseException) -> str:
    """The error with the innermost line of the server's own, and the one that raised, where these differ."""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame, _ in _frames(error)]
    outer = [
        index
        for index, frame in enumerate(frames)
        if not frame.f_code.co_filename.startswith((_HARNESS, "<frozen"))
    ]
    own = [one for one in outer if _wrote(process, frames[one])]
    chosen = sorted({*own[-1:], *outer[-1:]})
    lines = traceback.format_list([stack[one] for one in chosen])
    head = ["Traceback (most recent call last):\n"] if lines else []
    return "".join([*head, *lines, *traceback.format_exception_only(error)]).rstrip()

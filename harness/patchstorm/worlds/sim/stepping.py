"""Going through a run step by step: each call with its line in the store, a debugger before some of them."""

from __future__ import annotations

import pdb
import sys
import sysconfig
from bdb import BdbQuit
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import patchstorm
from patchstorm.choice.strategy import Footprint
from patchstorm.telling.phrasing import did
from patchstorm.telling.record import StepRecord
from patchstorm.worlds.sim.agenda import STEP_NS
from patchstorm.worlds.sim.hosted.streams import terminal
from patchstorm.worlds.sim.tracing import Trace
from patchstorm.worlds.sim.watched import Detail

_HARNESS: Final = tuple(
    f"{Path(str(patchstorm.__file__)).parent / room}/" for room in ("worlds", "storage", "choice")
)
_LIBRARY: Final = f"{sysconfig.get_path('stdlib')}/"
_INSTALLED: Final = f"{_LIBRARY}site-packages/"
_SKIPPED: Final = ["patchstorm.worlds.*", "patchstorm.storage.*", "greenlet.*"]


class Stepping(Trace):
    """A trace that can be followed while it is made.

    ``tell`` is called with each step's line, which names the store's source, and ``stops`` are the numbers of
    steps, as stories and these lines have them, before which a debugger opens in the task that makes it. So
    does a ``breakpoint()`` of the store's, while this is entered as a context manager.
    """

    def __init__(
        self,
        phases: Mapping[str, tuple[str, ...]],
        tell: Callable[[str], None] | None = None,
        stops: Collection[int] = (),
    ) -> None:
        super().__init__(phases)
        self._tell = tell
        self._stops = set(stops)
        self.stopped: set[int] = set()
        self._hook = sys.breakpointhook

    def __enter__(self) -> Stepping:
        self._hook, sys.breakpointhook = sys.breakpointhook, self._asked_for
        return self

    def __exit__(self, *_: object) -> None:
        sys.breakpointhook = self._hook

    def _asked_for(self, *_: object, **__: object) -> None:
        self._debug(sys._getframe(1))

    def _debug(self, frame: FrameType) -> None:
        """Whoever quits ends the run, whatever the store makes of the exception."""
        kernel = self.kernel
        assert kernel is not None, "a store runs in a kernel"
        _Debugger(partial(kernel.fail, BdbQuit())).open_in(frame)

    def before(
        self, replica: int, call: str, path: str, execute: Callable[[], Any]
    ) -> Callable[[], Any] | None:
        number = 0 if self.kernel is None else self.kernel.now_ns // STEP_NS
        if number in self._stops and number not in self.stopped:
            self.stopped.add(number)
            frame = _of_the_store(sys._getframe(1))
            if frame is not None:
                self._debug(frame)
        return None

    def after(
        self, replica: int, footprint: Footprint, path: str, detail: Detail, result: object
    ) -> None:
        count = len(self.records)
        super().after(replica, footprint, path, detail, result)
        if len(self.records) == count:
            return  # the trace is full
        if self._tell is not None:
            record = self.records[-1]
            place = record.place or place_in_store(sys._getframe(1))
            self._tell(line_of(replace(record, place=place)))


def line_of(record: StepRecord) -> str:
    """A step as one line."""
    return f"step {record.time_ns // STEP_NS:>5}  replica {record.replica}  {did(record)}"


def place_in_store(frame: FrameType | None) -> str:
    """File and line of the store that led to ``frame``; empty where none did."""
    frame = _of_the_store(frame)
    if frame is None:
        return ""
    file = Path(frame.f_code.co_filename)
    return f"{file.parent.name}/{file.name}:{frame.f_lineno}"


def _of_the_store(frame: FrameType | None) -> FrameType | None:
    """The innermost frame that is neither the simulator's nor the standard library's."""
    while frame is not None:
        file = frame.f_code.co_filename
        ours = file.startswith((*_HARNESS, "<"))
        library = file.startswith(_LIBRARY) and not file.startswith(_INSTALLED)
        if not ours and not library:
            return frame
        frame = frame.f_back
    return None


class _Debugger(pdb.Pdb):
    """A debugger that opens at once, before the call is made, instead of at the next line."""

    def __init__(self, on_quit: Callable[[], object]) -> None:
        # A server's own streams are not the user's: what it prints is kept from the terminal.
        stdin, stdout = terminal()
        super().__init__(skip=_SKIPPED, stdin=stdin, stdout=stdout)
        self._on_quit = on_quit

    def open_in(self, frame: FrameType) -> None:
        """Ask what to do; BdbQuit when told to quit."""
        self.reset()
        outer: FrameType | None = frame
        while outer is not None:
            self.botframe = outer
            outer = outer.f_back
        self.interaction(frame, None)
        if self.quitting:
            raise BdbQuit
        if self.stoplineno == -1 and not self.breaks:  # continue: nobody is to be followed
            return
        inner: FrameType | None = frame
        while inner is not None:
            inner.f_trace = self.trace_dispatch
            inner = inner.f_back
        sys.settrace(self.trace_dispatch)

    def set_quit(self) -> None:
        super().set_quit()
        self._on_quit()

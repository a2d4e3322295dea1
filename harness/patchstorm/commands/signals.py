"""Whoever ends a command, it ends as by Ctrl-C: what had ended is told, and nothing is left running."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

_ENDINGS: Final = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What a CI system sends when a job is cancelled or takes too long, and a terminal that is closed."""


@contextlib.contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP do what SIGINT does; one that is ignored, as by nohup(1), stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there can handlers be set (signal)
        return
    taken = [number for number in _ENDINGS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, _interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """To whoever handles SIGINT just now: while an event loop runs, that is the loop."""
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):  # ignored, as in a shell's background jobs
        raise KeyboardInterrupt
    handler(signal.SIGINT, frame)

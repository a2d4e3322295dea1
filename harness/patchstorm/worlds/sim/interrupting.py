"""Ctrl-C while code under test runs: the run ends, and that code never sees it.

Python raises KeyboardInterrupt wherever the main thread stands. In a server that catches everything, as many
do around a request, it would become an answer of 500, and the server would be accused of it.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

_set: Final = signal.signal
"""The real one: in a hosted server's name nobody sets handlers."""


@contextlib.contextmanager
def held_back(fail: Callable[[BaseException], None]) -> Iterator[None]:
    """Inside, a first Ctrl-C is told to ``fail``; a second does what it did before."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield  # ignored, as in workers; and only the main thread can set handlers (signal)
        return
    handler = before
    told = False

    def once(number: int, frame: FrameType | None) -> None:
        nonlocal told
        if told:
            handler(number, frame)
        told = True
        fail(KeyboardInterrupt())

    _set(signal.SIGINT, once)
    try:
        yield
    finally:
        _set(signal.SIGINT, before)

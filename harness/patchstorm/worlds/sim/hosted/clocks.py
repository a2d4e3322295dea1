"""Clocks: a process reads virtual time, its host's error included, by every door that Python has.

``datetime`` reads the C library's clock and no function that could be replaced, so the methods that say
what time it is are replaced in the types themselves; whoever holds the types, or has made one of his own
of them, is told virtual time as well.
"""

from __future__ import annotations

import ctypes
import datetime
import gc
import time
from collections.abc import Callable
from typing import Any, Final

from patchstorm.worlds.sim.hosted.here import current

Call = Callable[..., Any]
Replace = Callable[[Any, str, Call], None]
S: Final = 1_000_000_000


def install(replace: Replace) -> None:
    _wall(replace, "time")
    for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
        _ticking(replace, name)
    replace(
        time,
        "sleep",
        _sent(time.sleep, lambda process, seconds: process.port.sleep(float(seconds))),
    )
    replace(
        time,
        "clock_gettime",
        _sent(time.clock_gettime, lambda process, which: _clock(process, which) / S),
    )
    replace(time, "clock_gettime_ns", _sent(time.clock_gettime_ns, _clock))
    for name in ("gmtime", "localtime", "ctime"):
        replace(time, name, _now_by_default(getattr(time, name)))
    real = time.strftime
    replace(
        time,
        "strftime",
        _sent(real, lambda _, how, at=None: real(how, time.localtime() if at is None else at)),
    )
    real_ascii = time.asctime
    replace(
        time,
        "asctime",
        _sent(real_ascii, lambda _, at=None: real_ascii(time.localtime() if at is None else at)),
    )
    _dates()


def _clock(process: Any, which: int) -> int:
    read = process.port.time_ns if which == time.CLOCK_REALTIME else process.port.monotonic_ns
    return int(read())


def _sent(real: Call, answer: Call) -> Call:
    def call(*args: Any, **named: Any) -> Any:
        process = current()
        return real(*args, **named) if process is None else answer(process, *args, **named)

    return call


def _wall(replace: Replace, name: str) -> None:
    seconds, whole = time.time, time.time_ns

    def now() -> float:
        process = current()
        return seconds() if process is None else process.port.time_ns() / S

    def now_ns() -> int:
        process = current()
        return whole() if process is None else process.port.time_ns()

    replace(time, name, now)
    replace(time, f"{name}_ns", now_ns)


def _ticking(replace: Replace, name: str) -> None:
    seconds, whole = getattr(time, name), getattr(time, f"{name}_ns")

    def now() -> float:
        process = current()
        return float(seconds()) if process is None else process.port.monotonic_ns() / S

    def now_ns() -> int:
        process = current()
        return int(whole()) if process is None else process.port.monotonic_ns()

    replace(time, name, now)
    replace(time, f"{name}_ns", now_ns)


def _now_by_default(real: Call) -> Call:
    def call(seconds: float | None = None) -> Any:
        process = current()
        if process is not None and seconds is None:
            seconds = process.port.time_ns() / S
        return real(seconds)

    return call


def _dates() -> None:
    moments = _own_dictionary(datetime.datetime)
    days = _own_dictionary(datetime.date)
    real_now, real_utcnow = moments["now"], moments["utcnow"]
    real_today = days["today"]

    def now(cls: Any, tz: Any = None) -> Any:
        process = current()
        if process is None:
            return real_now.__get__(None, cls)(tz)
        return cls.fromtimestamp(process.port.time_ns() / S, tz)

    def utcnow(cls: Any) -> Any:
        process = current()
        if process is None:
            return real_utcnow.__get__(None, cls)()
        return cls.fromtimestamp(process.port.time_ns() / S, datetime.UTC).replace(tzinfo=None)

    def today(cls: Any) -> Any:
        process = current()
        if process is None:
            return real_today.__get__(None, cls)()
        return cls.fromtimestamp(process.port.time_ns() / S)

    moments["now"] = classmethod(now)
    moments["utcnow"] = classmethod(utcnow)
    days["today"] = classmethod(today)
    for kind in (datetime.datetime, datetime.date):
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))


def _own_dictionary(kind: type) -> dict[str, Any]:
    """The dictionary behind the read-only view of a built-in type."""
    own: dict[str, Any] = gc.get_referents(kind.__dict__)[0]
    return own

"""How long a storm may take, however busy the machine is.

Each step waits for threads of others to have had their turn, so on a machine with ten processes for each
processor a storm of some thousand steps takes ten times as long as alone, and nothing is wrong with it. So
the time for which this thread stood in line for a processor (``schedstat``, second number) does not count;
those of the servers do, which stand in the same line, and there is an end to that as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

STORM_S_MAX: Final = 180.0
STORM_WALL_S_MAX: Final = 900.0
_NS: Final = 1e9


def in_line_s() -> float:
    """For how long this thread has waited for a processor."""
    with open("/proc/thread-self/schedstat", "rb") as file:
        return int(file.read().split()[1]) / _NS


class Deadline:
    """``seconds`` from now on, times in line apart, and never more than ``wall_s``. For one thread."""

    def __init__(
        self,
        seconds: float,
        wall_s: float,
        *,
        now_s: Callable[[], float] = time.monotonic,
        in_line_s: Callable[[], float] = in_line_s,
    ) -> None:
        self._seconds, self._wall_s = seconds, wall_s
        self._now_s, self._in_line_s = now_s, in_line_s
        self._began_s, self._stood_s = now_s(), in_line_s()

    @property
    def over(self) -> bool:
        took_s = self._now_s() - self._began_s
        if took_s <= self._seconds:
            return False
        return took_s > self._wall_s or took_s - (self._in_line_s() - self._stood_s) > self._seconds

"""When something is recorded to have happened."""

from __future__ import annotations

from patchstorm.worlds.sim.kernel import Kernel


class Stamps:
    """Record times: virtual time, but strictly increasing, since order is what they are read for."""

    __slots__ = ("_kernel", "_last")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._last = -1

    def __call__(self) -> int:
        self._last = max(self._last + 1, self._kernel.now_ns)
        return self._last

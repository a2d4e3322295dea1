"""How far a search through the orders of real servers is, for whoever shows it meanwhile.

Such a search has little to tell and long pauses between, since one run takes as long as its servers do: so it
is looked at every so often instead of telling what it just did.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """``budget`` is in runs, or None when seconds bound it. ``found`` is what the latest violation was."""

    schedules: int
    budget: int | None
    seconds: float
    violations: int = 0
    found: str = ""
    shrinking: bool = False

    @property
    def rate(self) -> float:
        """Runs a second so far."""
        return self.schedules / self.seconds if self.seconds > 0 else 0.0


Shown = Callable[[Far], None]


@contextlib.asynccontextmanager
async def looked_at(far: Callable[[], Far], shown: Shown | None) -> AsyncIterator[None]:
    """Show ``far`` now and then while the block runs, and once when it is through."""
    if shown is None:
        yield
        return

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            shown(far())

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
    shown(far())

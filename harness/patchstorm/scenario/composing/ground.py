"""What can be had where a composed storm is drawn: its world's, its storage's and its target's."""

from __future__ import annotations

from typing import Final

import msgspec

from patchstorm.scenario.faults import FAULTS, OF_REQUESTS
from patchstorm.scenario.model import TriggerKind


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """``faults`` that can be brought about and that the target claims to survive, ``absent`` the others with
    the reason; ``triggers`` and ``phases`` that work; ``paths``: patterns of files that the target works
    on; ``calls``: single calls on the storage are seen; ``small``: sizes that stay as they are cost little;
    ``large``: and may be larger than memory.
    """

    faults: tuple[str, ...]
    absent: tuple[tuple[str, str], ...] = ()
    triggers: tuple[TriggerKind, ...] = ()
    phases: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    calls: bool = False
    small: bool = False
    large: bool = False
    request_ms: int | None = None


ANYWHERE: Final = Ground(
    faults=tuple(kind for kind in FAULTS if kind in OF_REQUESTS),
    triggers=("after_bytes", "after_requests"),
)
"""What every world has, for those who name none: the faults that workloads see to themselves."""

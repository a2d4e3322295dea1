"""The stage of a live world: where real replicas run, what they share there, what can be done to them.

:mod:`patchstorm.live.run` runs a storm the same way on each of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from patchstorm.live.abilities import Abilities
from patchstorm.live.abilities_here import AbilitiesHere
from patchstorm.live.fleet import Fleet, running
from patchstorm.live.network import Network
from patchstorm.live.storage import Storage, opened, parse_storage
from patchstorm.live.suits import reason_to_skip
from patchstorm.scenario.faults import within
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target

STORM_S_MAX = 180.0


class RunFleet(Protocol):
    """Starts ``count`` replicas on a storage of the same world."""

    def __call__(
        self,
        target: Target,
        storage: Storage,
        count: int,
        *,
        log_dir: Path,
        lifetime_ms: int | None = None,
    ) -> AbstractAsyncContextManager[Fleet]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """``unsuited`` says why a plan cannot be brought about there on a storage; None if it can.

    ``prepare`` gets ready what is made once for many storms, so that no storm's time runs meanwhile.
    ``opened`` makes the storage that is asked for, for a storm of a target. ``abilities`` makes what
    can be done to a fleet there. A storm may take ``storm_s_max``.
    """

    name: str
    abilities: Callable[[Fleet, Storage, Network, Callable[[FaultPlan], None]], Abilities]
    unsuited: Callable[[Plan, Target, str], str | None]
    prepare: Callable[[Plan, Target], Awaitable[None]]
    opened: Callable[[str, Plan, Target], AbstractAsyncContextManager[Storage]]
    running: RunFleet
    storm_s_max: float = STORM_S_MAX


async def ready(_: Plan, __: Target) -> None:
    """Nothing has to be made for many storms."""
    return


def _opened(spec: str, _: Plan, __: Target) -> AbstractAsyncContextManager[Storage]:
    kind, size_bytes = parse_storage(spec)
    return opened(kind, size_bytes=size_bytes)


def unsuited(plan: Plan, target: Target, spec: str, faults: Collection[str]) -> str | None:
    """Why a world with these ``faults`` cannot run ``plan``."""
    _, size_bytes = parse_storage(spec)
    return reason_to_skip(plan, target, faults, bounded=size_bytes is not None)


HERE = Stage(
    name="processes",
    abilities=AbilitiesHere,
    unsuited=lambda plan, target, spec: unsuited(plan, target, spec, within(AbilitiesHere)),
    prepare=ready,
    opened=_opened,
    running=running,
)

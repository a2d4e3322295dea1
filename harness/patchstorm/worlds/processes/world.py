"""The world ``processes``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchstorm.run.outcome import Outcome
from patchstorm.scenario.faults import OF_REQUESTS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import DIRECTORY
from patchstorm.target.model import Target
from patchstorm.worlds.base import TMPFS_STORAGES, World, is_tmpfs


class Processes(World):
    """Real server processes on this machine."""

    name = "processes"
    says = "real server processes on tmpfs or any directory"
    default = True

    def means(self) -> Means:
        from patchstorm.live.abilities_here import AbilitiesHere

        return Means(faults=OF_REQUESTS | within(AbilitiesHere), runs_programs=True)

    def storages(self) -> Mapping[str, str]:
        return {
            **TMPFS_STORAGES,
            "dir:PATH": "a directory of yours, on whatever file system it lies",
        }

    def offers(self, storage: str) -> bool:
        return storage.startswith(DIRECTORY) or is_tmpfs(storage)

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        from patchstorm.live.run import run_live

        return await run_live(plan, target, out_dir=out_dir)


PROCESSES = Processes()

"""The world ``containers``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from patchstorm.run.outcome import Outcome
from patchstorm.scenario.faults import OF_REQUESTS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import DIRECTORY
from patchstorm.target.model import Target
from patchstorm.worlds.base import TMPFS_STORAGES, Row, World, is_tmpfs, of_nfs


class Containers(World):
    """Docker containers and what they share."""

    name = "containers"
    says = "containers on a network of their own over a shared volume, tmpfs or NFS"
    contains = True

    def means(self) -> Means:
        from patchstorm.worlds.containers.abilities import NfsContainerAbilities

        return Means(faults=OF_REQUESTS | within(NfsContainerAbilities), balancer=True)

    def storages(self) -> Mapping[str, str]:
        return {**TMPFS_STORAGES, **of_nfs()}

    def offers(self, storage: str) -> bool:
        from patchstorm.live.nfs.mounts import is_nfs

        return not storage.startswith(DIRECTORY) and (is_tmpfs(storage) or is_nfs(storage))

    def storages_in_words(self) -> str:
        return f"{', '.join(TMPFS_STORAGES)}, or a flavour of NFS, as in `nfs4.2,actimeo=1`"

    def check_storage(self, storage: str) -> None:
        from patchstorm.live.nfs.mounts import is_nfs, parse_mounting

        if is_nfs(storage):
            parse_mounting(storage)

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        from patchstorm.live.run import run_live
        from patchstorm.worlds.containers.stage import CONTAINERS as STAGE

        return await run_live(plan, target, out_dir=out_dir, stage=STAGE)

    async def doctor(self) -> AsyncIterator[Row]:
        from patchstorm.worlds.containers.doctor import containers

        async for row in containers():
            yield row


CONTAINERS = Containers()

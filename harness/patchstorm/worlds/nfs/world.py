"""The world ``nfs``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from patchstorm.errors import PatchstormError
from patchstorm.run.outcome import Outcome
from patchstorm.scenario.faults import OF_REQUESTS, within
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.target.claims import DIRECTORY
from patchstorm.target.model import Target
from patchstorm.worlds.base import Row, World, of_nfs


class RealNfs(World):
    """Client hosts of a real NFS server, in a guest kernel."""

    name = "nfs"
    says = "real server processes on client hosts of a real NFS server, in a guest kernel"

    def means(self) -> Means:
        from patchstorm.worlds.nfs.abilities import NfsAbilities

        return Means(faults=OF_REQUESTS | within(NfsAbilities), own_disk=True)

    def storages(self) -> Mapping[str, str]:
        return of_nfs()

    def offers(self, storage: str) -> bool:
        from patchstorm.live.nfs.mounts import is_nfs

        return not storage.startswith(DIRECTORY) and is_nfs(storage)

    def storages_in_words(self) -> str:
        return "a flavour of NFS, as in `nfs4.2,actimeo=1`"

    def storage_for(self, asked: str | None, wanted: str | None) -> str | None:
        from patchstorm.live.nfs.mounts import storage_of

        return storage_of(asked or wanted)

    def check_storage(self, storage: str) -> None:
        from patchstorm.live.nfs.mounts import parse_mounting

        if self.offers(storage):
            parse_mounting(storage)

    def shared(self, at_once: int) -> AbstractContextManager[Any]:
        """The guests, booted when first needed."""
        from patchstorm.worlds.nfs.guests import GUESTS_MAX, Guests

        return Guests(min(at_once, GUESTS_MAX))

    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        from patchstorm.worlds.nfs.run import run_nfs

        return await run_nfs(plan, target, out_dir=out_dir, guests=shared)

    async def doctor(self) -> AsyncIterator[Row]:
        """A guest is really booted, its NFS server comes up, and it goes again."""
        from patchstorm.worlds.nfs.guests import Guests

        what, began = f"world {self.name}", time.monotonic()
        try:
            with Guests() as guests:
                async with guests.one() as guest:
                    took_s = time.monotonic() - began
                    said = (
                        f"Linux {guest.release} in User-Mode Linux, NFS server up after "
                        f"{took_s:.0f} s"
                    )
        except (PatchstormError, OSError) as error:
            yield Row(what, "no", str(error))
            return
        yield Row(what, "yes", said)


NFS = RealNfs()

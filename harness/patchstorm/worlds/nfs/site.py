"""All that stands in a guest: one server and as many client hosts as a storm wants."""

from __future__ import annotations

import os
from typing import Final

from patchstorm.live.nfs.knfsd import Knfsd, state_of_daemons
from patchstorm.worlds.nfs.hosts import Host
from patchstorm.worlds.nfs.init import BASE

EXPORTS: Final = f"{BASE}/exports"


class Site:
    """The server is up from :meth:`start`; hosts are made when they are first wanted, and kept."""

    def __init__(self) -> None:
        self.server = Knfsd(EXPORTS)
        self.hosts: list[Host] = []
        self.exports = 0

    async def start(self) -> None:
        """Start the server."""
        os.makedirs(EXPORTS)
        state_of_daemons()
        await self.server.start()

    async def wanted(self, count: int) -> tuple[Host, ...]:
        """``count`` hosts, up and with their cables in."""
        while len(self.hosts) < count:
            self.hosts.append(Host(len(self.hosts)))
        found = tuple(self.hosts[:count])
        for host in found:
            await host.boot()
            host.rejoin()
        return found

    def next_export(self) -> int:
        """A number that no export of this guest has had."""
        self.exports += 1
        return self.exports

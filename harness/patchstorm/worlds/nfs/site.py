"""All that stands in a guest: one server and as many client hosts as a storm wants."""

from __future__ import annotations

from patchstorm.worlds.nfs.hosts import Host
from patchstorm.worlds.nfs.server import NfsServer


class Site:
    """The server is up from :meth:`start`; hosts are made when they are first wanted, and kept."""

    def __init__(self) -> None:
        self.server = NfsServer()
        self.hosts: list[Host] = []
        self.exports = 0

    async def start(self) -> None:
        """Start the server."""
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

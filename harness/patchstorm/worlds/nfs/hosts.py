"""The client hosts of a guest: network, host-name and mount namespaces, each behind a cable of its own.

A host's cable leads to the server and nowhere else; it carries NFS and nothing besides. Clients of the
storm reach a host's replicas through the host's own loopback interface, since a socket belongs to the
namespace in which it was made. So storage can be cut off while requests still arrive, and the other way
round.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
from typing import Final

from patchstorm.errors import InconclusiveError
from patchstorm.live.nfs.commands import ProgramFailed, run
from patchstorm.live.nfs.links import set_address, set_link
from patchstorm.worlds.nfs.init import BASE
from patchstorm.worlds.nfs.namespaces import hold, network_of

SHARED: Final = f"{BASE}/shared"
UNMOUNT_S_MAX: Final = 5.0
_DAEMONS: Final = "rpcbind && rm -f /run/rpcbind.sock && rpc.statd --no-notify"
_GO_THERE: Final = 'cd "$0" && exec "$@"'


class Host:
    """Client host ``index``. It is up from :meth:`boot` until :meth:`kill`."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.name = f"host-{index}"
        self.mounted = False
        self._holder: int | None = None
        self._daemons = False

    @property
    def network(self) -> str:
        return f"10.9.{self.index + 1}"

    @property
    def address(self) -> str:
        return f"{self.network}.2"

    @property
    def gateway(self) -> str:
        """The server's address in the network of this host."""
        return f"{self.network}.1"

    @property
    def cable(self) -> str:
        """The server's end of it."""
        return f"v{self.index}"

    @property
    def up(self) -> bool:
        return self._holder is not None

    @property
    def pid(self) -> int:
        """The process that holds the host's namespaces."""
        if self._holder is None:
            raise InconclusiveError(f"{self.name} of the guest is down")
        return self._holder

    def enter(self, *command: str, directory: str = "/") -> tuple[str, ...]:
        """``command``, to be run on this host."""
        into = ("nsenter", "-t", str(self.pid), "-n", "-u", "-m")
        return (*into, "sh", "-c", _GO_THERE, directory, *command)

    def socket(self) -> socket.socket:
        """A TCP socket of this host; OSError (EHOSTUNREACH) while it is down."""
        if not self.up:
            raise OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH), self.name)
        with network_of(self.pid):
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)

    async def boot(self) -> None:
        """Make the namespaces and connect the cable; nothing if the host is up."""
        if self.up:
            return
        self._daemons = self.mounted = False
        self._holder = hold(self.name)
        await run(
            "ip", "link", "add", self.cable, "type", "veth",
            "peer", "name", "e0", "netns", str(self.pid),
        )  # fmt: skip
        set_address(self.cable, self.gateway)
        set_link(self.cable, up=True)
        with network_of(self.pid):
            set_link("lo", up=True)
            set_address("e0", self.address)
            set_link("e0", up=True)

    async def mount(self, path: str, options: str, *, locks_by_daemon: bool) -> None:
        """Mount the server's ``path``; version 3 needs daemons here for its locks."""
        if locks_by_daemon and not self._daemons:
            await run(*self.enter("sh", "-c", _DAEMONS))
            self._daemons = True
        source = f"{self.gateway}:{path}"
        await run(*self.enter("mount.nfs", source, SHARED, "-o", options))
        self.mounted = True

    async def notify(self) -> None:
        """After a reboot: tell the server of version 3 that locks held before are nobody's (statd(8))."""
        if self._daemons:
            await run(*self.enter("sm-notify", "-f"))

    async def unmount(self) -> None:
        """In order if the server answers, by force if not."""
        if not (self.up and self.mounted):
            return
        self.mounted = False
        try:
            await run(*self.enter("umount", SHARED), within_s=UNMOUNT_S_MAX)
        except ProgramFailed:
            await self._unmount_by_force()

    async def _unmount_by_force(self) -> None:
        with contextlib.suppress(ProgramFailed):
            await run(*self.enter("umount", "-f", "-l", SHARED), within_s=UNMOUNT_S_MAX)

    def cut(self) -> None:
        """Pull the cable. Does not wait, since it is called where a fault strikes."""
        set_link(self.cable, up=False)

    def rejoin(self) -> None:
        """Plug the cable in again."""
        if self.up:
            set_link(self.cable, up=True)

    def processes(self) -> list[int]:
        """Every process of this host but its holder."""
        mine = os.readlink(f"/proc/{self.pid}/ns/net")
        found = []
        for name in os.listdir("/proc"):
            with contextlib.suppress(OSError):
                if name.isdigit() and os.readlink(f"/proc/{name}/ns/net") == mine:
                    found.append(int(name))
        return [pid for pid in found if pid != self.pid]

    def fail(self) -> None:
        """The host loses power: cable first, so that nothing of it is heard any more."""
        self.cut()
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def kill(self) -> None:
        """What remains of a host that failed goes: its mount, its cable, its namespaces."""
        if self._holder is None:
            return
        self.fail()
        if self.mounted:
            self.mounted = False
            await self._unmount_by_force()
        with contextlib.suppress(ProgramFailed):
            await run("ip", "link", "del", self.cable)
        os.kill(self._holder, signal.SIGKILL)
        os.waitpid(self._holder, 0)
        self._holder = None

"""The guest's NFS server: knfsd in the first network namespace, its exports, its restarts.

Leases and grace are ten seconds, the least that knfsd takes (``fs/nfsd/nfsctl.c``), so that a storm can
outlive them. The kernel's lockd finds rpcbind through a socket in the file system it was started from,
which all namespaces would share; so those sockets are removed and everybody uses the loopback address of
his own namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import Final

from patchstorm.errors import InconclusiveError
from patchstorm.worlds.nfs.commands import run, start_daemon
from patchstorm.worlds.nfs.init import BASE, mount
from patchstorm.worlds.nfs.links import set_link
from patchstorm.worlds.nfs.namespaces import state_of_daemons

CONTROL: Final = Path("/proc/fs/nfsd")
EXPORTS: Final = f"{BASE}/exports"
THREADS: Final = "8"
LEASE_S_MIN: Final = 10
READY_S_MAX: Final = 20.0
POLL_S: Final = 0.02
RPCBIND_SOCKETS: Final = ("/run/rpcbind.sock", "/run/rpcbind/rpcbind.sock")


class NfsServer:
    """knfsd. ``lease_s`` is both the lease and the grace period."""

    lease_s: int = LEASE_S_MIN

    async def start(self) -> None:
        """Bring daemons and kernel threads up; no grace period, since nobody can hold anything."""
        os.makedirs(EXPORTS)
        state_of_daemons()
        mount("nfsd", str(CONTROL), "nfsd")
        set_link("lo", up=True)
        await start_daemon("rpcbind")
        forget_rpcbind_socket()
        await start_daemon("rpc.statd", "--no-notify")
        await export(EXPORTS, number=0)
        await start_daemon("rpc.mountd")
        self._tell_times(grace_s=1)
        await run("rpc.nfsd", THREADS)
        await self.end_grace()

    def _tell_times(self, *, grace_s: int) -> None:
        """knfsd takes no less than its minimum; lockd has a grace period of its own."""
        least = str(max(LEASE_S_MIN, self.lease_s))
        for name in ("nfsv4leasetime", "nfsv4gracetime"):
            (CONTROL / name).write_text(least)
        with contextlib.suppress(FileNotFoundError):
            Path("/proc/sys/fs/nfs/nlm_grace_period").write_text(str(grace_s))

    async def end_grace(self) -> None:
        """Cut the grace period short, which can be done once, and wait until it is over."""
        with contextlib.suppress(OSError):
            (CONTROL / "v4_end_grace").write_text("Y")
        await self.grace_over()

    async def grace_over(self) -> None:
        """Wait until new locks are given again."""
        deadline = time.monotonic() + self.lease_s + READY_S_MAX
        while (CONTROL / "v4_end_grace").read_text().strip() != "Y":
            if time.monotonic() > deadline:
                raise InconclusiveError("the guest's NFS server does not leave its grace period")
            await asyncio.sleep(POLL_S)

    async def stop(self) -> None:
        """End all threads: locks and leases are forgotten, connections break."""
        await run("rpc.nfsd", "0")

    async def available(self) -> None:
        """Come up again after :meth:`stop`, with a grace period in which clients reclaim."""
        if (CONTROL / "threads").read_text().strip() == "0":
            self._tell_times(grace_s=self.lease_s)
            await run("rpc.nfsd", THREADS)
            await run("sm-notify", "-f")

    async def lease(self, seconds: int) -> None:
        """Leases of ``seconds`` from now on, and grace periods too; knfsd takes them only at rest."""
        if seconds == self.lease_s:
            return
        self.lease_s = seconds
        await self.stop()
        await self.available()
        await self.end_grace()

    def expire(self, address: str) -> int:
        """Forget all that the client at ``address`` holds, locks first; how many clients that were.

        Version 4 keeps a directory for each client, version 3 has ``unlock_ip`` (nfsd(7)).
        """
        expired = 0
        for folder in CONTROL.glob("clients/*"):
            with contextlib.suppress(OSError):
                if f"{address}:" in (folder / "info").read_text():
                    (folder / "ctl").write_text("expire\n")
                    expired += 1
        with contextlib.suppress(OSError):
            (CONTROL / "unlock_ip").write_text(f"{self.own_address(address)}\n")
        return expired

    @staticmethod
    def own_address(address: str) -> str:
        """The server's address in the network of the client at ``address``."""
        return f"{address.rpartition('.')[0]}.1"


def forget_rpcbind_socket() -> None:
    """See the module's docstring."""
    for path in RPCBIND_SOCKETS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


async def export(path: str, *, number: int, stable: bool = True) -> None:
    """Export ``path`` to everybody as file system ``number``; 0 is the root that version 4 sees."""
    when = "sync" if stable else "async"
    options = f"rw,{when},no_root_squash,no_subtree_check,insecure,fsid={number}"
    await run("exportfs", "-o", options, f"*:{path}")


async def unexport(path: str) -> None:
    """Take an export back."""
    await run("exportfs", "-u", f"*:{path}")

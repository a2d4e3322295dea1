"""The kernel's NFS server in one network namespace: its daemons, exports, leases and restarts.

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
from patchstorm.live.nfs.commands import run, start_daemon
from patchstorm.live.nfs.links import set_link

CONTROL: Final = Path("/proc/fs/nfsd")
LOCKD_GRACE: Final = Path("/proc/sys/fs/nfs/nlm_grace_period")
STATE: Final = Path("/var/lib/nfs")
PIPES: Final = STATE / "rpc_pipefs"
THREADS: Final = "8"
LEASE_S_MIN: Final = 10
READY_S_MAX: Final = 20.0
POLL_S: Final = 0.02
RPCBIND_SOCKETS: Final = ("/run/rpcbind.sock", "/run/rpcbind/rpcbind.sock")


class Knfsd:
    """What is exported to everybody as the root of version 4 is ``root``, a path.

    ``lease_s`` is both the lease and the grace period. ``contained``: it is in a container, so its files are
    no other's, and neither are its sockets. A daemon writes down which clients may reclaim their locks after
    a restart (nfsdcld(8)). Without it nobody may, so locks that were held would exclude nobody any more:
    kernels do it themselves no longer (CONFIG_NFSD_LEGACY_CLIENT_TRACKING).
    """

    def __init__(self, root: str, *, contained: bool = False) -> None:
        self.root = root
        self.lease_s = LEASE_S_MIN
        self._contained = contained

    async def start(self, *, stable: bool = True) -> None:
        """Bring daemons and kernel threads up; no grace period, since nobody can hold anything.

        Not ``stable``: the root's export acknowledges before data are on disk.
        """
        await run("mount", "-t", "nfsd", "nfsd", str(CONTROL))
        set_link("lo", up=True)
        await start_daemon("rpcbind")
        if not self._contained:
            forget_rpcbind_socket()
        await start_daemon("rpc.statd", "--no-notify")
        await run("mount", "-t", "rpc_pipefs", "pipes", str(PIPES))
        await start_daemon("nfsdcld", "-p", str(PIPES))
        await export(self.root, number=0, stable=stable)
        await start_daemon("rpc.mountd")
        await self._begin(grace_s=1)
        await self.end_grace()

    async def _begin(self, *, grace_s: int) -> None:
        """Start the threads. knfsd takes no less than its minimum; lockd has a grace period of its own.

        That of lockd is a setting of the whole machine, read when lockd starts, and put back then.
        """
        least = str(max(LEASE_S_MIN, self.lease_s))
        for name in ("nfsv4leasetime", "nfsv4gracetime"):
            (CONTROL / name).write_text(least)
        before = LOCKD_GRACE.read_text() if LOCKD_GRACE.exists() else None
        if before is not None:
            LOCKD_GRACE.write_text(str(grace_s))
        try:
            await run("rpc.nfsd", THREADS)
        finally:
            if before is not None:
                LOCKD_GRACE.write_text(before)

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
            await self._begin(grace_s=self.lease_s)
            await run("sm-notify", "-f")

    async def lease(self, seconds: int) -> None:
        """Leases of ``seconds`` from now on, and grace periods too; knfsd takes them only at rest."""
        if seconds == self.lease_s:
            return
        self.lease_s = seconds
        await self.stop()
        await self.available()
        await self.end_grace()

    def expire(self, mark: str, own_address: str) -> int:
        """Forget all that one client holds, locks first; how many clients of version 4 that were.

        ``mark`` is in what version 4 knows of this client. Version 3 has ``unlock_ip`` (nfsd(7)), which takes
        the address of ours that the client knows.
        """
        expired = 0
        for folder, info in self.clients().items():
            with contextlib.suppress(OSError):
                if mark in info:
                    (folder / "ctl").write_text("expire\n")
                    expired += 1
        with contextlib.suppress(OSError):
            (CONTROL / "unlock_ip").write_text(f"{own_address}\n")
        return expired

    @staticmethod
    def clients() -> dict[Path, str]:
        """A directory for each client of version 4 that there is, with what is known of it."""
        found = {}
        for folder in CONTROL.glob("clients/*"):
            with contextlib.suppress(OSError):
                found[folder] = (folder / "info").read_text()
        return found


def state_of_daemons() -> None:
    """The files that statd, mountd and knfsd want to find in an empty ``/var/lib/nfs``."""
    for directory in ("sm", "sm.bak", "rpc_pipefs", "v4recovery", "nfsdcltrack", "nfsdcld"):
        (STATE / directory).mkdir()
    for name in ("etab", "rmtab", "state"):
        (STATE / name).touch(exist_ok=False)


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

"""One storm's storage on NFS: an export of its own, mounted on every client host, gone afterwards.

``view`` is the export as the server sees it, which is the truth; ``root`` is where each host has mounted it.
The export is a file system of its own, so that it can be filled without filling anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from patchstorm.live.nfs.commands import ProgramFailed, run
from patchstorm.live.nfs.knfsd import Knfsd, export, unexport
from patchstorm.live.nfs.mounts import Mounting, parse_mounting
from patchstorm.live.storage import Storage
from patchstorm.worlds.nfs.hosts import SHARED, Host
from patchstorm.worlds.nfs.init import BASE
from patchstorm.worlds.nfs.site import EXPORTS, Site

DISK = "/dev/ubda"


@dataclass(slots=True, kw_only=True)
class NfsStorage(Storage):
    """A storage whose hosts have cables that can be cut, and whose server can be restarted."""

    mounting: Mounting
    server: Knfsd
    nfs_hosts: tuple[Host, ...]
    number: int
    _settled: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def mount(self, host: Host) -> None:
        """Mount the export on ``host``, unless it is mounted."""
        async with self._settled:
            if not host.mounted:
                await host.mount(
                    export_name(self.mounting, self.number),
                    self.mounting.options,
                    locks_by_daemon=self.mounting.locks_by_daemon,
                )


def export_name(mounting: Mounting, number: int) -> str:
    """The path to mount: version 4 has a root of its own, version 3 the server's."""
    return f"{EXPORTS}/{number}" if mounting.version == "3" else f"/{number}"


@contextlib.asynccontextmanager
async def opened(
    site: Site,
    spec: str,
    hosts: int,
    *,
    first_host: int = 0,
    on_disk: bool = False,
    keep_disk: bool = False,
) -> AsyncIterator[NfsStorage]:
    """A storage for one storm on ``hosts`` client hosts, from number ``first_host`` on.

    ``on_disk`` has the export on the guest's disk, where it outlives a power loss, instead of in memory;
    ``keep_disk`` takes what is there already.
    """
    mounting = parse_mounting(spec)
    number = site.next_export()
    export_path, scratch = Path(EXPORTS, str(number)), Path(BASE, "scratch", str(number))
    scratch.mkdir(parents=True)
    export_path.mkdir()
    clients = (await site.wanted(first_host + hosts))[first_host:]
    await site.server.lease(mounting.lease_s)
    try:
        await _made(export_path, mounting, on_disk=on_disk, keep_disk=keep_disk)
        await export(str(export_path), number=number, stable=mounting.stable)
        storage = NfsStorage(
            root=Path(SHARED, "root"),
            view=export_path / "root",
            scratch=scratch,
            flavour=mounting.flavour,
            hosts=clients,
            fillable=export_path / "fill",
            dated=not mounting.dates_later,
            mounting=mounting,
            server=site.server,
            nfs_hosts=clients,
            number=number,
        )
        for host in clients:
            await storage.mount(host)
        yield storage
    finally:
        await asyncio.shield(_removed(site, clients, export_path, scratch))


async def _made(path: Path, mounting: Mounting, *, on_disk: bool, keep_disk: bool) -> None:
    if on_disk:
        if not keep_disk:
            blocks = str(mounting.size_bytes >> 10)
            await run("mkfs.ext4", "-q", "-F", "-b", "1024", DISK, blocks)
        await run("mount", "-t", "ext4", DISK, str(path))
    else:
        await run("mount", "-t", "tmpfs", "-o", f"size={mounting.size_bytes}", "export", str(path))
    (path / "root").mkdir(exist_ok=True)


async def _removed(site: Site, hosts: tuple[Host, ...], path: Path, scratch: Path) -> None:
    """Everything of this storm: hosts that are in order stay for the next one."""
    for host in hosts:
        if host.up:
            host.rejoin()
    for host in hosts:
        await host.unmount()
    await site.server.available()
    for step in (unexport(str(path)), run("umount", "-l", str(path))):
        with contextlib.suppress(ProgramFailed):
            await step
    with contextlib.suppress(OSError):
        os.rmdir(path)
    shutil.rmtree(scratch, ignore_errors=True)

"""The file server of a storm, as the program of a container (``python3 -m`` and this module, with an ORDER).

The kernel's NFS server in the container's own network namespace, which exports what is mounted at
:data:`EXPORT`. It has an address for every replica, beside the one that Docker gave it: a replica's client
knows only its own, so that each can be cut off by itself.

ORDER is a :class:`Serving` in JSON. Orders that come later are lines of JSON over the Unix socket of which it
tells, one a connection: a method of :class:`_Server` and, for some, a replica. A connection that orders
``stay`` is the harness's life line: at its end everything is brought back into order, since otherwise a mount
could not go away. SIGTERM ends the server's threads, which would outlive the container.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from patchstorm.errors import PatchstormError
from patchstorm.live.nfs.commands import run
from patchstorm.live.nfs.knfsd import STATE, Knfsd, state_of_daemons
from patchstorm.live.nfs.links import set_address, set_link
from patchstorm.worlds.containers.packets import INTERFACE

EXPORT: Final = "/shared"
ETC: Final = {"hosts": "127.0.0.1 localhost\n", "nsswitch.conf": "hosts: files\n"}
"""Daemons look addresses up, and no other machine is to be asked."""
EVERYBODY: Final = 0o666  # the harness need not be root


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """``addresses`` are the replicas', in their order. ``marks`` are what their clients' names contain."""

    socket: str
    lease_s: int
    stable: bool
    addresses: tuple[str, ...]
    marks: tuple[str, ...]


class _Server:
    """Its public methods are orders."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._knfsd = Knfsd(EXPORT, contained=True)
        self._knfsd.lease_s = serving.lease_s

    async def start(self) -> None:
        for name, text in ETC.items():
            Path("/etc", name).write_text(text, encoding="ascii")
        for directory in ("/run", str(STATE)):
            await run("mount", "-t", "tmpfs", "memory", directory)
        state_of_daemons()
        await self._knfsd.start(stable=self._serving.stable)
        for replica in range(len(self._serving.addresses)):
            await self.join(replica)

    async def cut(self, replica: int) -> None:
        """This replica's address is nobody's; what is sent to it is lost."""
        set_link(_alias(replica), up=False)

    async def join(self, replica: int) -> None:
        """It is ours."""
        set_address(_alias(replica), self._serving.addresses[replica])

    async def stop(self) -> None:
        """All threads end, and with them all that was known of locks."""
        await self._knfsd.stop()

    async def available(self) -> None:
        """They are there again, and the grace period is over."""
        await self._knfsd.available()
        await self._knfsd.grace_over()

    async def expire(self, replica: int) -> int:
        """All that this replica's client holds is forgotten."""
        serving = self._serving
        return self._knfsd.expire(serving.marks[replica], serving.addresses[replica])

    async def clients(self) -> int:
        """How many different clients of version 4 there are."""
        return len(self._knfsd.clients())

    async def heal(self) -> None:
        """Whatever was done to it is taken back."""
        for replica in range(len(self._serving.addresses)):
            await self.join(replica)
        await self._knfsd.available()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            order = json.loads(await reader.readline() or "null")
            if order is None:
                return
            if order["do"] == "stay":
                await reader.read()
                await self.heal()
                return
            writer.write(json.dumps(await self._told(order)).encode() + b"\n")
            await writer.drain()
        finally:
            writer.close()

    async def _told(self, order: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"done": await getattr(self, order.pop("do"))(**order)}
        except (PatchstormError, OSError) as error:
            return {"failed": str(error)}


def _alias(replica: int) -> str:
    """The interface's label for a replica's address (netdevice(7))."""
    return f"{INTERFACE}:{replica}"


async def _main(serving: Serving) -> None:
    server = _Server(serving)
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    try:
        await server.start()
    except (PatchstormError, OSError) as error:
        sys.exit(str(error))
    ready = f"{serving.socket}.new"
    listening = await asyncio.start_unix_server(server.serve, ready)
    os.chmod(ready, EVERYBODY)
    os.rename(ready, serving.socket)  # where it is seen, it answers
    await over.wait()
    listening.close()  # without waiting for who still stays
    await server.stop()


if __name__ == "__main__":
    asyncio.run(_main(msgspec.json.decode(sys.argv[1], type=Serving)))

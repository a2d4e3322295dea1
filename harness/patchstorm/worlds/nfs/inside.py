"""The agent in a guest: takes jobs from the line, one at a time, and answers.

It is the root of the guest's first network namespace, where the NFS server runs. When the line ends it
exits, and the guest with it.
"""

from __future__ import annotations

import asyncio
import os
import traceback
import tty
from collections.abc import Awaitable, Callable
from typing import Any, Final

from patchstorm.errors import PatchstormError
from patchstorm.worlds.nfs.channel import READ_BYTES, Lines, Whole, encoded
from patchstorm.worlds.nfs.init import ASK_S, LINE
from patchstorm.worlds.nfs.site import Site

Say = Callable[[dict[str, Any]], None]
Job = Callable[[Site, dict[str, Any], Say], Awaitable[dict[str, Any]]]


async def _storm(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    from patchstorm.worlds.nfs.storming import storm

    return await storm(site, order, say)


async def _litmus(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    from patchstorm.worlds.nfs.litmus import litmus

    return await litmus(site, order, say)


async def _program(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    from patchstorm.worlds.nfs.program import program

    return await program(site, order, say)


TRACEBACK_CHARACTERS: Final = 2_000
JOBS: Final[dict[str, Job]] = {"storm": _storm, "litmus": _litmus, "program": _program}


class Agent:
    """The guest's end of the line."""

    def __init__(self, line: int) -> None:
        self._line = line
        self._lines = Lines()
        self._whole = Whole()
        self._orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def readable(self) -> None:
        """Something came over the line, or it ended."""
        try:
            data = os.read(self._line, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            os._exit(0)
        for message in self._lines.fed(data):
            order = self._whole.taken(message)
            self.say({"took": True})
            if order is not None:
                self._orders.put_nowait(order)

    def ask(self) -> None:
        """End with the line, also where its end was missed; and again after a while."""
        try:
            os.write(self._line, b"\n")
        except BlockingIOError:
            pass  # nobody reads, but somebody is there
        except OSError:
            os._exit(0)
        asyncio.get_running_loop().call_later(ASK_S, self.ask)

    def say(self, message: dict[str, Any]) -> None:
        """Send a message; returns once it is on its way."""
        left = memoryview(encoded(message))
        os.set_blocking(self._line, True)
        try:
            while left:
                left = left[os.write(self._line, left) :]
        except OSError:
            os._exit(0)
        finally:
            os.set_blocking(self._line, False)

    async def serve(self) -> None:
        """Do what is ordered until the line ends."""
        asyncio.get_running_loop().add_reader(self._line, self.readable)
        site = Site()
        self.ask()
        try:
            await site.start()
        except Exception as error:
            self.say({"broken": _said(error)})
            raise
        self.say({"ready": True})
        while True:
            order = await self._orders.get()
            try:
                done = await JOBS[order["do"]](site, order, self.say)
                self.say({"done": done})
            except PatchstormError as error:
                self.say({"failed": type(error).__name__, "says": str(error)})
            except Exception as error:
                self.say({"failed": type(error).__name__, "says": _said(error)})
                raise


def _said(error: Exception) -> str:
    return "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:]


def main() -> None:
    """Open the line and serve it."""
    line = os.open(LINE, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    os.set_blocking(line, False)
    asyncio.run(Agent(line).serve())


if __name__ == "__main__":
    main()

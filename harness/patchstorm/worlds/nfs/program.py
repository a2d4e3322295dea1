"""A program in a guest: ``python -m patchstorm.worlds.nfs.program [--memory MIB] COMMAND [ARGUMENT...]``.

For what needs NFS in the kernel of the machine it runs on, on a machine that has none: the program is root in
the guest's first network namespace, over this machine's files, which it may read and not write. Room to write
is below :data:`BASE` (memory) and on the disk :data:`DISK`, which is empty. What it says is printed as it
comes, and its exit code is the command's, which is 2 where no guest can be had.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

from patchstorm.errors import PatchstormError
from patchstorm.worlds.nfs.channel import READ_BYTES
from patchstorm.worlds.nfs.guest import MEMORY_MIB, Guest
from patchstorm.worlds.nfs.site import Site

Say = Callable[[dict[str, Any]], None]
USAGE: Final = (
    "usage: python -m patchstorm.worlds.nfs.program [--memory MIB] COMMAND [ARGUMENT...]\n"
)
KILLED: Final = 128
"""What shells add to the number of the signal that ended a program."""


async def program(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    """The job "program", in the guest: run ``order["command"]`` to its end, and what it leaves with it."""
    process = await asyncio.create_subprocess_exec(
        *order["command"],
        cwd=order["directory"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert process.stdout is not None
    while said := await process.stdout.read(READ_BYTES):
        say({"said": said.decode("utf-8", "replace")})
    code = await process.wait()
    return {"code": code if code >= 0 else KILLED - code}


async def run_in_guest(
    command: list[str], heard: Callable[[str], None], *, memory_mib: int = MEMORY_MIB
) -> int:
    """The exit code of ``command``, run in a guest of its own; ``heard`` gets what it says.

    Raises UnavailableStorage where no guest can be had and GuestGone where it ended too early.
    """
    guest = Guest(memory_mib=memory_mib)
    order = {"do": "program", "command": command, "directory": os.getcwd()}
    try:
        await guest.boot()
        done = await guest.job(order, lambda message: heard(message.get("said", "")))
        return int(done["code"])
    finally:
        guest.kill()


def main(arguments: list[str]) -> int:
    """The command; see the module's docstring."""
    memory_mib = MEMORY_MIB
    if arguments[:1] == ["--memory"] and arguments[1:2] and arguments[1].isdigit():
        memory_mib, arguments = int(arguments[1]), arguments[2:]
    if not arguments or arguments[0].startswith("-"):
        sys.stderr.write(USAGE)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(run_in_guest(arguments, _print, memory_mib=memory_mib))
    except PatchstormError as error:
        sys.stderr.write(f"patchstorm: {error}\n")
        return 2
    except KeyboardInterrupt:
        return KILLED + signal.SIGINT


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

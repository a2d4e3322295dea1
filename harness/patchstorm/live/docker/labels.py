"""The labels by which everything that this world makes is found again, and whose it is.

``patchstorm.run`` names one storm's containers, network and volumes; ``patchstorm.owner`` the harness
process that made them, so that what a dead harness left can be told from what a living one uses.
"""

from __future__ import annotations

import os
import socket
import uuid
from pathlib import Path

from patchstorm.live.warden import start_time

RUN = "patchstorm.run"
OWNER = "patchstorm.owner"
ROLE = "patchstorm.role"
FILES = "files"
"""The role of who serves files to the others: it goes last, in order."""
NAME_PREFIX = "patchstorm"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def new_run() -> str:
    """A name for one storm's things, unlike any other."""
    return f"{NAME_PREFIX}-{uuid.uuid4().hex[:12]}"


def labels(run: str, role: str) -> dict[str, str]:
    """What a thing of ``run`` is labelled with."""
    return {RUN: run, OWNER: owner(), ROLE: role}


def owner() -> str:
    """This process, so named that no other ever was or will be called the same."""
    return f"{_machine()} {os.getpid()} {start_time(os.getpid())}"


def owner_lives(text: str) -> bool:
    """Whether the process of that label still runs. One on another machine is taken to be alive."""
    machine, pid, started = text.rsplit(" ", 2)
    if machine.partition(" ")[0] != socket.gethostname():
        return True
    return machine == _machine() and start_time(int(pid)) == started


def _machine() -> str:
    return f"{socket.gethostname()} {_BOOT_ID.read_text(encoding='ascii').strip()}"

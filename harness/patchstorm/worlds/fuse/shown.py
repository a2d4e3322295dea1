"""Mounts in the harness's own namespace, where other programs of this machine find them.

Nothing takes them away but somebody who does so: their source names the process that made them, by which
those that were left are told from those in use. Once that process is gone they are dead, and hold nobody up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from patchstorm.live import nsholder
from patchstorm.live.storage import UnavailableStorage
from patchstorm.live.warden import start_time
from patchstorm.worlds.fuse.device import Device, cannot

_OCTAL: Final = re.compile(r"\\([0-7]{3})")
_SOURCE: Final = "patchstorm:{pid}:{started}"


class Shown(Device):
    """A mount that everybody on this machine may see, as far as they may see its directory."""

    def _unmount(self) -> None:
        nsholder.detach(str(self.where))


def shown(where: Path) -> Shown:
    """A file system on ``where``, in the harness's own namespace. UnavailableStorage if there can be none."""
    try:
        return Shown(where, nsholder.attach(str(where), _source(os.getpid())))
    except OSError as error:
        raise UnavailableStorage(cannot(error.strerror or str(error))) from None


def shows(pid: int, where: str, device: str) -> bool:
    """Whether that device is what process ``pid`` finds there, or the process is gone already."""
    found = mounts_of(str(pid))
    return not found or (where in found and found[where].device == device)


class Mount(NamedTuple):
    """One line of a mount table: numbers of the device, kind and source."""

    device: str
    kind: str
    source: str


def mounts_of(pid: str) -> dict[str, Mount]:
    """What is mounted where for a process (proc(5), mountinfo); no file system is asked for it."""
    try:
        lines = Path(f"/proc/{pid}/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {where: mount for line in lines for where, mount in [_read(line)]}


def _read(line: str) -> tuple[str, Mount]:
    place, _, kind = line.partition(" - ")
    fields = place.split()
    return _OCTAL.sub(_letter, fields[4]), Mount(fields[2], *kind.split()[:2])


def _letter(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def _source(pid: int) -> str:
    return _SOURCE.format(pid=pid, started=start_time(pid))


def left_mounts() -> Iterator[str]:
    """Where mounts lie that were made by harnesses which no longer run."""
    for where, mount in mounts_of("self").items():
        if mount.kind == nsholder.FUSE_KIND:
            name, _, rest = mount.source.partition(":")
            pid = rest.partition(":")[0]
            if name == "patchstorm" and pid.isdigit() and mount.source != _source(int(pid)):
                yield where

"""Whether this machine's kernel has NFS, which containers have from it or not at all."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

NEEDED: Final = {"nfs": "client", "nfsd": "server"}
FILE_SYSTEMS: Final = Path("/proc/filesystems")
MODULES: Final = Path("/lib/modules")
ELSEWHERE: Final = (
    "`--world nfs` brings a kernel of its own, and `python -m patchstorm.worlds.nfs.program` runs a "
    "whole Docker daemon in it (docs/containers.md)"
)


def kernel_lacks(
    file_systems: Path = FILE_SYSTEMS, modules: Path = MODULES, release: str | None = None
) -> str | None:
    """What it has not of NFS, and what to do; None where both sides are loaded or can be.

    Which file systems are loaded is in ``file_systems`` (proc(5)); what could be is listed where modprobe(8)
    looks. That it can really be mounted is known only when it is.
    """
    release = os.uname().release if release is None else release
    there = {line.split()[-1] for line in _lines(file_systems) if line.strip()}
    there |= _loadable(modules / release)
    missing = [f"no NFS {side} ({name})" for name, side in NEEDED.items() if name not in there]
    if not missing:
        return None
    return f"the kernel of this machine ({release}) has {' and '.join(missing)}; {ELSEWHERE}"


def _loadable(folder: Path) -> set[str]:
    """The names of all modules, built in or not."""
    lines = (line for name in ("modules.dep", "modules.builtin") for line in _lines(folder / name))
    found = (re.match(r"[^:]*?([^/:]+)\.ko\b", line) for line in lines)
    return {name[1].replace("-", "_") for name in found if name}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []

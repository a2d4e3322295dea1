"""The worlds and storages that this release offers, and what to say to those who ask for others."""

from __future__ import annotations

from typing import Final

from patchstorm.errors import UsageError
from patchstorm.storage.parse import FlavourError, parse_flavour

WORLDS: Final = {"processes": "real server processes on tmpfs or any directory"}
DIRECTORY: Final = "dir:"
DEFAULT_STORAGE: Final = "tmpfs"
STORAGES: Final = {
    "tmpfs": "memory shared by all replicas; the default",
    "tmpfs,size=SIZE": "a tmpfs of its own that can be filled, as in `tmpfs,size=16MiB`",
    "dir:PATH": "a directory of yours, on whatever file system it lies",
}


def check_world(world: str) -> None:
    """UsageError unless there is such a world."""
    if world not in WORLDS:
        raise UsageError(
            f"--world {world}: there is no such world in this release. Worlds: {', '.join(WORLDS)}."
        )


def check_storage(storage: str) -> None:
    """UsageError, naming what there is, for a storage that cannot be asked for."""
    if storage.startswith(DIRECTORY):
        return
    try:
        name = parse_flavour(storage).name.partition(",")[0]
    except FlavourError as error:
        raise UsageError(f"--storage: {error}") from None
    if name != DEFAULT_STORAGE:
        raise UsageError(
            f"--storage {storage}: no world of this release offers it. "
            f"Storages: {', '.join(STORAGES)}."
        )

"""The worlds and storages that this release offers, and what to say to those who ask for others."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from patchstorm.errors import UsageError
from patchstorm.storage.catalogue import SUMMARY
from patchstorm.storage.parse import FlavourError, parse_flavour
from patchstorm.target.claims import DIRECTORY
from patchstorm.worlds.nfs.mounts import parse_mounting, storage_of

WORLDS: Final = {
    "sim": "calls in one process over a model of the storage; every step is a recorded choice",
    "processes": "real server processes on tmpfs or any directory",
    "nfs": "real server processes on client hosts of a real NFS server, in a guest kernel",
    "containers": "containers on a network of their own over a shared tmpfs volume",
}
DEFAULT_WORLDS: Final = ("sim", "processes")
DEFAULT_STORAGE: Final = "tmpfs"
STORAGES: Final = {
    "tmpfs": "memory shared by all replicas; the default",
    "tmpfs,size=SIZE": "a tmpfs of its own that can be filled, as in `tmpfs,size=16MiB`",
    "dir:PATH": "a directory of yours, on whatever file system it lies",
}
"""What the world ``processes`` offers; the model offers every flavour instead."""
NFS_STORAGES: Final = {name: text for name, text in SUMMARY.items() if name.startswith("nfs")}
"""What the world ``nfs`` offers, with options."""


def check_world(world: str) -> None:
    """UsageError unless there is such a world."""
    if world not in WORLDS:
        raise UsageError(
            f"--world {world}: there is no such world in this release. Worlds: {', '.join(WORLDS)}."
        )


def offers(world: str, storage: str) -> bool:
    """Whether a storm can have this storage in this world."""
    if world == "sim":
        return not storage.startswith(DIRECTORY)
    if world == "nfs":
        return not storage.startswith(DIRECTORY) and is_nfs(storage)
    if world == "containers" and storage.startswith(DIRECTORY):
        return False
    return storage.startswith(DIRECTORY) or _flavour(storage) == DEFAULT_STORAGE


def check_storage(storage: str, worlds: Collection[str]) -> None:
    """UsageError, naming what there is, for one that is misspelt or that none of the worlds offers."""
    if not storage.startswith(DIRECTORY):
        _flavour(storage)
    if tuple(worlds) == ("nfs",) and offers("nfs", storage):
        parse_mounting(storage)
    if any(offers(world, storage) for world in worlds):
        return
    if tuple(worlds) == ("containers",) and is_nfs(storage):
        raise UsageError(
            f"--storage {storage}: containers share a tmpfs volume, and no volume of NFS, in this release; "
            f"write `--world nfs --storage {storage}` for real NFS on any Linux machine"
        )
    raise UsageError(
        f"--storage {storage}: the world {', '.join(worlds)} does not offer it. "
        f"In processes: {', '.join(STORAGES)}; in containers: the first two (real NFS is the world nfs); "
        "in nfs: a flavour of NFS, as in `nfs4.2,actimeo=1`; in sim: any of `patchstorm list storages`."
    )


def storage_in(world: str, asked: str | None, scenario: str | None) -> str:
    """What a storm gets: what was asked for, else what the scenario wants, as far as the world has it."""
    storage = asked or scenario or DEFAULT_STORAGE
    return storage_of(storage) if world == "nfs" and asked is None else storage


def is_nfs(storage: str) -> bool:
    """Whether a flavour is one of NFS. UsageError if it is misspelt."""
    return _flavour(storage).startswith("nfs")


def _flavour(storage: str) -> str:
    try:
        return parse_flavour(storage).name.partition(",")[0]
    except FlavourError as error:
        raise UsageError(f"--storage: {error}") from None

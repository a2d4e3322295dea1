"""The one table of worlds. What is named there is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import Final

from patchstorm.errors import UsageError
from patchstorm.scenario.faults import FAULTS, TRIGGERS
from patchstorm.scenario.means import AllMeans, Means
from patchstorm.storage.parse import FlavourError, parse_flavour
from patchstorm.target.claims import DIRECTORY
from patchstorm.worlds.base import World

_TABLE: Final = {
    "sim": "patchstorm.worlds.sim.world:SIM",
    "processes": "patchstorm.worlds.processes.world:PROCESSES",
    "fuse": "patchstorm.worlds.fuse.world:FUSE",
    "nfs": "patchstorm.worlds.nfs.world:NFS",
    "containers": "patchstorm.worlds.containers.world:CONTAINERS",
}
_registered: dict[str, World] = {}
DEFAULT_STORAGE: Final = "tmpfs"


def register(world: World) -> None:
    """Add a world of one's own, under its name, behind all others.

    Raises ValueError for a name that is taken, for faults and triggers that are in no table, and for a
    world that ``searches``: what searches schedules is :mod:`patchstorm.campaign`, and it knows the
    simulator's only.
    """
    if world.name in names():
        raise ValueError(f"world {world.name}: there is one of this name")
    if world.searches:
        raise ValueError(f"world {world.name}: only the simulator's schedules can be searched")
    means = world.means()
    for what, known in ((means.faults, FAULTS), (means.triggers, TRIGGERS)):
        strange = sorted(set(what) - set(known))
        if strange:
            raise ValueError(
                f"world {world.name}: nobody knows `{strange[0]}`, which it is to bring about"
            )
    _registered[world.name] = world


def forget(name: str) -> None:
    """Take back what was registered."""
    del _registered[name]


def names() -> tuple[str, ...]:
    """All worlds, in the order in which they are listed."""
    return (*_TABLE, *_registered)


def world_of(name: str) -> World:
    """The world called ``name``; UsageError, with those that there are, for another."""
    if name in _registered:
        return _registered[name]
    if name not in _TABLE:
        raise UsageError(
            f"--world {name}: there is no such world in this release. Worlds: {', '.join(names())}."
        )
    module, _, attribute = _TABLE[name].partition(":")
    world: World = getattr(import_module(module), attribute)
    return world


def worlds() -> tuple[World, ...]:
    """All of them, in order."""
    return tuple(world_of(name) for name in names())


class _AllMeans(Mapping[str, Means]):
    """Asks a world when its name is looked up: what a world is able to do takes importing half of it.

    A run needs those of its own world, and those of others only to say where else a storm would go.
    """

    def __getitem__(self, name: str) -> Means:
        if name not in names():
            raise KeyError(name)
        return world_of(name).means()

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())

    def __contains__(self, name: object) -> bool:
        return name in names()


def all_means() -> AllMeans:
    """What each can do for a storm."""
    return _AllMeans()


def default_worlds() -> tuple[str, ...]:
    """Those in which a storm is run where nobody names one."""
    return tuple(world.name for world in worlds() if world.default)


def check_storage(storage: str, among: Collection[str]) -> None:
    """UsageError, naming what there is, for one that is misspelt or that none of these worlds offers."""
    asked = [world_of(name) for name in among]
    own = any(storage in world.storages() for world in asked)
    if not own and not storage.startswith(DIRECTORY):
        try:
            parse_flavour(storage)
        except FlavourError as error:
            raise UsageError(f"--storage: {error}") from None
    if len(asked) == 1:
        asked[0].check_storage(storage)
    if any(world.offers(storage) for world in asked):
        return
    shown = sorted(
        worlds(), key=lambda world: world.searches
    )  # what real machines have comes first
    offered = "; ".join(f"in {world.name}: {world.storages_in_words()}" for world in shown)
    raise UsageError(
        f"--storage {storage}: the world {', '.join(among)} does not offer it. "
        f"{offered[0].upper()}{offered[1:]}."
    )


def not_offered(world: World, storage: str) -> str | None:
    """Why a storm that wants this storage is not run in ``world``; None where it is to be had."""
    if world.offers(storage):
        return None
    others = [other.name for other in worlds() if other.offers(storage)]
    return f"{storage} is to be had in {' and '.join(others)} only"

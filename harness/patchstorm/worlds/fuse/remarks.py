"""What a reader of a conducted storm's result has to know besides."""

from __future__ import annotations

from collections.abc import Iterable

from patchstorm.live.fleet import Fleet
from patchstorm.worlds.fuse.abilities import Abilities
from patchstorm.worlds.fuse.conductor import Conductor
from patchstorm.worlds.fuse.triggers import FuseTriggers


def remarks(
    notes: Iterable[str],
    fleet: Fleet,
    abilities: Abilities,
    conductor: Conductor,
    triggers: FuseTriggers,
) -> tuple[str, ...]:
    """``notes``, and what the parts of the run have to say, each once."""
    said = [*notes, *fleet.said(), *abilities.missed.values()]
    if conductor.spun:
        names = ", ".join(sorted(conductor.spun))
        said.append(
            f"{names} kept a processor busy while waiting, so this order may not come back exactly"
        )
    if triggers.waiting and triggers.armed_once:
        said.append(triggers.unspent)
    return tuple(dict.fromkeys(said))

"""What a target claims: nothing on storage that does not give what the target needs.

A target names its needs, a storage flavour what it gives. A storm on storage that lacks a need is
reported as *not claimed* rather than judged; ``--unclaimed`` runs and judges it all the same.
"""

from __future__ import annotations

from typing import Final

from patchstorm.commands.worlds import DIRECTORY
from patchstorm.storage.guarantees import MEANING
from patchstorm.storage.parse import parse_flavour
from patchstorm.target.model import Target

_POWER_LOSS_WORLDS: Final = ("sim", "fuse", "nfs")
_AT_POWER_LOSS: Final = frozenset(
    name
    for name in MEANING
    if name.startswith(("durable-", "power-loss-")) and name != "durable-across-process-death"
)


def unclaimed(target: Target, storage: str, world: str) -> str | None:
    """Why ``target`` claims nothing on ``storage``; None where it does.

    A directory of the user's own gives what its owner says it gives. What matters only at a loss of
    power is not asked for in worlds where no power is lost.
    """
    if storage.startswith(DIRECTORY):
        return None
    asked = {need for need in target.needs if need in MEANING}
    if world not in _POWER_LOSS_WORLDS:
        asked -= _AT_POWER_LOSS
    lacking = sorted(asked - parse_flavour(storage).gives)
    if not lacking:
        return None
    return (
        f"not claimed: {storage} does not give {', '.join(lacking)}, which {target.name} needs; "
        "--unclaimed runs it all the same"
    )

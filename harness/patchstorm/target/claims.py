"""What a target claims: nothing on storage that does not give what the target needs.

A target names its needs, a storage flavour what it gives (``patchstorm.storage.guarantees``). A storm
on storage that lacks a need is reported as *not claimed* rather than judged; ``--unclaimed`` runs and
judges it all the same.

Two kinds of need matter only in some storms: what outlives a loss of power, where power is lost; and
the release of a dead host's locks, where a host dies or is cut off from its storage (a process that
dies releases its locks through its own kernel). A storm whose faults take locks away runs on storage
that does not give exclusive locks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from patchstorm.scenario.faults import FAULTS
from patchstorm.storage.guarantees import MEANING
from patchstorm.storage.parse import FlavourError, parse_flavour
from patchstorm.target.model import Target

OF_ANSWERS: Final = ("protocol", "conformance")
DIRECTORY: Final = "dir:"
_OF_POWER_LOSS: Final = frozenset(
    name
    for name in MEANING
    if name.startswith(("durable-", "power-loss-")) and name != "durable-across-process-death"
)


def unclaimed(target: Target, storage: str, faults: Collection[str]) -> str | None:
    """Why ``target`` claims nothing on ``storage`` under these kinds of faults; None where it does.

    A directory of the user's own gives what its owner says it gives, and so does a storage that only some
    world has a word for.
    """
    if storage.startswith(DIRECTORY):
        return None
    try:
        flavour = parse_flavour(storage)
    except FlavourError:
        return None
    needed = set(target.needs)
    struck = [FAULTS[fault] for fault in faults]
    if not any(fault.loses_power for fault in struck):
        needed -= _OF_POWER_LOSS
    if not any(fault.loses_host for fault in struck):
        needed.discard("lock-release-on-host-death")
    given = flavour.gives
    if any(fault.loses_locks for fault in struck):
        given -= {"exclusive-locks"}
    lacking = sorted(needed - given)
    if not lacking:
        return None
    return (
        f"not claimed: {storage} in this storm does not give {', '.join(lacking)}, which {target.name} "
        "needs; --unclaimed runs it all the same"
    )


def usual(target: Target) -> frozenset[str]:
    """The checkers of single answers that ``target`` is known to fail in every storm.

    A header that is always missing is not what a storm is about, so what they find is told last.
    """
    return frozenset(
        one.checker for one in target.known if "*" in one.storms and one.checker in OF_ANSWERS
    )

"""The table of planted bugs, in the order in which ``patchstorm list bugs`` shows them.

What they stand for is a real thread, as repository#number, a man page or a paper, or a family of bugs
seen in released servers. Each stands beside the code that makes it.
"""

from __future__ import annotations

from patchstorm.catalog import (
    answers,
    bodies,
    broken_off,
    crowded,
    edges,
    erring,
    hooked,
    impatient,
    joining,
    joining_bugs,
    large,
    leaking,
    locking,
    losing,
    partly,
    pooled,
    publishing,
    recorded,
    renewing,
    rounding,
    sequential,
    sequential_bytes,
    sequential_ends,
    sequential_locks,
    sequential_records,
    server_named,
    starving,
    storing,
    undone,
    unlocked,
    windows,
    wire,
)
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.errors import UsageError
from patchstorm.scenario.units import nearest

BUG = "bug"
INNOCENT = "innocent"

BUGS: tuple[Bug, ...] = (
    *bodies.BUGS,
    *broken_off.BUGS,
    *locking.BUGS,
    *unlocked.BUGS,
    *erring.BUGS,
    *publishing.BUGS,
    *losing.BUGS,
    *answers.BUGS,
    *storing.BUGS,
    *windows.BUGS,
    *undone.BUGS,
    *pooled.BUGS,
    *starving.BUGS,
    *recorded.BUGS,
    *rounding.BUGS,
    *hooked.BUGS,
    *crowded.BUGS,
    *renewing.BUGS,
    *wire.BUGS,
    *edges.BUGS,
    *partly.BUGS,
    *large.BUGS,
    *leaking.BUGS,
    *impatient.BUGS,
    *sequential_bytes.BUGS,
    *sequential_records.BUGS,
    *sequential_ends.BUGS,
    *sequential_locks.BUGS,
    *joining_bugs.BUGS,
)
BY_NAME: dict[str, Bug] = {bug.name: bug for bug in BUGS}

INNOCENTS: dict[str, Innocent] = {
    "sequential": sequential.INNOCENT,
    "server-named": server_named.INNOCENT,
    "pooled": pooled.INNOCENT,
    "hooked": hooked.INNOCENT,
    "joining": joining.INNOCENT,
    **{bug.name: bug.twin for bug in BUGS if bug.twin is not None},
}
"""By the name after ``innocent:``: that of a store by itself, with a target's file beside it, or that of
the bug whose twin it is."""


def planted(target: str) -> Bug | Innocent:
    """What ``bug:NAME`` or ``innocent:NAME`` stands for; UsageError with the nearest right name."""
    kind, _, name = target.partition(":")
    known: dict[str, Bug] | dict[str, Innocent] = BY_NAME if kind == BUG else INNOCENTS
    found = known.get(name)
    if found is not None:
        return found
    what = "planted bug" if kind == BUG else "innocent"
    remedy = "; `patchstorm list bugs` names those that have one" if kind == INNOCENT else ""
    raise UsageError(f"--target {target}: no such {what}: {nearest(name, list(known))}{remedy}")


def base_of(target: str) -> str:
    """The correct store whose target's file this one has: ``reference``, or one of the catalogue's."""
    found = planted(target)
    if isinstance(found, Bug):
        return found.base
    name = target.partition(":")[2]
    return BY_NAME[name].base if name in BY_NAME else name

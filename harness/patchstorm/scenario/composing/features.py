"""What a composed storm is made of, piece by piece: features, and which two of them can meet.

A feature is spelt ``DIMENSION NAME``: a client's kind, a modifier, the shape of an upload, a fault, what
triggers one, the storage. What cannot be had, or cannot meet, says why: nobody waits for it then.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import Final

from patchstorm.scenario.coherence import NEEDS_BYTES
from patchstorm.scenario.composing.ground import Ground
from patchstorm.scenario.faults import FAULTS, OPS
from patchstorm.scenario.modifiers import MODIFIERS, unfit
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.scenario.workloads.base import WorkloadKind

Pair = tuple[str, str]

CLIENT, WITH, UPLOAD, FAULT, WHEN, ON = "client ", "with ", "upload ", "fault ", "when ", "on "

SHAPES: Final[dict[str, str]] = {
    "shared": "two uploads want one name",
    "overwrite": "it may replace a published file",
    "minted": "nobody creates it: a manager has minted its URL",
    "born-late": "it is created in the middle of the storm",
    "mortal": "it expires",
    "empty": "it has no bytes",
    "tiny": "it has one byte",
    "edge": "its chunks, or what is left over, are one byte off a round number",
    "many-chunks": "it has more than 256 chunks",
    "thousand-chunks": "it has more than 1,000 chunks",
    "large-chunks": "its chunks are about 64 KiB long and stay so",
    "huge": "it is as large as 32 bits can count, with or without a sign, or larger, and stays so",
    "odd-name": "its name is long, or almost another's: but for case, a letter, its normal form "
    "or what `%` and `+` stand for in a URL",
}
LEFT_TO_CHANCE: Final = frozenset(
    UPLOAD + shape for shape in ("many-chunks", "thousand-chunks", "huge")
)
"""What makes a storm so long, or leaves so little beside it, that nobody looks for it; it comes now and then
all the same."""
_SHAPE_NEEDS: Final = {
    "shared": "named-targets",
    "overwrite": "named-targets",
    "minted": "minted-urls",
    "mortal": "expiration",
    "odd-name": "named-targets",
}
NEVER: Final = {
    "conformance": "its cases are storms of their own",
    "many": "a crowd is a storm of its own",
    "program": "programs of others are storms of their own",
}
_CONTRARY: Final = frozenset(
    frozenset(pair)
    for pair in (
        ("empty", "tiny"), ("empty", "edge"), ("tiny", "edge"), ("many-chunks", "large-chunks"),
        ("many-chunks", "empty"), ("many-chunks", "tiny"), ("large-chunks", "empty"),
        ("large-chunks", "tiny"), ("many-chunks", "edge"),
        *(("thousand-chunks", other) for other in ("many-chunks", "large-chunks", "empty", "tiny", "edge")),
        *(
            ("huge", other)
            for other in ("many-chunks", "thousand-chunks", "large-chunks", "empty", "tiny", "edge")
        ),
    )
)  # fmt: skip
_CHECKED: Final = frozenset(
    (
        CLIENT + "checksums",
        CLIENT + "creating",
        CLIENT + "truncated",
        WITH + "checksum",
        WITH + "mismatch",
    )
)


def features(has: frozenset[str], ground: Ground, storage: str) -> tuple[str, ...]:
    """Everything that a storm of this target can be made of on this ground, in a fixed order."""
    return (*(name for name, reason in _all(has, ground) if reason is None), ON + storage)


def absent(has: frozenset[str], ground: Ground) -> dict[str, str]:
    """What cannot be had, with the reason."""
    return {name: reason for name, reason in _all(has, ground) if reason is not None}


def _all(has: frozenset[str], ground: Ground) -> Iterator[tuple[str, str | None]]:
    for kind in WORKLOADS.values():
        yield CLIENT + kind.name, _no_client(kind, has)
    for modifier in MODIFIERS:
        yield WITH + modifier, unfit(modifier, has)
    for shape in SHAPES:
        yield UPLOAD + shape, _no_shape(shape, has, ground)
    missing = dict(ground.absent)
    for fault in FAULTS:
        lacking = None if fault in ground.faults else missing.get(fault, "it cannot be had here")
        yield FAULT + fault, lacking
    for trigger in ("step", "after_bytes", "after_requests", "after_ms"):
        yield WHEN + trigger, None if trigger in ground.triggers else "it does not work here"
    for phase in ground.phases:
        yield WHEN + phase, None
    if ground.calls:
        for op in OPS:
            yield WHEN + f"call of {op}", None


def _no_client(kind: WorkloadKind, has: frozenset[str]) -> str | None:
    if kind.name in NEVER:
        return NEVER[kind.name]
    for needed in kind.needs:
        if needed not in has:
            return f"the target does not declare {needed}"
    if kind.name == "checksums" and not any(one.startswith("checksum-") for one in has):
        return "the target announces no checksum"
    return None


def _no_shape(shape: str, has: frozenset[str], ground: Ground) -> str | None:
    needed = _SHAPE_NEEDS.get(shape)
    if needed is not None and needed not in has:
        return f"the target does not declare {needed}"
    if shape in ("many-chunks", "thousand-chunks", "large-chunks", "huge") and not ground.small:
        return "only in the simulator"
    if shape == "huge" and not ground.large:
        return "the store wants real bytes, and these do not fit into memory"
    if shape == "born-late" and "creation-off" in has:
        return "the target creates nothing"
    return None


def apart(one: str, other: str) -> str | None:
    """Why these two never meet in one storm; None if they can."""
    for a, b in ((one, other), (other, one)):
        reason = _apart(a, b)
        if reason is not None:
            return reason
    return None


def _apart(a: str, b: str) -> str | None:
    if a.startswith(WHEN):
        if b.startswith(WHEN):
            return "each belongs to a fault of its own"
        if b.startswith(FAULT) and trigger_kind(a) not in FAULTS[b.removeprefix(FAULT)].triggers:
            return "it cannot trigger that"
    if a.startswith(CLIENT) and b.startswith(UPLOAD):
        return _client_apart(a.removeprefix(CLIENT), b.removeprefix(UPLOAD))
    if frozenset((a.removeprefix(UPLOAD), b.removeprefix(UPLOAD))) in _CONTRARY:
        return "no upload is both"
    if a == UPLOAD + "huge" and b in _CHECKED:
        return "its checksum would take longer than the storm"
    if a == UPLOAD + "huge" and b.startswith(FAULT) and FAULTS[b.removeprefix(FAULT)].loses_power:
        return "what a power loss leaves of a file is drawn page by page"
    if a == WITH + "false" and b == FAULT + "damage":
        return "what was damaged may be taken anew from anybody"
    return None


def _client_apart(client: str, shape: str) -> str | None:
    if client in NEEDS_BYTES and shape == "empty":
        return "it needs bytes to send"
    if WORKLOADS[client].creates and shape in ("born-late", "minted"):
        return "it creates its uploads itself"
    if client in ("concatenating", "deferring"):
        if shape in ("shared", "overwrite", "odd-name"):
            return "its uploads have names of their own"
        if shape == "huge":
            return "it declares, or joins, what is held in memory"
    if shape in ("many-chunks", "thousand-chunks") and client not in (
        "sequential",
        "parallel",
        "resuming",
    ):
        return "it would send them too often"
    return None


def trigger_kind(when: str) -> str:
    """Of which kind the trigger of a ``when`` feature is."""
    name = when.removeprefix(WHEN)
    if name.startswith("call of "):
        return "path"
    return name if name in ("step", "after_bytes", "after_requests", "after_ms") else "phase"


@lru_cache(maxsize=64)
def pairs(among: tuple[str, ...]) -> tuple[Pair, ...]:
    """Every two of these that can meet, each pair in alphabetical order."""
    steered = [one for one in among if one not in LEFT_TO_CHANCE]
    return tuple(
        (min(pair), max(pair)) for pair in combinations(steered, 2) if apart(*pair) is None
    )

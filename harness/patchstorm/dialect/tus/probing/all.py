"""All probes against one target, in an order in which each stands on the ones before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from patchstorm.dialect.ground import Ground
from patchstorm.dialect.probed import Checked, Probed
from patchstorm.dialect.tus.probing import core, extensions
from patchstorm.dialect.tus.probing.bench import Bench, Silence

UNPROBED = {
    "publishes-atomically": "the name was not there early; only storms can show more",
    "survives-power-loss": "no probe can cut the power; it stands as you declared it",
}
Single = Callable[[Bench], Awaitable[Probed | None]]
SINGLES: tuple[tuple[str, Single], ...] = (
    ("creation", core.creation),
    ("creation-with-upload", extensions.with_upload),
    ("defer-length", extensions.defer_length),
    ("termination", extensions.termination),
    ("concatenation", extensions.concatenation),
    ("keeps-partial-body", core.keeps_partial_body),
    ("completes-unattended", core.unattended),
    ("status", core.status),
)


async def probed_on(ground: Ground) -> Checked:
    """Everything that can be found out on this ground. TargetError where nothing is created."""
    bench = Bench(ground)
    announced = await core.announced(bench)
    probed: list[Probed] = []
    remarks: list[str] = []
    for name, probe in SINGLES:
        probed += await _tried(name, probe, bench)
    probed += await _several(bench)
    probed, more = await _ended(bench, probed)
    remarks += more
    apart = await core.shared(bench)
    remarks += [apart] if apart else []
    known = {one.capability for one in probed}
    for name, says in UNPROBED.items():
        if name not in known and name in ground.declared:
            probed.append(Probed(capability=name, does=None, says=says))
    return Checked(announced=announced, probed=tuple(probed), remarks=tuple(remarks))


async def _tried(name: str, probe: Single, bench: Bench) -> list[Probed]:
    try:
        one = await probe(bench)
    except Silence as silence:
        return [Probed(capability=name, does=False, says=str(silence))]
    return [] if one is None else [one]


async def _several(bench: Bench) -> list[Probed]:
    """The probes that give more than one answer, or need a bench of their own."""
    found = await core.reading(bench)
    try:
        found += [one async for one in extensions.checksums(bench)]
        found.append(await extensions.expiration(bench))
    except Silence as silence:
        found.append(Probed(capability="expiration", does=False, says=str(silence)))
    return found


async def _ended(bench: Bench, probed: list[Probed]) -> tuple[list[Probed], list[str]]:
    more, remarks = await core.finish(bench)
    return [*probed, *more], remarks

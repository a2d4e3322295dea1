"""All probes against one target, in an order in which each stands on the ones before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from patchstorm.dialect.ground import Ground
from patchstorm.dialect.probed import Announced, Checked, Probed, Proposal
from patchstorm.dialect.tus.probing import core, extensions, names
from patchstorm.dialect.tus.probing.bench import Bench, Failure, Silence
from patchstorm.dialect.tus.probing.disk import Disk
from patchstorm.dialect.tus.probing.sound import unsound
from patchstorm.dialect.tus.probing.whereabouts import Whereabouts, found, told_at_the_end

UNPROBED = {
    "publishes-atomically": "the name was not there early; only storms can show more",
    "unnamed-uploads": "every creation of a probe says a name; it stands as you declared it",
    "survives-power-loss": "no probe can cut the power; it stands as you declared it",
    "checks-records": "no probe damages what the server wrote down; it stands as you declared it",
    "keeps-parts": "no probe waits for what becomes of parts later; it stands as you declared it",
    "tells-finished": "no probe waits for hooks; it stands as you declared it",
    "survives-companion-loss": "no probe empties what replicas share; it stands as you declared it",
}
Several = Callable[[Bench], AsyncIterator[Probed]]
Single = Callable[[Bench], Awaitable[Probed | None]]
SINGLES: tuple[tuple[str, Single], ...] = (
    ("creation", core.creation),
    ("creation-with-upload", extensions.with_upload),
    ("defer-length", extensions.defer_length),
    ("termination", extensions.termination),
    ("concatenation", extensions.concatenation),
    ("keeps-partial-body", core.keeps_partial_body),
    ("completes-unattended", core.unattended),
    ("named-targets", names.named_targets),
    ("status", core.status),
    ("expiration", extensions.expiration),
)
SEVERAL: tuple[tuple[str, Several], ...] = (
    ("offset-addressed", core.reading),
    ("checksums", extensions.checksums),
)


async def probed_on(ground: Ground) -> Checked:
    """Everything that can be found out on this ground. TargetError where nothing is created."""
    bench = Bench(ground)
    ground.begins("announcement")
    announced = await core.announced(bench)
    proposals: list[Proposal] = []
    try:
        ground.begins("one upload in order")
        wrong, proposals = await unsound(bench)
        if wrong is None:
            ground.begins("where the bytes are")
            where = await found(bench)
            wrong = where.other
    except (Silence, Failure) as failure:
        wrong = str(failure)
    if wrong is not None:
        return Checked(announced=announced, proposals=tuple(proposals), unsound=wrong)
    return await _all(bench, announced, where, proposals)


async def _all(
    bench: Bench, announced: Announced, where: Whereabouts, proposals: list[Proposal]
) -> Checked:
    probed = [one async for one in _capabilities(bench, where)]
    bench.ground.begins("two replicas")
    disk = Disk(bench, where.traced)
    idle = list(disk.unmatched())
    remarks = [
        *where.remarks,
        *disk.nameless(),
        *(one for one in idle if isinstance(one, str)),
        *([] if (apart := await core.shared(bench)) is None else [apart]),
        *([] if (forgot := await core.forgetful(bench)) is None else [forgot]),
    ]
    return Checked(
        announced=announced,
        probed=tuple(probed),
        proposals=(
            *proposals,
            *where.proposals,
            *disk.proposals(),
            *(one for one in idle if isinstance(one, Proposal)),
        ),
        remarks=tuple(remarks),
    )


async def _capabilities(bench: Bench, where: Whereabouts) -> AsyncIterator[Probed]:
    ground, told = bench.ground, set[str]()
    for name, probe in SINGLES:
        ground.begins(name)
        if (one := await _tried(name, probe(bench))) is not None:
            yield one
    for name, several in SEVERAL:
        ground.begins(name)
        try:
            async for one in several(bench):
                yield one
        except (Silence, Failure) as failure:
            if name == "offset-addressed":
                yield Probed(capability=name, does=None, says=str(failure))
    end = await _tried("head-after-finish", told_at_the_end(bench, where.traced[-1]))
    for one in (end, where.early, _nameless(bench)):
        if one is not None and one.capability not in told:
            told.add(one.capability)
            yield one
    for name, says in UNPROBED.items():
        if name not in told and name in ground.declared:
            yield Probed(capability=name, does=None, says=says)


async def _tried(name: str, probe: Awaitable[Probed | None]) -> Probed | None:
    """What a probe says; nothing follows from a server that fails or says nothing."""
    try:
        return await probe
    except (Silence, Failure) as failure:
        return Probed(capability=name, does=None, says=str(failure))


def _nameless(bench: Bench) -> Probed | None:
    """Where bytes are not had by their names, none was watched: nothing was seen, for or against."""
    if bench.way == "path":
        return None
    says = "no name on the disk is known to be an upload's, so none was watched"
    return Probed(capability="publishes-atomically", does=None, says=says)

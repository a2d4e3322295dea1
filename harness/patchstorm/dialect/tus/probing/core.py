"""Probes of the core protocol, of what it leaves open, and of where the bytes are."""

from __future__ import annotations

import json

from patchstorm.dialect.ground import Ending
from patchstorm.dialect.operations import Mischief
from patchstorm.dialect.probed import Announced, Probed
from patchstorm.dialect.tus.codec import PATCH_TYPE, upload_id
from patchstorm.dialect.tus.probing.bench import Bench, Made, described, offset_of

SIZE = 24_000
PART = 8_000
KEPT_WITHIN_S = 3.0
BIG = 1 << 20
CUT = 600_000
CUT_STALL_MS = 300
"""A body so long, and broken so late, that a server that writes as it reads has written some."""


async def announced(bench: Bench) -> Announced:
    """What OPTIONS says (tus, core, OPTIONS)."""
    reply = await bench.send("OPTIONS", bench.ground.wire.path)
    if reply is None or reply.status >= 300:
        return Announced(silent=f"OPTIONS: {described(reply)}")
    said = reply.headers
    return Announced(
        versions=_words(said.get("tus-version", "")),
        extensions=_words(said.get("tus-extension", "")),
        algorithms=_words(said.get("tus-checksum-algorithm", "")),
        max_size=said.get("tus-max-size"),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


async def creation(bench: Bench) -> Probed:
    """POST makes an upload that HEAD knows. TargetError where nothing can be created."""
    made = await bench.create(SIZE)
    told = await bench.ask("HEAD", made.url)
    if told.status >= 300 or offset_of(told) != 0:
        says = f"HEAD of a new upload: {described(told)}, Upload-Offset {offset_of(told)}"
        return Probed(capability="creation", does=False, says=says)
    return Probed(capability="creation", does=True, says=f"POST: 201, {made.url}")


async def reading(bench: Bench) -> list[Probed]:
    """Whether a PATCH beyond the current offset is accepted."""
    made = await bench.create(SIZE)
    reply = await bench.patch(made.url, PART, made.body(PART, PART))
    anywhere = reply.status < 300
    says = f"PATCH at {PART} of an upload at 0: {described(reply)}"
    return [
        Probed(capability="offset-addressed", does=anywhere, says=says),
        Probed(capability="sequential", does=not anywhere, says=says),
    ]


async def shared(bench: Bench) -> str | None:
    """What is wrong with two replicas over one directory; None where both know an upload."""
    made = await bench.create(SIZE)
    first = await bench.patch(made.url, 0, made.body(0, PART), replica=0)
    there = await bench.offset(made.url, replica=1)
    second = await bench.patch(made.url, PART, made.body(PART, PART), replica=1)
    here = await bench.offset(made.url, replica=0)
    if (there, here) == (PART, 2 * PART):
        return None
    return (
        f"the replicas do not share uploads, or one remembers what another has changed: after {PART} "
        f"bytes at replica 0 ({described(first)}) replica 1 says {there}, and after as many there "
        f"({described(second)}) replica 0 says {here}. Give both the same directories ({{root}}, "
        "{shared}) in start.command; if they have them, the server keeps this in its memory"
    )


async def keeps_partial_body(bench: Bench) -> Probed:
    """Whether bytes of a body that broke off are there afterwards; broken in order, and by a reset."""
    kept = {}
    endings: tuple[Ending, ...] = ("fin", "reset")
    for ending in endings:
        made = await bench.create(BIG)
        headers = {"Content-Type": PATCH_TYPE, "Upload-Offset": "0"}
        cut = Mischief(cut_after=CUT, stall_after=CUT, stall_ms=CUT_STALL_MS)
        body = made.body(0, BIG)
        await bench.send("PATCH", made.url, headers, body, mischief=cut, ending=ending)
        kept[ending] = await _settled(bench, made)
    says = f"of {CUT} bytes of a body, closed: {kept['fin']} kept, reset: {kept['reset']} kept"
    return Probed(capability="keeps-partial-body", does=any(kept.values()), says=says)


async def _settled(bench: Bench, made: Made) -> int:
    """The offset once it is no longer nought, or once nothing more is to be expected."""
    offset = 0
    async for _ in bench.ground.turns(KEPT_WITHIN_S):
        offset = await bench.offset(made.url) or 0
        if offset:
            break
    return offset


async def finish(bench: Bench) -> tuple[list[Probed], list[str]]:
    """The end of an upload: what HEAD then says, and where the bytes are."""
    made = await bench.create(SIZE)
    bench.ground.shown.clear()
    await bench.patch(made.url, 0, made.body(0, PART))
    early = not bench.ground.by_get and await bench.assembled(made) is not None
    await bench.patch(made.url, PART, made.body(PART, SIZE - PART))
    told = await bench.ask("HEAD", made.url, replica=1)
    knows = told.status < 300 and offset_of(told) == SIZE
    probed = [
        Probed(
            capability="head-after-finish",
            does=knows,
            says=f"HEAD of a finished upload: {told.status}, Upload-Offset {offset_of(told)}",
        )
    ]
    if early:
        says = "the published name is there before the upload is complete"
        probed.append(Probed(capability="publishes-atomically", does=False, says=says))
    return probed, await _whereabouts(bench, made)


async def _whereabouts(bench: Bench, made: Made) -> list[str]:
    """What to correct in [files], and what shows what the server is doing."""
    wanted = made.body(0, SIZE)
    async for _ in bench.ground.turns(bench.ground.convergence_s):
        if await bench.assembled(made) == wanted:
            if bench.ground.by_get:
                return []
            return [*_beside(bench, made), *_phases(bench, made)]
    lies = [_pattern(bench, made, path) for path in bench.holding(wanted)]
    how = "GET" if bench.ground.by_get else f"`{bench.path(made)}`"
    if lies:
        return [
            f'the bytes are not to be had by {how}; they lie at "{lies[0]}": set files.published'
        ]
    remedy = 'set files.published, or files.read = "get"'
    return [
        f"the bytes are not to be had by {how}, and no file below {{root}} holds them: {remedy}"
    ]


def _pattern(bench: Bench, made: Made, path: str) -> str:
    """The path with the server's name for the upload as ``{id}``, and the one asked for as ``{target}``."""
    name = upload_id(bench.ground.wire, made.url)
    generic = path.replace(name, "{id}") if name else path
    return generic.replace(made.info.target, "{target}")


def _beside(bench: Bench, made: Made) -> list[str]:
    """What else lies there for this upload and is declared nowhere."""
    mine = bench.path(made)
    name = upload_id(bench.ground.wire, made.url)
    rest = [
        path
        for path in bench.ground.paths()
        if path != mine and name and name in path and not bench.ground.may_stay(path)
    ]
    patterns = sorted({_pattern(bench, made, path).replace("{id}", "*") for path in rest})
    if not patterns:
        return []
    listed = ", ".join(f'"{pattern}"' for pattern in patterns)
    return [f"stays beside the finished file: {listed}; declare it in files.leftovers if it may"]


def _phases(bench: Bench, made: Made) -> list[str]:
    """What appeared and vanished meanwhile: a person can tell phases from it."""
    mine = bench.path(made)
    name = upload_id(bench.ground.wire, made.url)
    seen = dict.fromkeys(
        _pattern(bench, made, path).replace("{id}", "*")
        for path, what in bench.ground.shown
        if what == "appeared" and path != mine and name and name in path
    )
    if not seen or bench.ground.phased:
        return []
    listed = ", ".join(f'"{pattern}"' for pattern in seen)
    return [f"appeared while it was written: {listed}; [phases] can be told from such paths"]


async def unattended(bench: Bench) -> Probed:
    """Whether a complete upload gets its file although the client left before the last answer."""
    made = await bench.create(SIZE)
    await bench.patch(made.url, 0, made.body(0, PART))
    headers = {"Content-Type": PATCH_TYPE, "Upload-Offset": str(PART)}
    gone = Mischief(drop_response=True)
    await bench.send("PATCH", made.url, headers, made.body(PART, SIZE - PART), mischief=gone)
    wanted = made.body(0, SIZE)
    does = False
    async for _ in bench.ground.turns(bench.ground.convergence_s):
        does = await bench.assembled(made) == wanted
        if does:
            break
    says = "the file is there although nobody returned" if does else "no file without a client"
    return Probed(capability="completes-unattended", does=does, says=says)


async def status(bench: Bench) -> Probed | None:
    """Whether the status document is one; None where the target's file names none."""
    wire = bench.ground.wire
    if wire.status is None:
        return None
    made = await bench.create(SIZE)
    path, _, query = made.url.partition("?")
    reply = await bench.ask(
        "GET", wire.status.format(path=path.rstrip("/"), query=query).rstrip("?")
    )
    try:
        fields = set(json.loads(reply.body))
    except (ValueError, TypeError):
        fields = set()
    wanted = {"total_size", "committed_offset", "missing_ranges", "chunks_received"}
    says = f"GET of the status document: {described(reply)}"
    return Probed(capability="status", does=wanted <= fields, says=says)

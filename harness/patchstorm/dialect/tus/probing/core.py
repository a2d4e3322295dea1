"""Probes of the core protocol, of what it leaves open, and of where the bytes are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from patchstorm.dialect.ground import Ending
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.dialect.probed import Announced, Probed
from patchstorm.dialect.tus.announced import TusAnnounced
from patchstorm.dialect.tus.codec import PATCH_TYPE, encode
from patchstorm.dialect.tus.conformance.fields import pairs
from patchstorm.dialect.tus.probing.bench import Bench, Made, described, offset_of
from patchstorm.dialect.tus.probing.sound import PART, SIZE

KEPT_WITHIN_S = 3.0
BIG = 1 << 20
CUT = 600_000
CUT_STALL_MS = 300
UNATTENDED: tuple[Ending, ...] = ("fin", "fin", "reset", "reset")
"""A body so long, and broken so late, that a server that writes as it reads has written some."""


async def announced(bench: Bench) -> Announced:
    """What OPTIONS says (tus, core, OPTIONS)."""
    reply = await bench.send("OPTIONS", bench.ground.wire.path)
    if reply is None or reply.status >= 300:
        return TusAnnounced(silent=f"OPTIONS: {described(reply)}")
    said = reply.headers
    return TusAnnounced(
        versions=_words(said.get("tus-version", "")),
        extensions=_words(said.get("tus-extension", "")),
        algorithms=_words(said.get("tus-checksum-algorithm", "")),
        max_size=said.get("tus-max-size"),
    )


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


async def creation(bench: Bench) -> Probed:
    """POST makes an upload that HEAD knows. TargetError where nothing can be created.

    One was made and known before any probe began, so an odd answer now takes nothing from the file.
    """
    made = await bench.create(SIZE)
    told = await bench.ask("HEAD", made.url)
    if told.status >= 300 or offset_of(told) != 0:
        says = f"HEAD of a new upload: {described(told)}, Upload-Offset {offset_of(told)}"
        return Probed(capability="creation", does=None, says=says)
    return Probed(capability="creation", does=True, says=f"POST: 201, {made.url}")


async def reading(bench: Bench) -> AsyncIterator[Probed]:
    """Whether a PATCH beyond the current offset is accepted, and its bytes are put where they belong.

    A server that accepts it and appends is neither: which it means to be stands as declared.
    """
    made = await bench.create(SIZE)
    reply = await bench.patch(made.url, PART, made.body(PART, PART))
    after = await bench.offset(made.url)
    says = f"PATCH at {PART} of an upload at 0: {described(reply)}, then HEAD: {after}"
    if reply.status >= 300:
        yield Probed(capability="offset-addressed", does=False, says=says)
        yield Probed(capability="sequential", does=True, says=says)
        return
    placed = False
    if after == 0:
        gap = await bench.patch(made.url, 0, made.body(0, PART))
        placed = gap.status < 300 and await bench.completed(made, 2 * PART)
        says += (
            f"; the gap filled: {described(gap)}, the bytes are {'right' if placed else 'wrong'}"
        )
    else:
        says += ": it does not go by the offset, or counts what never came"
    yield Probed(capability="offset-addressed", does=placed, says=says)
    yield Probed(capability="sequential", does=False if placed else None, says=says)


async def shared(bench: Bench) -> str | None:
    """What is wrong with two replicas over one directory; None where both know an upload."""
    made = await bench.create(SIZE)
    first = await bench.send("PATCH", made.url, _at(0), made.body(0, PART), replica=0)
    there = await bench.known(made.url, replica=1)
    second = await bench.send("PATCH", made.url, _at(PART), made.body(PART, PART), replica=1)
    here = await bench.known(made.url, replica=0)
    if (there, here) == (PART, 2 * PART):
        return None
    return (
        f"the replicas do not share uploads, or one remembers what another has changed: after {PART} "
        f"bytes at replica 0 ({described(first)}) replica 1 says {there}, and after as many there "
        f"({described(second)}) replica 0 says {here}. Give both the same directories ({{root}}, "
        "{shared}) in start.command; if they have them, the server keeps this in its memory"
    )


async def forgetful(bench: Bench) -> str | None:
    """What is wrong with the metadata that HEAD gives back (tus, Upload-Metadata); None if nothing is."""
    made = await bench.create(SIZE)
    creation = encode(
        bench.ground.wire, Request(kind="create", upload=made.info.id), made.info, None
    )
    wanted = dict(creation.headers).get("Upload-Metadata")
    told = await bench.send("HEAD", made.url)
    if not wanted or told is None or told.status >= 300:
        return None
    found = told.headers.get("upload-metadata")
    if found == wanted or (found is not None and pairs(found) == pairs(wanted)):
        return None
    answered = "without it" if found is None else f"with `{found}`"
    return (
        f"HEAD of an upload that was created with `Upload-Metadata: {wanted}` is answered {answered}; it has "
        "to give it back (tus, creation), and every storm accuses a server that does not (checker protocol)"
    )


def _at(offset: int) -> dict[str, str]:
    return {"Content-Type": PATCH_TYPE, "Upload-Offset": str(offset)}


async def keeps_partial_body(bench: Bench) -> Probed:
    """Whether bytes of a body that broke off are there afterwards; broken in order, and by a reset."""
    endings: tuple[Ending, ...] = ("fin", "reset")
    broken: list[Made] = []
    for ending in endings:
        made = await bench.create(BIG)
        cut = Mischief(cut_after=CUT, stall_after=CUT, stall_ms=CUT_STALL_MS)
        body = made.body(0, BIG)
        await bench.send("PATCH", made.url, _at(0), body, mischief=cut, ending=ending)
        broken.append(made)
    kept = await _settled(bench, broken)
    right = all(
        [
            await bench.completed(made, offset)
            for made, offset in zip(broken, kept, strict=True)
            if offset
        ]
    )
    closed, reset = kept
    says = f"of {CUT} bytes of a body, closed: {closed} kept, reset: {reset} kept"
    if not right:
        return Probed(
            capability="keeps-partial-body",
            does=None,
            says=f"{says}; sent on from there, the bytes are wrong",
        )
    return Probed(capability="keeps-partial-body", does=any(kept), says=says)


async def _settled(bench: Bench, broken: list[Made]) -> list[int]:
    """Each offset once it is no longer nought and grows no more, or once nothing is to be expected.

    One wait for all: where nothing is kept it is spent to the end.
    """
    kept = [0] * len(broken)
    growing = set(range(len(broken)))
    async for _ in bench.ground.turns(KEPT_WITHIN_S):
        for at in sorted(growing):
            before, kept[at] = kept[at], await bench.offset(broken[at].url) or 0
            if kept[at] and kept[at] == before:
                growing.remove(at)
        if not growing:
            break
    return kept


async def unattended(bench: Bench) -> Probed:
    """Whether a complete upload gets its file although the client left before the last answer.

    One that went well says little: the client leaves in both manners, at both replicas.
    """
    wanted = UNATTENDED
    for number, ending in enumerate(wanted):
        made = await bench.create(SIZE)
        await bench.patch(made.url, 0, made.body(0, PART))
        await bench.send(
            "PATCH", made.url, _at(PART), made.body(PART, SIZE - PART), replica=number % 2,
            mischief=Mischief(drop_response=True), ending=ending,
        )  # fmt: skip
        if not await bench.holds(made, made.body(0, SIZE)):
            says = f"no file without a client, in the {number + 1}. of {len(wanted)} uploads"
            return Probed(capability="completes-unattended", does=False, says=says)
    says = f"{len(wanted)} of {len(wanted)} files are there although nobody returned"
    return Probed(capability="completes-unattended", does=True, says=says)


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
    names = wire.document
    wanted = {names.total, names.committed, names.missing, names.chunks}
    says = f"GET of the status document: {described(reply)}"
    return Probed(capability="status", does=wanted <= fields, says=says)

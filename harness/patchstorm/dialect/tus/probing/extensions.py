"""Probes of tus's extensions: each does what the extension is for and looks at what came of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.ground import Ground
from patchstorm.dialect.probed import ALGORITHMS, Probed
from patchstorm.dialect.tus.codec import created_url
from patchstorm.dialect.tus.probing.bench import Bench, Made, described, offset_of

SIZE = 3_000
PART = 1_000
LIFETIME_MS = 1_000
EXPIRED_WITHIN_S = 4.0


async def with_upload(bench: Bench) -> Probed:
    """The first bytes come with POST (tus, creation-with-upload)."""
    name = "creation-with-upload"
    sample = bench.sample(SIZE)
    reply, _ = await bench.post(SIZE, body=sample.body(0, PART))
    url = created_url(bench.ground.wire, reply)
    if url is None:
        return Probed(capability=name, does=False, says=f"POST with bytes: {described(reply)}")
    kept = await bench.offset(url)
    told = f"POST with {PART} bytes: {reply.status}, Upload-Offset {offset_of(reply)}; HEAD: {kept}"
    return Probed(capability=name, does=kept == PART, says=told)


async def defer_length(bench: Bench) -> Probed:
    """The length is given later, with a PATCH (tus, creation, Upload-Defer-Length)."""
    name = "defer-length"
    reply, number = await bench.post(None, {"Upload-Defer-Length": "1"})
    url = created_url(bench.ground.wire, reply)
    if url is None:
        return Probed(capability=name, does=False, says=f"POST without length: {described(reply)}")
    made = bench.made(number, SIZE, url)
    patched = await bench.patch(url, 0, made.body(0, SIZE), {"Upload-Length": str(SIZE)})
    whole = patched.status < 300 and offset_of(patched) == SIZE
    return Probed(
        capability=name, does=whole, says=f"the length given with a PATCH: {described(patched)}"
    )


async def checksums(bench: Bench) -> AsyncIterator[Probed]:
    """A right checksum is accepted, and a wrong one is refused and leaves nothing (tus, checksum)."""
    for algorithm in ALGORITHMS:
        made = await bench.create(SIZE)
        body = made.body(0, PART)
        wrong = await bench.patch(made.url, 0, body, {"Upload-Checksum": _sum(algorithm, b"x")})
        kept = await bench.offset(made.url)
        right = await bench.patch(
            made.url, kept or 0, made.body(kept or 0, PART), _right(algorithm, made, kept or 0)
        )
        does = wrong.status >= 400 and kept in (0, None) and right.status < 300
        yield Probed(
            capability=f"checksum-{algorithm}",
            does=does,
            says=f"wrong: {described(wrong)}, HEAD {kept}; right: {described(right)}",
        )


def _right(algorithm: str, made: Made, offset: int) -> dict[str, str]:
    return {"Upload-Checksum": _sum(algorithm, made.body(offset, PART))}


def _sum(algorithm: str, data: bytes) -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm} {base64.b64encode(digest).decode('ascii')}"


async def termination(bench: Bench) -> Probed:
    """After DELETE the upload is gone (tus, termination)."""
    made = await bench.create(SIZE)
    await bench.patch(made.url, 0, made.body(0, PART))
    gone = await bench.ask("DELETE", made.url)
    after = await bench.ask("HEAD", made.url, replica=1)
    return Probed(
        capability="termination",
        does=gone.status < 300 and after.status in (403, 404, 410),
        says=f"DELETE: {described(gone)}, then HEAD: {after.status}",
    )


async def concatenation(bench: Bench) -> Probed:
    """Two partial uploads become one (tus, concatenation)."""
    name = "concatenation"
    parts: list[Made] = []
    for _ in range(2):
        reply, number = await bench.post(PART, {"Upload-Concat": "partial"})
        url = created_url(bench.ground.wire, reply)
        if url is None:
            says = f"POST of a partial upload: {described(reply)}"
            return Probed(capability=name, does=False, says=says)
        parts.append(bench.made(number, PART, url))
        await bench.patch(url, 0, parts[-1].body(0, PART))
    final = await _joined(bench, parts)
    url = created_url(bench.ground.wire, final)
    if url is None:
        return Probed(
            capability=name, does=False, says=f"POST of the final upload: {described(final)}"
        )
    told = await bench.ask("HEAD", url)
    length, kind = told.headers.get("upload-length"), told.headers.get("upload-concat", "")
    says = f"final of two parts: {final.status}; HEAD: length {length}, Upload-Concat `{kind}`"
    does = length == str(2 * PART) and kind.startswith("final")
    return Probed(capability=name, does=does, says=says)


async def _joined(bench: Bench, parts: list[Made]) -> Reply:
    """A final upload says its parts and its metadata, and no length."""
    urls = " ".join(part.url for part in parts)
    reply, _ = await bench.post(None, {"Upload-Concat": f"final;{urls}"})
    return reply


async def expiration(bench: Bench) -> Probed:
    """Upload-Expires is told, and kept where the target's file says how to shorten it."""
    if bench.ground.expires:
        return await _kept(bench.ground)
    told = await _told(bench, await bench.create(SIZE))
    if told is None:
        says = "no Upload-Expires on PATCH or HEAD; if uploads expire only when told to, "
        return Probed(capability="expiration", does=False, says=says + "give start.lifetime")
    says = f"Upload-Expires: {told}; give start.lifetime to have it tried"
    return Probed(capability="expiration", does=True, says=says)


async def _told(bench: Bench, made: Made) -> str | None:
    """Upload-Expires of a PATCH, or else of HEAD."""
    patched = await bench.patch(made.url, 0, made.body(0, PART))
    told = patched.headers.get("upload-expires")
    return told or (await bench.ask("HEAD", made.url)).headers.get("upload-expires")


async def _kept(ground: Ground) -> Probed:
    """Whether an upload that lives for a second is gone after it."""
    name = "expiration"
    async with ground.shortlived(LIFETIME_MS) as other:
        short = Bench(other)
        made = await short.create(SIZE)
        told = await _told(short, made)
        if told is None:
            says = "no Upload-Expires on PATCH or HEAD, with start.lifetime"
            return Probed(capability=name, does=False, says=says)
        async for _ in other.turns(EXPIRED_WITHIN_S):
            status = (await short.ask("HEAD", made.url)).status
            if status in (403, 404, 410):
                says = f"after a lifetime of {LIFETIME_MS} ms HEAD: {status}"
                return Probed(capability=name, does=True, says=says)
    says = f"{EXPIRED_WITHIN_S:.0f} s after a lifetime of {LIFETIME_MS} ms HEAD: {status}"
    return Probed(capability=name, does=False, says=says)

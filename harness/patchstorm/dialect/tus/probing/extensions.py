"""Probes of tus's extensions: each does what the extension is for and looks at what came of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.ground import Ground
from patchstorm.dialect.probed import Probed
from patchstorm.dialect.tus.codec import created_url
from patchstorm.dialect.tus.probing import core
from patchstorm.dialect.tus.probing.bench import Bench, Made, described, offset_of

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
SIZE = 3_000
PART = 1_000
LIFETIME_MS = 1_000
EXPIRED_WITHIN_S = 4.0


async def with_upload(bench: Bench) -> Probed:
    """The first bytes come with POST (tus, creation-with-upload)."""
    name = "creation-with-upload"
    sample = bench.sample(SIZE)
    reply, number = await bench.post(SIZE, body=sample.body(0, PART))
    url = created_url(bench.ground.wire, reply)
    if url is None:
        return Probed(capability=name, does=False, says=f"POST with bytes: {described(reply)}")
    kept = await bench.offset(url)
    told = f"POST with {PART} bytes: {reply.status}, Upload-Offset {offset_of(reply)}; HEAD: {kept}"
    if kept != PART:
        return Probed(capability=name, does=False, says=told)
    right = await bench.completed(bench.made(number, SIZE, url), PART)
    return _seen(name, right, told)


def _seen(name: str, right: bool, says: str) -> Probed:
    """All was said as it should be, and the bytes are right or not: then it is no lie, but a bug."""
    if right:
        return Probed(capability=name, does=True, says=says)
    return Probed(capability=name, does=None, says=f"{says}; but the finished bytes are not had")


async def defer_length(bench: Bench) -> Probed:
    """The length is given later, with a PATCH (tus, creation, Upload-Defer-Length)."""
    name = "defer-length"
    reply, number = await bench.post(None, {"Upload-Defer-Length": "1"})
    url = created_url(bench.ground.wire, reply)
    if url is None:
        return Probed(capability=name, does=False, says=f"POST without length: {described(reply)}")
    made = bench.made(number, SIZE, url)
    open_ = await bench.ask("HEAD", url)
    deferred, length = (open_.headers.get(key) for key in ("upload-defer-length", "upload-length"))
    says = f"HEAD before: Upload-Defer-Length {deferred}, Upload-Length {length}"
    if deferred != "1" or length is not None:
        return Probed(capability=name, does=False, says=says)
    patched = await bench.patch(url, 0, made.body(0, PART), {"Upload-Length": str(SIZE)})
    told = (await bench.ask("HEAD", url)).headers.get("upload-length")
    says += f"; given with a PATCH: {described(patched)}, Upload-Length {told}"
    if patched.status >= 300 or told != str(SIZE):
        return Probed(capability=name, does=False, says=says)
    return _seen(name, await bench.completed(made, PART), says)


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
        after = await bench.offset(made.url)
        does = wrong.status >= 400 and kept == 0 and right.status < 300 and after == PART
        yield Probed(
            capability=f"checksum-{algorithm}",
            does=does,
            says=f"wrong: {described(wrong)}, HEAD {kept}; right: {described(right)}, HEAD {after}",
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
    final, number = await _joined(bench, parts)
    url = created_url(bench.ground.wire, final)
    if url is None:
        return Probed(
            capability=name, does=False, says=f"POST of the final upload: {described(final)}"
        )
    told = await bench.ask("HEAD", url)
    length, kind = told.headers.get("upload-length"), told.headers.get("upload-concat", "")
    says = f"final of two parts: {final.status}; HEAD: length {length}, Upload-Concat `{kind}`"
    if length != str(2 * PART) or not kind.startswith("final"):
        return Probed(capability=name, does=False, says=says)
    made = bench.made(number, 2 * PART, url)
    wanted = b"".join(part.body(0, PART) for part in parts)
    if await bench.holds(made, wanted):
        return Probed(capability=name, does=True, says=f"{says}; the bytes are those of its parts")
    served = await bench.fetched(made)
    if served == wanted:
        says += "; joined when it is read: its bytes are had with GET, and not by files.published"
        return Probed(capability=name, does=True, says=says)
    told_of = "none are had" if served is None else "GET gives others"
    return Probed(capability=name, does=None, says=f"{says}; of its bytes, {told_of}")


async def _joined(bench: Bench, parts: list[Made]) -> tuple[Reply, int]:
    """A final upload says its parts and its metadata, and no length."""
    urls = " ".join(part.url for part in parts)
    return await bench.post(None, {"Upload-Concat": f"final;{urls}"})


async def expiration(bench: Bench) -> Probed:
    """Upload-Expires is told, and kept where the target's file says how to shorten it."""
    if bench.ground.expires:
        return await _kept(bench.ground)
    told = await _told(bench, await bench.create(SIZE))
    if told is None:
        says = "no Upload-Expires on PATCH or HEAD; if uploads expire only when told to, "
        return Probed(capability="expiration", does=False, says=says + "give start.lifetime")
    says = f"Upload-Expires: {told}; give start.lifetime to have it tried"
    return Probed(capability="expiration", does=None, says=says)


async def _told(bench: Bench, made: Made) -> str | None:
    """Upload-Expires of a PATCH, or else of HEAD."""
    patched = await bench.patch(made.url, 0, made.body(0, PART))
    told = patched.headers.get("upload-expires")
    return told or (await bench.ask("HEAD", made.url)).headers.get("upload-expires")


async def _kept(ground: Ground) -> Probed:
    """Whether an upload that lives for a second is gone after it."""
    name = "expiration"
    async with ground.shortlived(LIFETIME_MS) as other:
        other.wire = ground.wire
        short = Bench(other)
        announced = (await core.announced(short)).about(name)
        made = await short.create(SIZE)
        told = await _told(short, made)
        if told is None:
            says = "no Upload-Expires on PATCH or HEAD, with start.lifetime"
            return Probed(capability=name, does=False, says=says, announced=announced)
        async for _ in other.turns(EXPIRED_WITHIN_S):
            status = (await short.ask("HEAD", made.url)).status
            if status in (403, 404, 410):
                says = f"after a lifetime of {LIFETIME_MS} ms HEAD: {status}"
                return Probed(capability=name, does=True, says=says, announced=announced)
    says = f"{EXPIRED_WITHIN_S:.0f} s after a lifetime of {LIFETIME_MS} ms HEAD: {status}"
    return Probed(capability=name, does=False, says=says, announced=announced)

"""Whether a server does what every other probe stands on: an upload in order, acknowledged and remembered.

Where it does not, nothing follows for its capabilities: it is told, and the target's file is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.probed import Proposal
from patchstorm.dialect.tus.codec import PATCH_TYPE, created_url, upload_id
from patchstorm.dialect.tus.probing.bench import Bench, described, offset_of
from patchstorm.errors import TargetError
from patchstorm.legible import legible_line

SIZE = 24_000
PART = 8_000
USUAL: Mapping[str, str] = {"filetype": "application/octet-stream"}
"""What browsers' clients send beside ``filename``; some servers answer nothing without it."""


async def unsound(bench: Bench) -> tuple[str | None, list[Proposal]]:
    """Why probing is in vain, None where it is not; and what creations must say besides.

    TargetError where nothing is created, or HEAD refuses what was: the file lacks something then.
    """
    url, proposals = await _known(bench)
    if (strays := _strays(bench, url)) is not None:
        return strays, proposals
    first = bench.sample(SIZE).body(0, PART)
    reply = await bench.send(
        "PATCH", url, {"Content-Type": PATCH_TYPE, "Upload-Offset": "0"}, first
    )
    if reply is None or reply.status >= 300:
        says = f"PATCH at 0 of a new upload: {described(reply)}"
        return f"{says}. A server that takes no bytes shows nothing of what it can do", proposals
    told = await bench.send("HEAD", url)
    if told is None or told.status >= 300 or offset_of(told) != PART:
        says = f"PATCH of {PART} bytes at 0: {described(reply)}; then HEAD: {described(told)}"
        offset = None if told is None else offset_of(told)
        return f"{says}, Upload-Offset {offset}: what it acknowledges, it does not know", proposals
    if (other := await _refused(bench)) == url:
        return (
            f"two creations were given one Location, `{other}`: nobody can tell them apart",
            proposals,
        )
    return None, proposals


def _strays(bench: Bench, url: str) -> str | None:
    """What is said of a URL whose upload's name leads out of the storage, or is none that a file can have."""
    name = upload_id(bench.ground.wire, url)
    if ".." not in name.split("/") and "\0" not in name:
        return None
    return (
        f"POST: Location `{legible_line(url)}` names `{legible_line(name)}`, which is no path below the "
        "storage, so nothing of it is looked at"
    )


async def _known(bench: Bench) -> tuple[str, list[Proposal]]:
    """The URL of a new upload that HEAD knows, and what had to be said for it."""
    refusal = await _refused(bench)
    if isinstance(refusal, str):
        return refusal, []
    wire = bench.ground.wire
    missing = {key: value for key, value in USUAL.items() if key not in wire.metadata}
    if missing and 400 <= refusal[1].status < 500:
        bench.ground.wire = msgspec.structs.replace(wire, metadata={**wire.metadata, **missing})
        url = await _refused(bench)
        if isinstance(url, str):
            says = f"{refusal[0]}: {described(refusal[1])}; with it all is well"
            proposals = [
                Proposal(key=f"wire.metadata.{key}", value=value, says=says)
                for key, value in missing.items()
            ]
            return url, proposals
        bench.ground.wire = wire
    what, reply = refusal
    if reply.status >= 500:
        raise TargetError(f"{what}: {described(reply)}. The server fails.")
    raise TargetError(
        f"{what}: {described(reply)}. Is `wire.path` right? Must requests carry something more "
        "(`wire.headers` for every request, `wire.metadata` for the creation)?"
    )


async def _refused(bench: Bench) -> str | tuple[str, Reply]:
    """The URL of a new upload at offset 0, or what was asked for it in vain and the answer."""
    wire = bench.ground.wire
    made, _ = await bench.post(SIZE, any_status=True)
    url = created_url(wire, made)
    if url is None:
        return f"POST {wire.path} creates no upload", made
    told = await bench.send("HEAD", url)
    if told is None:
        raise TargetError(f"HEAD of a new upload ({url}) got no answer.")
    return url if told.status < 300 else ("HEAD of a new upload", told)

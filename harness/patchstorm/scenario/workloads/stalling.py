"""stalling: a client stands still in the middle of a body, and nobody else may have to wait.

One connection sends half a chunk and stalls for ``stall_ms`` before the rest (or gives up, at the seed's
choice). Meanwhile others ask HEAD of the same upload, at the other replicas first, and its status where
there is one, send the same chunk once more elsewhere, which may be accepted before the first is given up,
and, where offsets are addressed, the other chunks; further uploads of this client are sent as well. Of
``ended_permille`` of the uploads nothing more is sent: they are ended elsewhere while the body stands still.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.scenario.actions import Send, Sleep, Together, Workload
from patchstorm.scenario.options import count, millis, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, head, patch, push_all, single


class Options(msgspec.Struct, frozen=True):
    stall_ms: Annotated[int, millis("how long the body stands still")] = 800
    heads: Annotated[int, count(1, 50, "how often HEAD is asked meanwhile")] = 4
    abandon_permille: Annotated[int, permille("how many stalled bodies are then given up")] = 300
    unfinished_permille: Annotated[
        int,
        permille("how often the upload lacks a chunk until the body has gone on or was given up"),
    ] = 500
    ended_permille: Annotated[
        int, permille("how many uploads are ended meanwhile, where the target has termination")
    ] = 150


def stalling(ctx: Context, options: Options) -> Workload:
    upload, *others = ctx.uploads
    offset = yield from head(ctx, upload)
    if offset is None or offset >= upload.size:
        return
    at = (offset, min(upload.chunk, upload.size - offset))
    mischief = _mischief(ctx, at[1], options)
    here = ctx.replica()
    parts = [single(patch(ctx, upload, at, replica=here, mischief=mischief))]
    parts.append(_asking(ctx.part("head"), upload, options, here))
    if "termination" in ctx.capabilities and ctx.chance("ended", options.ended_permille):
        parts.append(_ending(ctx.part("end"), upload, options, here))
        yield Together(workloads=tuple(parts))
        return
    again = patch(ctx.part("again"), upload, at, replica=ctx.other(here, 2))
    parts.append(single(again, after_ms=options.stall_ms // 4))
    if not ctx.sequential:
        rest = [other for other in chunks(upload) if other[0] >= at[0] + at[1]]
        if ctx.chance("unfinished", options.unfinished_permille):
            rest = rest[:-1]
        parts.append(push_all(ctx.part("rest"), upload, rest))
    parts.extend(advance(ctx.part(other.id), other) for other in others)
    yield Together(workloads=tuple(parts))
    yield from advance(ctx, upload)
    yield from head(ctx, upload)


def _mischief(ctx: Context, length: int, options: Options) -> Mischief:
    given_up = ctx.chance("abandon", options.abandon_permille)
    return Mischief(
        stall_after=length // 2,
        stall_ms=options.stall_ms,
        cut_after=length // 2 if given_up else None,
    )


def _asking(ctx: Context, upload: UploadPlan, options: Options, here: int) -> Workload:
    for i in range(options.heads):
        yield Sleep(ms=max(1, options.stall_ms // (options.heads + 1)))
        yield from head(ctx, upload, replica=ctx.other(here, 1 + i))
        if "status" in ctx.capabilities:
            asked = Request(kind="status", upload=upload.id, replica=ctx.other(here, 1 + i))
            yield Send(request=asked)


def _ending(ctx: Context, upload: UploadPlan, options: Options, here: int) -> Workload:
    """DELETE at another replica, when a quarter of the time is over."""
    yield Sleep(ms=max(1, options.stall_ms // 4))
    yield Send(request=Request(kind="terminate", upload=upload.id, replica=ctx.other(here)))


KIND = WorkloadKind(
    name="stalling",
    says="a client stands still inside a body, and nobody else may have to wait",
    run=stalling,
    options=Options,
)

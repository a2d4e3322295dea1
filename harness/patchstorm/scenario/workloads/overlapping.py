"""overlapping: a first client leaves off, a second resumes with other boundaries over what is there.

Offset-addressed: the first pass sends a share of the chunks, in a drawn order; the second walks the
whole upload with pieces of ``rechunk`` bytes, each reaching ``overlap`` bytes back, over
``connections`` lanes. All bytes agree, so every PATCH has to succeed. Sequential: the second client
first tries to begin ``overlap`` bytes before the offset (409, without effect), then goes on from
HEAD with its own chunk size.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Together, Workload
from patchstorm.scenario.options import count, permille, size
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    Range,
    advance,
    chunks,
    head,
    lanes,
    patch,
    push_all,
)


class Options(msgspec.Struct, frozen=True):
    first_permille: Annotated[int, permille("the share of the chunks sent in the first pass")] = 600
    rechunk: Annotated[
        int, size(0, "length of the second pass's pieces; 0: two thirds of a chunk")
    ] = 0
    overlap: Annotated[int, size(0, "how far each piece reaches back; 0: nothing")] = 0
    connections: Annotated[int, count(1, 64, "how many pieces are under way at once")] = 2


def overlapping(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
        else:
            first = ctx.shuffled(chunks(upload))
            yield from push_all(ctx, upload, first[: len(first) * options.first_permille // 1000])
            dealt = lanes(_pieces(upload, options), options.connections)
            parts = [push_all(ctx.part(i), upload, lane) for i, lane in enumerate(dealt)]
            yield Together(workloads=tuple(parts))
        yield from head(ctx, upload)


def _rechunk(upload: UploadPlan, options: Options) -> int:
    return options.rechunk or upload.chunk * 2 // 3 + 1


def _pieces(upload: UploadPlan, options: Options) -> list[Range]:
    """The whole upload in new boundaries, each piece beginning ``overlap`` bytes early."""
    pieces = []
    for offset, length in chunks(upload, _rechunk(upload, options)):
        begin = max(0, offset - options.overlap)
        pieces.append((begin, offset + length - begin))
    return pieces


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    reached = yield from advance(ctx, upload, until=upload.size * options.first_permille // 1000)
    if reached is None:
        return
    back = min(reached, options.overlap)
    if back:
        length = min(_rechunk(upload, options) + back, upload.size - reached + back)
        yield patch(ctx, upload, (reached - back, length))
    yield from advance(ctx, upload, chunk=_rechunk(upload, options))


KIND = WorkloadKind(
    name="overlapping",
    says="a resume with other boundaries, over what is already there",
    run=overlapping,
    options=Options,
)

"""truncated: bodies break off at any byte, and the client resumes.

The seed cuts a share of the PATCHes after a drawn number of body bytes, some of them sent without a
Content-Length. The client asks HEAD and goes on from there: a target that keeps the prefix may be
further, one that does not is where it was. Offset-addressed clients then send the whole chunk again.
Some of theirs may carry a checksum, which is of the whole body: a part of it can be held against nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.options import count, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.checksums import algorithms
from patchstorm.scenario.workloads.client import Range, chunks, gone, head, patch, push


class Options(msgspec.Struct, frozen=True):
    cut_permille: Annotated[int, permille("how many PATCHes are cut")] = 600
    cuts_max: Annotated[int, count(1, 20, "how often at most one chunk is cut")] = 2
    chunked_permille: Annotated[int, permille("how many cut bodies come without a length")] = 200
    checksum_permille: Annotated[
        int, permille("how many cut bodies come with a right checksum")
    ] = 0


def truncated(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
            continue
        for at in ctx.shuffled(chunks(upload)):
            yield from _cut(ctx, upload, at, options)
            answer = yield from push(ctx, upload, at)
            if answer is not None and gone(answer):
                break
        yield from head(ctx, upload)


def _cut(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Workload:
    """Break the same chunk off a few times, at another byte each time."""
    for _ in range(options.cuts_max):
        if not ctx.chance("cut", options.cut_permille):
            return
        chunked = ctx.chance("chunked", options.chunked_permille)
        mischief = Mischief(cut_after=ctx.draw("cut-after", at[1]), chunked=chunked)
        known = algorithms(ctx.capabilities)
        if known and options.checksum_permille and ctx.chance("checked", options.checksum_permille):
            named = known[ctx.draw("algorithm", len(known))]
            yield patch(ctx, upload, at, mischief=mischief, checksum="right", algorithm=named)
        else:
            yield patch(ctx, upload, at, mischief=mischief)
        yield from head(ctx, upload)


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    offset = yield from head(ctx, upload)
    failures = cuts = 0
    while offset is not None and offset < upload.size and failures < ctx.tries:
        at = (offset, min(upload.chunk, upload.size - offset))
        cut = cuts < options.cuts_max and ctx.chance("cut", options.cut_permille)
        chunked = cut and ctx.chance("chunked", options.chunked_permille)
        after = ctx.draw("cut-after", at[1]) if cut else None
        yield patch(ctx, upload, at, mischief=Mischief(cut_after=after, chunked=chunked))
        reached = yield from head(ctx, upload)
        progress = reached is not None and reached > offset
        cuts = cuts + 1 if cut else 0
        failures = 0 if cut or progress else failures + 1
        offset = reached


KIND = WorkloadKind(
    name="truncated",
    says="bodies break off at any byte, and the client resumes",
    run=truncated,
    options=Options,
)

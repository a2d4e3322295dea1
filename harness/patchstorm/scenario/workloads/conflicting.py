"""conflicting: several writers send different bytes for the same range at the same moment.

Writer 0 is the honest one, writer k sends content k, each to another replica. ``range`` says how
their ranges lie: ``same``; ``inside``: the others send a drawn part of the honest chunk, at least one
byte; ``across``: the others begin in the middle of the honest chunk and reach into the next; ``part``: the
others come when the honest chunk has been acknowledged, and contradict it but for a part of it.

``cut_permille`` of the others' bodies break off at a drawn byte, and are not sent again.

Offset-addressed: whoever is committed first owns the bytes, the others must get 409. Sequential: the
writers race at the current offset, so at most one is accepted and ranges are always ``same``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Together, Workload
from patchstorm.scenario.options import count, permille, words
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    GOOD,
    Range,
    chunks,
    gone,
    head,
    in_part,
    patch,
    push,
    single,
)


class Options(msgspec.Struct, frozen=True):
    writers: Annotated[int, count(2, 15, "how many writers contradict each other")] = 2
    range: Annotated[
        Literal["same", "inside", "across", "part"],
        words(
            "how the writers' ranges lie to each other; part: others come later, and are true in part"
        ),
    ] = "same"
    cut_permille: Annotated[int, permille("how many contradicting bodies break off")] = 0


def conflicting(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
        elif options.range == "part":
            yield from _in_part(ctx, upload, options)
        else:
            yield from _at_each_offset(ctx, upload, options)
        yield from head(ctx, upload)


def _at_each_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    for at in ctx.shuffled(chunks(upload)):
        first = ctx.replica()
        parts = []
        for writer in range(options.writers):
            where = at if writer == 0 else _beside(ctx, upload, at, options)
            part = ctx.part(f"{at[0]}.w{writer}")
            replica = ctx.other(first, writer)
            mischief = _mischief(part, writer, where, options)
            if mischief == GOOD:
                parts.append(push(part, upload, where, content=writer, replica=replica))
            else:
                send = patch(
                    part, upload, where, content=writer, replica=replica, mischief=mischief
                )
                parts.append(single(send))
        answers = yield Together(workloads=tuple(ctx.shuffled(parts)))
        if any(answer is not None and gone(answer) for answer in answers):
            return


def _in_part(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    for at in ctx.shuffled(chunks(upload)):
        first = ctx.replica()
        answer = yield from push(ctx, upload, at, replica=first)
        if answer is None or not answer.ok:
            return
        for writer in range(1, options.writers):
            yield in_part(ctx, patch(ctx, upload, at, replica=ctx.other(first, writer)))


def _mischief(ctx: Context, writer: int, at: Range, options: Options) -> Mischief:
    if not writer or not options.cut_permille or not ctx.chance("cut", options.cut_permille):
        return GOOD
    return Mischief(cut_after=ctx.draw("cut-after", at[1]))


def _beside(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Range:
    offset, length = at
    if options.range == "inside":
        skip = ctx.draw("skip", length)
        return offset + skip, 1 + ctx.draw("length", length - skip)
    if options.range == "across":
        begin = offset + length // 2
        return begin, min(length, upload.size - begin)
    return at


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    offset = yield from head(ctx, upload)
    failures = 0
    while offset is not None and offset < upload.size and failures < ctx.tries:
        at = (offset, min(upload.chunk, upload.size - offset))
        first = ctx.replica()
        sends = [
            patch(
                ctx, upload, at, content=writer, replica=ctx.other(first, writer),
                mischief=_mischief(ctx, writer, at, options),
            )
            for writer in range(options.writers)
        ]  # fmt: skip
        yield Together(workloads=tuple(single(send) for send in ctx.shuffled(sends)))
        reached = yield from head(ctx, upload)
        failures = 0 if reached is not None and reached > offset else failures + 1
        offset = reached


KIND = WorkloadKind(
    name="conflicting",
    says="several writers send different bytes for the same range at the same moment",
    run=conflicting,
    options=Options,
)

"""deferring: the upload is created without a length, which is declared later.

``way`` says how. ``last``: with the PATCH that brings the last bytes, which is delivered ``times`` times, to
different replicas, and sent once more later. ``first``: with the first one. ``rivals``: at a drawn chunk two
clients declare different lengths at the same moment, at different replicas, or one while the other's body
stands still halfway, so that the length was open when that began. ``changed``: another length is
declared after one was acknowledged, with bytes or without. ``short``: one is declared that is less than what
is there. ``any`` draws one of these.

A declaration without an answer is sent again, elsewhere: whoever took it has it still. In the end whatever
length HEAD tells is the one up to which the upload is sent.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Answer, Send, Together, Workload
from patchstorm.scenario.options import count, words
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    GOOD,
    Move,
    Range,
    advance,
    chunks,
    head,
    patch,
    pause,
    single,
)
from patchstorm.scenario.workloads.creating import create
from patchstorm.scenario.workloads.settling import asked, finished, settled

HELD_MS = 40
WAYS = ("last", "first", "rivals", "changed", "short")


class Options(msgspec.Struct, frozen=True):
    way: Annotated[
        Literal["any", "last", "first", "rivals", "changed", "short"],
        words("how the length is declared"),
    ] = "any"
    times: Annotated[int, count(1, 8, "how often the last PATCH is delivered at once")] = 2


def deferring(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        created = yield from create(ctx, upload)
        if not created:
            continue
        way = WAYS[ctx.draw("way", len(WAYS))] if options.way == "any" else options.way
        yield from _declared(ctx, upload, way, options)
        yield from finished(ctx, upload)
        yield from head(ctx, upload)


def _declared(ctx: Context, upload: UploadPlan, way: str, options: Options) -> Workload:
    ranges = chunks(upload)
    if way == "last":
        yield from _with_the_last(ctx, upload, ranges[-1], options)
    elif way == "first":
        yield from _declare(ctx, upload, ranges[0], upload.size)
    elif way == "rivals":
        yield from _rivals(ctx, upload, ranges[ctx.draw("at", len(ranges))])
    elif way == "changed":
        yield from _changed(ctx, upload, ranges)
    else:
        yield from _short(ctx, upload, ranges)


def _with_the_last(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Workload:
    """The last PATCH at several replicas at once, and again when all of them have ended."""
    reached = yield from advance(ctx, upload, until=at[0])
    if reached != at[0]:
        return
    first = ctx.replica()
    sends = [
        patch(ctx, upload, at, replica=ctx.other(first, i), declares=upload.size)
        for i in range(options.times)
    ]
    yield Together(workloads=tuple(single(send) for send in sends))
    yield from _declare(ctx, upload, at, upload.size)


def _declare(ctx: Context, upload: UploadPlan, at: Range, length: int) -> Move[Answer | None]:
    """One declaration, sent again as it was while nobody answers it."""
    for failures in range(ctx.tries):
        answer: Answer = yield patch(ctx, upload, at, declares=length)
        if answer.status is not None and answer.status < 500 and answer.status != 423:
            return answer
        yield from pause(ctx, failures)
    return None


def _rivals(ctx: Context, upload: UploadPlan, at: Range) -> Workload:
    """Two lengths at once, one of them the planned one; then everybody asks which it is."""
    reached = yield from advance(ctx, upload, until=at[0])
    if reached != at[0]:
        return
    first = ctx.replica()
    lengths = (upload.size, _another(ctx, upload, at[0] + at[1]))
    held = ctx.draw("held", 4) - 1 if at[1] > 1 else -1  # which of them, if any
    stands = Mischief(stall_after=at[1] // 2, stall_ms=HELD_MS)
    nobody = held not in range(len(lengths))
    sends = []
    for i, length in enumerate(lengths):
        has_bytes = ctx.draw("bytes", 2) if nobody else i == held
        sends.append(
            patch(
                ctx, upload, at if has_bytes else (at[0], 0),
                replica=ctx.other(first, i), declares=length, mischief=stands if i == held else GOOD,
            )
        )  # fmt: skip
    flights = [
        single(send) if nobody or send.mischief is stands else _asked_after(ctx, upload, send)
        for send in ctx.shuffled(sends)
    ]
    yield Together(workloads=tuple(flights))
    parts = [asked(ctx.part(i), upload) for i in range(2)]
    yield Together(workloads=tuple(parts))
    for length, send in zip(lengths, sends, strict=True):
        standing = yield from asked(ctx, upload)
        if standing is not None and send.request.length == 0:  # as after an answer that got lost
            yield from _declare(ctx, upload, (standing[0], 0), length)


def _asked_after(ctx: Context, upload: UploadPlan, send: Send) -> Workload:
    """What it has settled, while the other one has yet to end."""
    yield send
    yield from asked(ctx.part(2), upload)


def _changed(ctx: Context, upload: UploadPlan, ranges: list[Range]) -> Workload:
    """A length that was acknowledged, and then another one."""
    before, after = sorted((ctx.draw("at", len(ranges)), ctx.draw("then", len(ranges))))
    reached = yield from advance(ctx, upload, until=ranges[before][0])
    if reached != ranges[before][0]:
        return
    yield from _declare(ctx, upload, (reached, 0), upload.size)
    length = yield from settled(ctx, upload)
    reached = yield from advance(ctx, upload, until=ranges[after][0])
    if length is None or reached is None:
        return
    at = (reached, ranges[after][1] if ctx.draw("bytes", 2) else 0)
    yield from _declare(ctx, upload, at, _another(ctx, upload, reached + at[1]))
    yield from asked(ctx, upload)


def _short(ctx: Context, upload: UploadPlan, ranges: list[Range]) -> Workload:
    """Less than what is there; where there is one chunk only, it is sent first."""
    until = sum(ranges[ctx.draw("at", max(1, len(ranges) - 1))])
    until = min(until, upload.size - 1)
    reached = yield from advance(ctx, upload, until=until)
    if reached is None or reached < 1:
        return
    length = reached - 1 - ctx.draw("less", reached)
    yield from _declare(ctx, upload, (reached, 0), length)
    yield from asked(ctx, upload)


def _another(ctx: Context, upload: UploadPlan, least: int) -> int:
    """Another length than the planned one, and not less than ``least``."""
    longer = upload.size + 1 + ctx.draw("longer", upload.chunk)
    if least >= upload.size or not ctx.draw("shorter", 2):
        return longer
    return least + ctx.draw("cut", upload.size - least)


KIND = WorkloadKind(
    name="deferring",
    says="an upload is created without a length, and clients declare one, or two, later",
    run=deferring,
    options=Options,
    creates=True,
    needs=("creation", "defer-length", "sequential"),
)

"""resuming: leave off in the middle, ask another replica what is missing, and send only that.

The first pass sends a drawn share of the chunks to one replica, leaving holes, and gives up some of
them halfway. The client then asks the status document at another replica and sends exactly the missing
ranges, again until none is left. A target without a status document, and the sequential reading,
resume from HEAD.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.history.model import StatusDocument
from patchstorm.scenario.actions import Answer, Send, Sleep, Workload
from patchstorm.scenario.options import millis, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    Move,
    Range,
    advance,
    chunks,
    gone,
    head,
    patch,
    pause,
    push,
    refused,
)


class Options(msgspec.Struct, frozen=True):
    first_permille: Annotated[int, permille("the share of the upload sent before leaving off")] = (
        500
    )
    away_ms: Annotated[int, millis("how long the client stays away")] = 100
    torn: Annotated[int, permille("how many chunks of the first pass are given up halfway")] = 200


def resuming(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        home = ctx.replica()
        if ctx.sequential:
            until = upload.size * options.first_permille // 1000
            yield from advance(ctx, upload, until=until, replica=home)
        else:
            yield from _first_pass(ctx, upload, options, home)
        if options.away_ms:
            yield Sleep(ms=options.away_ms)
        if ctx.sequential or "status" not in ctx.capabilities:
            yield from head(ctx, upload, replica=ctx.other(home))
            yield from advance(ctx, upload)
        else:
            yield from send_missing(ctx, upload, away_from=home)
        yield from head(ctx, upload)


def _first_pass(ctx: Context, upload: UploadPlan, options: Options, home: int) -> Workload:
    order = ctx.shuffled(chunks(upload))
    for at in order[: len(order) * options.first_permille // 1000]:
        if ctx.chance("torn", options.torn):
            yield patch(ctx, upload, at, replica=home, mischief=Mischief(cut_after=at[1] // 2))
        else:
            yield from push(ctx, upload, at, replica=home)


def send_missing(ctx: Context, upload: UploadPlan, *, away_from: int = 0) -> Workload:
    """Ask what is missing and send exactly that, until nothing is or the tries are spent.

    Each round asks another replica, the first time one other than ``away_from``.
    """
    replica = away_from
    for failures in range(ctx.tries):
        replica = ctx.other(replica)
        document = yield from status(ctx, upload, replica=replica)
        if document is None or not document.missing_ranges:
            return
        for at in _cut_up(document, upload.chunk):
            answer = yield from push(ctx, upload, at, replica=replica)
            if answer is None or gone(answer):
                break
        if failures:
            yield from pause(ctx, failures)


def status(ctx: Context, upload: UploadPlan, *, replica: int) -> Move[StatusDocument | None]:
    """The status document; None when there is none to be had."""
    for failures in range(ctx.tries):
        request = Request(kind="status", upload=upload.id, replica=ctx.other(replica, failures))
        answer: Answer = yield Send(request=request)
        if answer.ok or refused(answer):
            return answer.end.document
        yield from pause(ctx, failures)
    return None


def _cut_up(document: StatusDocument, chunk: int) -> list[Range]:
    """The gaps in PATCHes of at most ``chunk`` bytes."""
    return [
        (at, min(chunk, offset + length - at))
        for offset, length in document.missing_ranges
        for at in range(offset, offset + length, chunk)
    ]


KIND = WorkloadKind(
    name="resuming",
    says="leave off, ask another replica what is missing, and send only that",
    run=resuming,
    options=Options,
)

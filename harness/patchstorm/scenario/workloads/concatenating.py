"""concatenating: partial uploads are sent side by side, and joined by a final one.

Each part is created and sent by a connection of its own, its requests to any replica. With ``early_permille``
the final upload is asked for while they are still on their way, which is to be refused where the target does
not say that it waits. Then each final upload is asked for, two of them at once where there are two, and
again while nobody answers. Meanwhile, at drawn rates, the last PATCH of a part is delivered once more, and a
part is deleted.

What is joined is asked for in the end, and so are its parts, which are as they were.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Answer, Send, Sleep, Together, Workload
from patchstorm.scenario.options import millis, permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import Move, advance, chunks, head, patch, pause, single
from patchstorm.scenario.workloads.creating import create

CREATED_POLLS = 200
POLL_MS = 2


class Options(msgspec.Struct, frozen=True):
    early_permille: Annotated[
        int, permille("how many final uploads are first asked for before their parts are there")
    ] = 300
    replay_permille: Annotated[
        int, permille("how often the last PATCH of a part comes once more while it is joined")
    ] = 500
    delete_permille: Annotated[
        int, permille("how often a part is deleted while it is joined, where the target deletes")
    ] = 100
    forget_permille: Annotated[
        int,
        permille("how often all parts are deleted once they are joined, where the target deletes"),
    ] = 100
    spread_ms: Annotated[int, millis("how much later than the first request others come")] = 4


def concatenating(ctx: Context, options: Options) -> Workload:
    finals = [upload for upload in ctx.uploads if upload.info.parts]
    parts = [upload for upload in ctx.uploads if not upload.info.parts]
    there: list[str] = []
    sending = [_part(ctx.part(part.id), part, there) for part in ctx.shuffled(parts)]
    for final in finals:
        if ctx.chance("early", options.early_permille):
            sending.append(_early(ctx.part(f"early.{final.id}"), final, there, options))
    yield Together(workloads=tuple(sending))
    if len(there) < len(parts):
        return
    deletes = "termination" in ctx.capabilities
    beside = [_join(ctx.part(final.id), final, options) for final in finals]
    for part in parts:
        if ctx.chance("replay", options.replay_permille):
            beside.append(_again(ctx.part(f"again.{part.id}"), part, options))
    if deletes and ctx.chance("delete", options.delete_permille):
        gone = parts[ctx.draw("which", len(parts))]
        beside.append(_delete(ctx.part("delete"), gone, options))
    yield Together(workloads=tuple(ctx.shuffled(beside)))
    if deletes and ctx.chance("forget", options.forget_permille):
        gone_too = [_delete(ctx.part(f"forget.{part.id}"), part, options) for part in parts]
        yield Together(workloads=tuple(gone_too))
    for upload in (*finals, *parts):
        yield from head(ctx, upload)


def _part(ctx: Context, part: UploadPlan, there: list[str]) -> Workload:
    created = yield from create(ctx, part)
    if created:
        there.append(part.id)
        yield from advance(ctx, part)


def _early(ctx: Context, final: UploadPlan, there: list[str], options: Options) -> Workload:
    """As soon as every part has a URL, or a little later."""
    for _ in range(CREATED_POLLS):
        if set(final.info.parts) <= set(there):
            break
        yield Sleep(ms=POLL_MS)
    else:
        return
    yield Sleep(ms=ctx.draw("wait", options.spread_ms + 1))
    yield Send(request=Request(kind="create", upload=final.id, replica=ctx.replica()))


def _join(ctx: Context, final: UploadPlan, options: Options) -> Move[bool]:
    """Ask for the final upload until it is there or refused for good.

    One whose early asking was answered is there already; asking again is what a client does whose answer
    got lost, and makes another upload, of which nobody is told.
    """
    yield Sleep(ms=ctx.draw("wait", options.spread_ms + 1))
    found = yield from head(msgspec.structs.replace(ctx, tries=1), final)
    if found is not None:
        return True
    for failures in range(ctx.tries):
        request = Request(kind="create", upload=final.id, replica=ctx.replica())
        answer: Answer = yield Send(request=request)
        if answer.ok:
            yield from head(ctx, final)
            return True
        if answer.status is not None and answer.status < 500 and answer.status != 423:
            return False
        yield from pause(ctx, failures)
    return False


def _again(ctx: Context, part: UploadPlan, options: Options) -> Workload:
    at = chunks(part)[-1]
    yield from single(patch(ctx, part, at), after_ms=ctx.draw("wait", options.spread_ms + 1))


def _delete(ctx: Context, part: UploadPlan, options: Options) -> Workload:
    request = Request(kind="terminate", upload=part.id, replica=ctx.replica())
    yield from single(Send(request=request), after_ms=ctx.draw("wait", options.spread_ms + 1))


KIND = WorkloadKind(
    name="concatenating",
    says="partial uploads are sent side by side, and joined by a final one",
    run=concatenating,
    options=Options,
    uploads_min=1,
    creates=True,
    needs=("creation", "concatenation", "sequential"),
)

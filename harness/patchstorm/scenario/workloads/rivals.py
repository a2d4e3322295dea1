"""rivals: several uploads with one target, finished at the same moment.

Each upload is sent up to its last chunk; then all last chunks are under way together, at different
replicas. Without ``overwrite`` one of them gets the name and the others are refused, with their
bytes kept; with it every publication is whole and the last one stands. Then some bytes of each arrive once
more. The uploads of this workload have to name one target.
"""

from __future__ import annotations

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Send, Together, Workload
from patchstorm.scenario.options import NoOptions
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, chunks, patch, pause, refused


def rivals(ctx: Context, options: NoOptions) -> Workload:
    parts = [ctx.part(upload.id) for upload in ctx.uploads]
    pairs = list(zip(parts, ctx.uploads, strict=True))
    names = tuple(part.client for part in parts)
    sent = [advance(part, upload, until=_last(upload)) for part, upload in pairs]
    yield Together(workloads=tuple(sent), names=names)
    first = ctx.replica()
    last = [_finish(part, upload, ctx.other(first, i)) for i, (part, upload) in enumerate(pairs)]
    yield Together(workloads=tuple(last), names=names)
    if not ctx.sequential:
        for part, upload in pairs:
            yield from _again(part, upload)


def _again(ctx: Context, upload: UploadPlan) -> Workload:
    """Bytes of an upload whose name may be another's by now: a whole chunk, and what no chunk is."""
    first = chunks(upload)[0]
    yield patch(ctx, upload, first)
    yield patch(ctx, upload, (0, first[1] // 2))


def _last(upload: UploadPlan) -> int:
    """Where the last chunk begins."""
    return chunks(upload)[-1][0] if upload.size else 0


def _finish(ctx: Context, upload: UploadPlan, replica: int) -> Workload:
    at = (_last(upload), upload.size - _last(upload))
    for failures in range(ctx.tries):
        answer = yield patch(ctx, upload, at, replica=ctx.other(replica, failures))
        if answer.ok or answer.status == 409 or refused(answer):
            break
        yield from pause(ctx, failures)
    yield Send(request=Request(kind="query", upload=upload.id, replica=ctx.replica()))


KIND = WorkloadKind(
    name="rivals",
    says="several uploads with one target, finished at the same moment",
    run=rivals,
    uploads_min=2,
    needs=("named-targets",),
)

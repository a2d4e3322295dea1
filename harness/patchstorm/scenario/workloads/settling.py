"""What a client does with an upload that was created without a length: ask, declare, ask again.

Another client may have declared another length meanwhile, and then that one counts: whoever was acknowledged
first has settled it, and what HEAD says is all that the others ever learn of it.
"""

from __future__ import annotations

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Answer, Send
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context
from patchstorm.scenario.workloads.client import Move, advance, patch, pause, refused

Standing = tuple[int, int | None]  # offset, and the length where it is known


def asked(ctx: Context, upload: UploadPlan) -> Move[Standing | None]:
    """How far the upload is, and how long it will be; None if it is gone or nobody answers."""
    for failures in range(ctx.tries):
        answer: Answer = yield Send(
            request=Request(kind="query", upload=upload.id, replica=ctx.replica())
        )
        if answer.ok and answer.end.offset is not None:
            return answer.end.offset, answer.end.upload_length
        if refused(answer):
            return None
        yield from pause(ctx, failures)
    return None


def settled(ctx: Context, upload: UploadPlan) -> Move[int | None]:
    """The length of the upload, which is declared as planned where nobody has declared any."""
    for failures in range(ctx.tries):
        standing = yield from asked(ctx, upload)
        if standing is None:
            return None
        offset, length = standing
        if length is not None:
            return length
        answer: Answer = yield patch(ctx, upload, (offset, 0), declares=max(offset, upload.size))
        if refused(answer):
            return None
        if not answer.ok:
            yield from pause(ctx, failures)
    return None


def finished(ctx: Context, upload: UploadPlan) -> Move[int | None]:
    """Send what is missing up to the length that counts; the offset reached.

    Nobody declares more than a chunk beyond the planned size, so whoever tells such a length gets no more.
    """
    length = yield from settled(ctx, upload)
    if length is None:
        return None
    reached = yield from advance(ctx, upload, until=min(length, upload.size + 2 * upload.chunk))
    return reached

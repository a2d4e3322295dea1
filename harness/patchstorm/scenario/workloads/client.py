"""What a sensible tus client does: the moves that all workloads are made of.

Each is a generator to be used with ``yield from``. The rules: 2xx goes on; 423, 5xx, 507 and no answer
at all are tried again after a pause that grows, a bounded number of times, and after no answer the
client asks HEAD before it believes anything; what is refused for good (``FINAL``) ends the move. 409
means *conflict* where offsets are addressed, and *ask HEAD again*, at once, where they are not.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from patchstorm.dialect.operations import Mischief, Request
from patchstorm.history.model import Checksum
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.actions import Action, Answer, Send, Sleep, Workload
from patchstorm.scenario.contradicting import contradicting
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context

T = TypeVar("T")
Move = Generator[Action, Any, T]
Range = tuple[int, int]  # offset, length

GOOD = Mischief()
GONE = frozenset({403, 404, 410})
FINAL = GONE | {400, 401, 405, 411, 412, 413, 415, 422, 460}
RUSH = (
    3  # so often a refused offset is asked for anew at once: nothing is busy, somebody was faster
)


def chunks(upload: UploadPlan, chunk: int | None = None) -> list[Range]:
    """The upload cut into PATCHes of ``chunk`` bytes (the last may be shorter)."""
    step = chunk or upload.chunk
    return [(at, min(step, upload.size - at)) for at in range(0, upload.size, step)]


def lanes(items: Sequence[T], count: int) -> list[Sequence[T]]:
    """Dealt out to ``count`` connections; no lane is empty."""
    return [items[i::count] for i in range(min(count, len(items)))]


def patch(
    ctx: Context,
    upload: UploadPlan,
    at: Range,
    *,
    content: int = 0,
    replica: int | None = None,
    mischief: Mischief = GOOD,
    checksum: Checksum = "none",
    algorithm: str = "sha256",
    replay_of: int | None = None,
    declares: int | None = None,
) -> Send:
    """One PATCH. Deliveries of the same bytes with the same headers by one client share a name."""
    offset, length = at
    declared = "" if declares is None else f"/of {declares}"
    return Send(
        request=Request(
            kind="append",
            upload=upload.id,
            offset=offset,
            length=length,
            content=content,
            checksum=checksum,
            algorithm=algorithm,
            replica=ctx.replica() if replica is None else replica,
            declares=declares,
        ),
        mischief=mischief,
        replay_of=replay_of,
        delivery=f"{ctx.client}/{upload.id}/{offset}+{length}/{content}/{checksum}{declared}",
    )


def pause(ctx: Context, failures: int) -> Workload:
    """Let time pass before the next try: twice as long each time, with a drawn jitter."""
    base = min(ctx.pause_ms << min(failures, 16), ctx.pause_ms_max)
    yield Sleep(ms=base + base * ctx.draw("jitter", 4) // 4)


def gone(answer: Answer) -> bool:
    """The upload does not exist, or not any longer."""
    return answer.status in GONE or answer.end.error is NoAnswer.NO_URL


def refused(answer: Answer) -> bool:
    """Refused in a way that no retry can change."""
    return answer.status in FINAL or answer.end.error is NoAnswer.NO_URL


def head(ctx: Context, upload: UploadPlan, *, replica: int | None = None) -> Move[int | None]:
    """The committed offset; None if the upload or its name is gone, or nobody answers within the tries."""
    for failures in range(ctx.tries):
        where = ctx.replica() if replica is None else ctx.other(replica, failures)
        request = Request(kind="query", upload=upload.id, replica=where)
        answer: Answer = yield Send(request=request)
        if answer.ok and answer.end.offset is not None:
            return answer.end.offset
        if refused(answer) or answer.status == 409:
            return None
        yield from pause(ctx, failures)
    return None


def in_part(ctx: Context, send: Send) -> Send:
    """A body that contradicts but for a part, in the place of ``send``, whose range was acknowledged."""
    request = contradicting(send.request, lambda what, n: ctx.draw(f"false-{what}", n))
    likeness = f"{request.content}/{request.honest}/{request.inverted}/{request.swapped_at}"
    return replace(send, request=request, delivery=f"{send.delivery}/{likeness}")


def push(
    ctx: Context, upload: UploadPlan, at: Range, *, content: int = 0, replica: int | None = None
) -> Move[Answer | None]:
    """Where offsets are addressed: one range, until it is accepted or refused for good.

    None when the tries are spent. Sending again what may have arrived is harmless there, so no HEAD
    is needed in between.
    """
    for failures in range(ctx.tries):
        where = None if replica is None else ctx.other(replica, failures)
        answer: Answer = yield patch(ctx, upload, at, content=content, replica=where)
        if answer.ok or answer.status == 409 or refused(answer):
            return answer
        yield from pause(ctx, failures)
    return None


def push_all(ctx: Context, upload: UploadPlan, ranges: Iterable[Range]) -> Workload:
    """One range after the other; ends early when the upload is gone."""
    for at in ranges:
        answer = yield from push(ctx, upload, at)
        if answer is not None and gone(answer):
            return


def advance(
    ctx: Context,
    upload: UploadPlan,
    *,
    until: int | None = None,
    chunk: int | None = None,
    content: int = 0,
    replica: int | None = None,
) -> Move[int | None]:
    """The plain tus client: HEAD, then PATCH at the offset, and HEAD again after any failure.

    Goes on to ``until`` (default: the end) and returns the offset reached, or None when the upload is
    gone. It works in both readings; a conflict, where offsets are addressed, ends it. ``replica`` makes
    it stay with one replica.
    """
    end = upload.size if until is None else until
    step = chunk or upload.chunk
    offset = yield from head(ctx, upload, replica=replica)
    best, failures = offset, 0
    while offset is not None and offset < end and failures < ctx.tries:
        at = (offset, min(step, end - offset))
        answer: Answer = yield patch(ctx, upload, at, content=content, replica=replica)
        if answer.ok and answer.end.offset is not None and answer.end.offset > offset:
            offset = answer.end.offset
        elif refused(answer) or (answer.status == 409 and not ctx.sequential):
            return None if gone(answer) else offset
        else:
            failures += 1
            if answer.status != 409 or failures > RUSH:
                yield from pause(ctx, failures)
            offset = yield from head(ctx, upload, replica=replica)
        if offset is not None and best is not None and offset > best:
            best, failures = offset, 0
    return offset


def single(send: Send, *, after_ms: int = 0) -> Workload:
    """One request, possibly later: a part for ``Together``."""
    if after_ms:
        yield Sleep(ms=after_ms)
    answer: Answer = yield send
    return answer


def racing(ctx: Context, upload: UploadPlan, connections: int) -> list[Workload]:
    """The sequential reading of anything parallel: several clients PATCH at the current offset."""
    parts = [ctx.part(i) for i in range(connections)]
    return [advance(part, upload, replica=part.replica()) for part in parts]


def one_by_one(sends: Iterable[Send]) -> Move[list[Answer]]:
    """Requests in a row, whatever becomes of each."""
    answers = []
    for send in sends:
        answer: Answer = yield send
        answers.append(answer)
    return answers

"""checksums: right, wrong, malformed and missing ones, and algorithms that nobody knows.

Each chunk is first sent with a bad checksum of a drawn kind (``bad`` may fix it), which has to be
refused and to leave no trace: HEAD afterwards says what it said before. Then it is sent with a
right one, or, at the seed's choice, with none.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from patchstorm.history.model import Checksum
from patchstorm.scenario.actions import Answer, Workload
from patchstorm.scenario.options import permille, words
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import (
    Range,
    advance,
    chunks,
    gone,
    head,
    patch,
    pause,
    refused,
)

_BAD: tuple[Checksum, ...] = ("wrong", "malformed", "unknown-algorithm")
_PREFIX = "checksum-"


class Options(msgspec.Struct, frozen=True):
    bad: Annotated[
        Literal["any", "wrong", "malformed", "unknown-algorithm"], words("what the bad ones are")
    ] = "any"
    bad_permille: Annotated[int, permille("how many chunks are first sent with a bad one")] = 700
    missing_permille: Annotated[int, permille("how many chunks are then sent without one")] = 200


def checksums(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        if ctx.sequential:
            yield from _at_the_offset(ctx, upload, options)
        else:
            for at in ctx.shuffled(chunks(upload)):
                answer = yield from _refused_then_sent(ctx, upload, at, options)
                if answer is None or gone(answer):
                    break
        yield from head(ctx, upload)


def algorithms(capabilities: frozenset[str]) -> list[str]:
    """What the target announces, in a fixed order; sha1 is the one that tus demands."""
    return sorted(word.removeprefix(_PREFIX) for word in capabilities if word.startswith(_PREFIX))


def _refused_then_sent(ctx: Context, upload: UploadPlan, at: Range, options: Options) -> Workload:
    known = algorithms(ctx.capabilities)
    algorithm = known[ctx.draw("algorithm", len(known))]
    if ctx.chance("bad", options.bad_permille):
        kind = _BAD[ctx.draw("kind", len(_BAD))] if options.bad == "any" else options.bad
        named = "nonesuch" if kind == "unknown-algorithm" else algorithm
        yield patch(ctx, upload, at, checksum=kind, algorithm=named)
        yield from head(ctx, upload)
    good: Checksum = "none" if ctx.chance("missing", options.missing_permille) else "right"
    for failures in range(ctx.tries):
        answer: Answer = yield patch(ctx, upload, at, checksum=good, algorithm=algorithm)
        if answer.ok or answer.status == 409 or refused(answer):
            return answer
        yield from pause(ctx, failures)
    return None


def _at_the_offset(ctx: Context, upload: UploadPlan, options: Options) -> Workload:
    offset = yield from head(ctx, upload)
    failures = 0
    while offset is not None and offset < upload.size and failures < ctx.tries:
        at = (offset, min(upload.chunk, upload.size - offset))
        yield from _refused_then_sent(ctx, upload, at, options)
        reached = yield from head(ctx, upload)
        failures = 0 if reached is not None and reached > offset else failures + 1
        offset = reached
    yield from advance(ctx, upload)


KIND = WorkloadKind(
    name="checksums",
    says="right, wrong, malformed and missing checksums, and unknown algorithms",
    run=checksums,
    options=Options,
)

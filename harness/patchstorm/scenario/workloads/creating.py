"""creating: clients create their own uploads, and the creation carries the first bytes.

Each POST has the first ``first_permille`` of a chunk in its body (creation-with-upload); the offset of
the answer says how much was kept, and the client goes on from HEAD. When no answer comes the client
creates anew, since it has no URL to ask.

Of ``refused_permille`` of the uploads the first creation carries bytes that have to be refused (a wrong
checksum): nothing may come of it. ``minted_permille`` of them are not created at all: a manager has minted
their URLs, and the first requests, at several replicas at once, make them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.dialect.operations import Request
from patchstorm.scenario.actions import Answer, Mint, Send, Together, Workload
from patchstorm.scenario.options import permille
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import Move, advance, head, pause


class Options(msgspec.Struct, frozen=True):
    first_permille: Annotated[int, permille("the share of a chunk that the creation carries")] = (
        1000
    )
    refused_permille: Annotated[
        int, permille("how many uploads are first created with bytes that must be refused")
    ] = 0
    minted_permille: Annotated[
        int, permille("how many uploads begin with a minted URL, where the target serves them")
    ] = 0


def creating(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        length = min(upload.chunk, upload.size) * options.first_permille // 1000
        if "minted-urls" in ctx.capabilities and ctx.chance("minted", options.minted_permille):
            yield from _minted(ctx, upload)
            continue
        if ctx.chance("refused", options.refused_permille):
            yield from _refused(ctx, upload, min(upload.chunk, upload.size))
        created = yield from create(ctx, upload, carried=length)
        if created:
            yield from advance(ctx, upload)
            yield from head(ctx, upload)


def _minted(ctx: Context, upload: UploadPlan) -> Workload:
    """The first requests meet: one asks where the upload stands, the other begins to send it."""
    yield Mint(upload=upload.id)
    first = ctx.replica()
    parts = [ctx.part(f"{upload.id}.{i}") for i in range(2)]
    asking = head(parts[0], upload, replica=first)
    yield Together(workloads=(asking, advance(parts[1], upload, replica=ctx.other(first))))
    yield from advance(ctx, upload)
    yield from head(ctx, upload)


def _refused(ctx: Context, upload: UploadPlan, length: int) -> Workload:
    """A creation whose body has not the checksum that it announces."""
    known = ("sha256", "sha1", "sha512", "md5")
    algorithm = next((one for one in known if f"checksum-{one}" in ctx.capabilities), None)
    if algorithm is None or not length:
        return
    request = Request(
        kind="create",
        upload=upload.id,
        length=length,
        whole=True,
        checksum="wrong",
        algorithm=algorithm,
        replica=ctx.replica(),
    )
    yield Send(request=request)


def create(ctx: Context, upload: UploadPlan, *, carried: int | None = None) -> Move[bool]:
    """POST until the upload exists; ``carried`` bytes go along. False when the tries are spent."""
    for failures in range(ctx.tries):
        request = Request(
            kind="create",
            upload=upload.id,
            length=carried or 0,
            whole=carried is not None,
            replica=ctx.replica(),
        )
        answer: Answer = yield Send(request=request)
        if answer.ok:
            return True
        if answer.status is not None and answer.status < 500 and answer.status != 423:
            return False
        yield from pause(ctx, failures)
    return False


KIND = WorkloadKind(
    name="creating",
    says="clients create their own uploads, and the creation carries the first bytes",
    run=creating,
    options=Options,
    creates=True,
    needs=("creation-with-upload",),
)

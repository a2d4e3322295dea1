"""sequential: one client after the manner of tus-js-client.

HEAD, PATCH at the offset, the next PATCH at the offset of the answer; after any failure a pause, HEAD
and on from there. Both readings are the same. Each request goes to a replica of the balancer's
choice, or with ``sticky`` the client stays with one.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Workload
from patchstorm.scenario.options import flag
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, head


class Options(msgspec.Struct, frozen=True):
    sticky: Annotated[bool, flag("stay with one replica")] = False


def sequential(ctx: Context, options: Options) -> Workload:
    for upload in ctx.uploads:
        replica = ctx.replica() if options.sticky else None
        yield from advance(ctx, upload, replica=replica)
        yield from head(ctx, upload)


KIND = WorkloadKind(
    name="sequential",
    says="one client: HEAD, PATCH, and resume after any failure",
    run=sequential,
    options=Options,
)

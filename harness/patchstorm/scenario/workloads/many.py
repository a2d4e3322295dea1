"""many: a crowd of uploads at once, for load and fairness.

``at_once`` clients work through the uploads, each like a plain tus client against replicas of the
balancer's choice. Every upload has to be finished; none may starve.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec

from patchstorm.scenario.actions import Together, Workload
from patchstorm.scenario.options import count
from patchstorm.scenario.plan import UploadPlan
from patchstorm.scenario.workloads.base import Context, WorkloadKind
from patchstorm.scenario.workloads.client import advance, lanes


class Options(msgspec.Struct, frozen=True):
    at_once: Annotated[int, count(1, 512, "how many uploads are under way at once")] = 32


def many(ctx: Context, options: Options) -> Workload:
    dealt = lanes(ctx.shuffled(ctx.uploads), options.at_once)
    yield Together(workloads=tuple(_lane(ctx.part(i), lane) for i, lane in enumerate(dealt)))


def _lane(ctx: Context, uploads: Sequence[UploadPlan]) -> Workload:
    for upload in uploads:
        yield from advance(ctx, upload)


KIND = WorkloadKind(
    name="many",
    says="a crowd of uploads at once, for load and fairness",
    run=many,
    options=Options,
)

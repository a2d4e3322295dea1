"""The workloads: who sends what. One module each; this table is the only list of them."""

from __future__ import annotations

from patchstorm.scenario.workloads import (
    abandoning,
    checksums,
    concatenating,
    conflicting,
    conformance,
    creating,
    crowding,
    deferring,
    empty,
    expiring,
    late,
    many,
    overlapping,
    parallel,
    program,
    relieving,
    replaying,
    resuming,
    retrying,
    rivals,
    sequential,
    stalling,
    terminating,
    truncated,
)
from patchstorm.scenario.workloads.base import WorkloadKind

_MODULES = (
    sequential,
    parallel,
    replaying,
    retrying,
    conflicting,
    overlapping,
    truncated,
    checksums,
    empty,
    creating,
    deferring,
    concatenating,
    resuming,
    late,
    expiring,
    rivals,
    terminating,
    relieving,
    stalling,
    crowding,
    abandoning,
    many,
    program,
    conformance,
)

WORKLOADS: dict[str, WorkloadKind] = {module.KIND.name: module.KIND for module in _MODULES}

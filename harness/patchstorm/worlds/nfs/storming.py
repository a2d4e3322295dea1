"""The job "storm": one storm in this guest, its history told line by line as it is written."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from patchstorm.errors import PatchstormError
from patchstorm.live.aftermath import Aftermath
from patchstorm.live.fleet import running
from patchstorm.live.run import run_live
from patchstorm.live.stage import Stage, ready
from patchstorm.live.storage import Storage, UnavailableStorage
from patchstorm.live.suits import reason_to_skip
from patchstorm.run.outcome import Outcome
from patchstorm.scenario.faults import within
from patchstorm.scenario.plan import FaultPlan, Plan
from patchstorm.target.model import Target
from patchstorm.worlds.nfs.abilities import NfsAbilities
from patchstorm.worlds.nfs.init import BASE
from patchstorm.worlds.nfs.site import Site
from patchstorm.worlds.nfs.storage import opened

WORLD: Final = "nfs"
SLOWNESS: Final = 4
STORM_S_MAX: Final = 600.0
LOG_BYTES_MAX: Final = 1 << 20
Say = Callable[[dict[str, Any]], None]


class _Sink:
    """A history's file, as far as a recorder knows."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def write(self, line: bytes) -> int:
        self._say({"record": line.decode()})
        return len(line)


async def storm(site: Site, order: dict[str, Any], say: Say) -> dict[str, Any]:
    """Run ``order["plan"]`` against ``order["target"]``; what it came to, without the history."""
    plan = msgspec.json.decode(order["plan"], type=Plan)
    target = _patient(msgspec.json.decode(order["target"], type=Target))
    if target.companion is not None:
        raise UnavailableStorage(
            f"{target.name} has a companion, and client hosts reach nothing but the file server"
        )
    after = None if order["after"] is None else msgspec.convert(order["after"], Aftermath)
    logs = Path(BASE, "logs")
    shutil.rmtree(logs, ignore_errors=True)
    try:
        outcome = await run_live(
            plan, target, out_dir=logs, storage=order["storage"],
            stage=_stage(site, plan, say, order["secret"], again=after is not None),
            sink=_Sink(say),  # type: ignore[arg-type]
            after=after,
        )  # fmt: skip
    except PatchstormError:
        _tell_logs(logs, say)
        raise
    _tell_logs(logs, say)
    return _told(outcome)


def _patient(target: Target) -> Target:
    """The same target, given the time that it needs in a guest, where a process starts slowly."""
    replace = msgspec.structs.replace
    ready = replace(target.ready, within_ms=target.ready.within_ms * SLOWNESS)
    wire = replace(target.wire, request_ms=target.wire.request_ms * SLOWNESS)
    start = replace(target.start, stop_ms=target.start.stop_ms * SLOWNESS)
    return replace(target, ready=ready, wire=wire, start=start)


def _stage(site: Site, plan: Plan, say: Say, secret: str, *, again: bool) -> Stage:
    def storage(spec: str, _: Plan, __: Target) -> AbstractAsyncContextManager[Storage]:
        return opened(site, spec, plan.replicas, on_disk=loses_power(plan), keep_disk=again)

    def lights_out(fault: FaultPlan) -> NoReturn:
        say({"power": fault.id})
        while True:
            signal.pause()

    return Stage(
        name=WORLD,
        abilities=partial(NfsAbilities, lights_out=lights_out),
        unsuited=lambda plan, target, _: reason_to_skip(
            plan, target, within(NfsAbilities), bounded=True
        ),
        prepare=ready,
        opened=storage,
        running=partial(running, secret=secret),
        storm_s_max=STORM_S_MAX,
    )


def loses_power(plan: Plan) -> bool:
    """Whether the server, and with it the whole guest, may lose power in this storm."""
    return any(
        fault.kind == "power-loss" and fault.whom in ("storage", "all") for fault in plan.faults
    )


def _tell_logs(logs: Path, say: Say) -> None:
    for log in sorted(logs.glob("*.log")):
        text = log.read_bytes()[-LOG_BYTES_MAX:].decode("utf-8", "replace")
        say({"log": log.name, "text": text})


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "notes": list(outcome.notes),
        "idle": list(outcome.idle),
        "missed": list(outcome.missed),
        "unknown": outcome.unknown,
        "skipped": outcome.skipped,
        "seconds": outcome.seconds,
    }

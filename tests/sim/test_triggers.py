"""A call that a fault waits for: every name that a store's author would use means the calls there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from patchstorm.choice.strategy import Dull
from patchstorm.history.events import Fault
from patchstorm.scenario.faults import OPS
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.worlds.sim.able import reason_to_skip
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.shims import Process
from patchstorm.worlds.sim.triggers import CALLS
from patchstorm.worlds.sim.whole import Request, Response, WholeRequests
from patchstorm.worlds.sim.workers import Workers

from .conftest import naive_subject, small_plan

Calls = Callable[[Any, Any, str], object]


def _with_file(do: Callable[[Any, int], object]) -> Calls:
    def calls(os: Any, _: Any, path: str) -> None:
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        do(os, fd)
        os.close(fd)

    return calls


def _lock(os: Any, fcntl: Any, path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.close(fd)


def _moved(call: str) -> Calls:
    def calls(os: Any, _: Any, path: str) -> None:
        os.open(path + ".new", os.O_RDWR | os.O_CREAT)
        getattr(os, call)(path + ".new", path)

    return calls


def _linked(os: Any, _: Any, path: str) -> None:
    os.open(path + ".new", os.O_RDWR | os.O_CREAT)
    os.unlink(path)
    os.link(path + ".new", path)


def _folder(os: Any, _: Any, path: str) -> None:
    os.unlink(path)
    os.mkdir(path)
    os.listdir(path)
    os.rmdir(path)


WAYS: dict[str, tuple[Calls, ...]] = {
    "open": (_with_file(lambda os, fd: None),),
    "read": (
        _with_file(lambda os, fd: os.read(fd, 1)),
        _with_file(lambda os, fd: os.pread(fd, 1, 0)),
    ),
    "write": (
        _with_file(lambda os, fd: os.write(fd, b"x")),
        _with_file(lambda os, fd: os.pwrite(fd, b"x", 0)),
    ),
    "pwrite": (_with_file(lambda os, fd: os.pwrite(fd, b"x", 0)),),
    "fsync": (_with_file(lambda os, fd: os.fsync(fd)),),
    "fdatasync": (_with_file(lambda os, fd: os.fdatasync(fd)),),
    "close": (_with_file(lambda os, fd: None),),
    "truncate": (
        _with_file(lambda os, fd: os.ftruncate(fd, 0)),
        lambda os, _, path: os.truncate(path, 0),
    ),
    "stat": (
        _with_file(lambda os, fd: os.fstat(fd)),
        lambda os, _, path: os.stat(path),
        lambda os, _, path: os.lstat(path),
    ),
    "replace": (_moved("replace"),),
    "rename": (_moved("rename"),),
    "link": (_linked,),
    "unlink": (lambda os, _, path: os.unlink(path),),
    "mkdir": (_folder,),
    "rmdir": (_folder,),
    "listdir": (_folder, lambda os, _, path: (os.unlink(path), os.mkdir(path), os.scandir(path))),
    "flock": (_lock,),
}


def test_no_name_that_a_storm_may_use_is_without_its_calls() -> None:
    assert set(OPS) == CALLS.keys() == WAYS.keys()


@pytest.mark.parametrize(("op", "way"), [(op, i) for op in OPS for i in range(len(WAYS[op]))])
def test_the_call_is_seen_whichever_way_it_is_made(op: str, way: int) -> None:
    subject = beside(WAYS[op][way])
    fault = FaultPlan(
        id="pause-0.0", kind="pause", whom="replica", replica=0, for_ms=1,
        trigger=Trigger(kind="path", path="looked-at-*", op=op),
    )  # fmt: skip
    plan = msgspec.structs.replace(small_plan(subject, kind="sequential"), faults=(fault,))
    ran = run_schedule(plan, subject, Dull(), Workers())
    events = [event for event in ran.history.events if isinstance(event, Fault)]
    assert [event.id for event in events if not event.ends] == ["pause-0.0"]
    elsewhere = msgspec.structs.replace(fault, trigger=Trigger(kind="path", path="no-*", op=op))
    plan = msgspec.structs.replace(plan, faults=(elsewhere,))
    ran = run_schedule(plan, subject, Dull(), Workers())
    assert not [event for event in ran.history.events if isinstance(event, Fault)]


def beside(calls: Calls) -> Subject:
    """The naive store, which makes ``calls`` on a file of their own before each PATCH."""
    naive = naive_subject(locked=True)

    def build(port: SimPort, root: str) -> WholeRequests:
        process = Process(port)
        os, fcntl = process.module("os"), process.module("fcntl")
        store = naive.build(port, root)
        assert isinstance(store, WholeRequests)
        handle = store._handle
        count = itertools.count()

        def first(request: Request) -> Response:
            if request.method == "PATCH":
                path = f"{root}/looked-at-{os.getpid()}-{next(count)}"
                os.close(os.open(path, os.O_RDWR | os.O_CREAT))
                calls(os, fcntl, path)
            return handle(request)

        return WholeRequests(first)

    return replace(naive, build=build)


def test_a_phase_that_shows_by_writes_alone_is_refused_with_what_would_match(
    reference: Subject,
) -> None:
    plan = small_plan(reference, more='[[fault]]\nkind = "crash"\nwhen = { phase = "receiving" }\n')
    assert reason_to_skip(plan, reference) is None
    written = msgspec.structs.replace(reference.target, phases={"receiving": ("~{published}",)})
    reason = reason_to_skip(plan, replace(reference, target=written))
    assert reason is not None
    assert reason.endswith("does not watch; name a path that appears or vanishes")

"""A failure that the simulator found, as ``run`` leaves it, and histories by hand."""

from __future__ import annotations

from patchstorm.check.model import Finding, Range
from patchstorm.history.events import Event, Fault, Phase, Refusal, Step
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Invocation,
    Operation,
    RequestHead,
    Run,
    UploadInfo,
)
from patchstorm.report.show.page import Shown

WILD = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u2028<!--"


def header(**changes: object) -> Header:
    given: dict[str, object] = {
        "scenario": "s", "seed": 1, "world": "sim", "storage": "tmpfs", "target": "t", "capabilities": (),
        "reading": "sequential", "replicas": 2, "clock": "virtual",
        "uploads": (UploadInfo(id="u0", size=32, target="u0.bin"),),
    }  # fmt: skip
    return Header(**{**given, **changes})  # type: ignore[arg-type]


def operation(
    op: int, begin: int, end: int | None, *, client: str = "c0", **more: object
) -> Operation:
    """A PATCH of 16 bytes at 0 that was accepted, save for what is given."""
    told = {"kind": "append", "upload": "u0", "replica": 0, "offset": 0, "length": 16, **more}
    head = RequestHead(method="PATCH", path=f"/files/{WILD}", headers=(("Upload-Offset", "0"),))
    call = Invocation(op=op, time_ns=begin, client=client, request=head, **told)  # type: ignore[arg-type]
    if end is None:
        return Operation(call=call, end=None)
    told_back = {"op": op, "time_ns": end, "outcome": "ok", "status": 204, "offset": 16, "sent": 16}
    done = Completion(headers={"x-said": WILD}, **told_back)  # type: ignore[arg-type]
    return Operation(call=call, end=done)


def step(number: int, call: str, path: str, *, task: str = "c0#0", **more: object) -> Step:
    return Step(
        time_ns=number * 10, replica=0, call=call, path=path, task=task, step=number, **more
    )  # type: ignore[arg-type]


def by_hand(*events: Event, operations: tuple[Operation, ...] = ()) -> History:
    whole = operations or (
        operation(0, 5, 500),
        operation(1, 8, None, client="c1", replica=1, replay_of=0),
    )
    final = Final(upload="u0", present=True, size=48, runs=(
        Run(offset=0, length=16, content=0, source_offset=0),
        Run(offset=16, length=16, content=0, source_offset=0),
        Run(offset=32, length=16, zero=True),
    ))  # fmt: skip
    return History(header=header(), operations=whole, events=events, finals={"u0": final})


def wild() -> Shown:
    """A failure in which everything that a server or a scenario may name is markup."""
    events = (
        Phase(time_ns=1, phase=WILD),
        step(2, "open", WILD, result=WILD),
        Fault(time_ns=30, replica=0, fault=WILD, path=WILD),
        Refusal(time_ns=40, op=0, body=WILD),
    )
    finding = Finding(checker="bytes", summary=WILD, upload="u0", ranges=(Range(offset=16, length=16),),
                      operations=(0,), story=(f"-> op 0 {WILD}",))  # fmt: skip
    return Shown(
        title=WILD, findings=(finding,), story=(WILD,), told=(f"-> op 0 {WILD}",), command=WILD,
        facts=((WILD, WILD),), history=by_hand(*events),
    )  # fmt: skip

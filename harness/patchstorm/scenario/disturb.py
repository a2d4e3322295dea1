"""Network faults, put on a workload from outside: any workload can be run under any of them.

:class:`Network` wraps a generator and everything it starts. It counts the PATCHes that come by, and
when a fault is due it changes that one delivery: mischief on the connection, a pause before it, a second
delivery beside it. A delivery that is already under mischief of its own is left alone, and the fault
waits for the next.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser
from patchstorm.dialect.operations import Mischief
from patchstorm.scenario.actions import Action, Answer, Send, Sleep, Together, Workload
from patchstorm.scenario.plan import FaultPlan
from patchstorm.scenario.wrapping import wrapped

_GOOD = Mischief()


def _is_append(send: Send) -> bool:
    return send.request.kind == "append"


class Network:
    """The network faults of one run; shared by all of its workloads."""

    def __init__(self, faults: Sequence[FaultPlan], chooser: Chooser, replicas: int) -> None:
        self._due = list(faults)
        self._chooser = chooser
        self._replicas = replicas
        self._requests = 0
        self._bytes = 0
        self._held_back: list[FaultPlan] = []  # one entry for each request still to be reordered

    def around(self, workload: Workload) -> Workload:
        """``workload``, with the faults on its deliveries. It ends and returns as it would alone."""
        return wrapped(workload, _is_append, self._delivered)

    def _delivered(self, send: Send) -> Generator[Action, Any, Any]:
        fault = self._fault_for(send)
        self._requests += 1
        self._bytes += send.request.length
        if fault is None:
            return (yield send)
        marked = replace(send, faults=(*send.faults, fault.kind))
        if fault.kind in ("delay", "reordering"):
            yield from self._pause(fault)
            return (yield marked)
        if fault.kind == "duplicate":
            return (yield from self._twice(send, marked, fault))
        return (yield replace(marked, mischief=_mischief(fault, send.request.length)))

    def _fault_for(self, send: Send) -> FaultPlan | None:
        if send.mischief != _GOOD:
            return None
        if self._held_back:
            return self._held_back.pop()
        for fault in self._due:
            if self._reached(fault):
                self._due.remove(fault)
                if fault.kind == "reordering":
                    self._held_back = [fault] * (int(fault.options.get("window", 4)) - 1)
                return fault
        return None

    def _reached(self, fault: FaultPlan) -> bool:
        trigger = fault.trigger
        if trigger.after_bytes is not None:
            return self._bytes >= trigger.after_bytes
        return self._requests >= (trigger.after_requests or 0)

    def _pause(self, fault: FaultPlan) -> Generator[Action, Any, None]:
        ms = fault.for_ms or 0
        if fault.kind == "reordering":
            ms = ms * self._chooser.draw(f"reorder/{fault.id}", 5) // 4
        if ms:
            yield Sleep(ms=ms)

    def _twice(self, send: Send, marked: Send, fault: FaultPlan) -> Generator[Action, Any, Answer]:
        """Both deliveries under way together; the client hears the first one's answer."""
        name = send.delivery or f"duplicate/{fault.id}"
        request = send.request
        if request.replica is not None:
            request = replace(request, replica=(request.replica + 1) % self._replicas)
        first = _only(replace(send, delivery=name), 0)
        second = _only(replace(marked, delivery=name, request=request), fault.for_ms or 0)
        answers: list[Answer] = yield Together(workloads=(first, second))
        return answers[0]


def _mischief(fault: FaultPlan, length: int) -> Mischief:
    if fault.kind == "request-lost":
        return Mischief(lose_request=True)
    if fault.kind == "response-lost":
        return Mischief(drop_response=True)
    share = int(fault.options.get("at_permille", 500))
    return Mischief(cut_after=min(length * share // 1000, max(0, length - 1)))


def _only(send: Send, after_ms: int) -> Workload:
    if after_ms:
        yield Sleep(ms=after_ms)
    answer: Answer = yield send
    return answer

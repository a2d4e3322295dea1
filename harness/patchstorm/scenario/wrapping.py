"""A workload whose deliveries are taken over from outside, by the network's faults or by modifiers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from patchstorm.scenario.actions import Action, Send, Together, Workload


def wrapped(
    workload: Workload,
    wanted: Callable[[Send], bool],
    deliver: Callable[[Send], Generator[Action, Any, Any]],
) -> Workload:
    """``workload``, with ``deliver`` in the place of each delivery that is ``wanted``.

    It ends and returns as it would alone, and so do the parts of what it does together.
    """

    def carried_out(action: Action) -> Generator[Action, Any, Any]:
        if isinstance(action, Together):
            parts = tuple(wrapped(part, wanted, deliver) for part in action.workloads)
            return (yield Together(workloads=parts, names=action.names))
        if isinstance(action, Send) and wanted(action):
            return (yield from deliver(action))
        return (yield action)

    result: Any = None
    try:
        while True:
            try:
                action = workload.send(result)
            except StopIteration as stop:
                return stop.value
            result = yield from carried_out(action)
    finally:
        workload.close()

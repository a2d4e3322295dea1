"""Where two runs of one schedule differ, in words: what leaked into the simulator."""

from __future__ import annotations

from typing import Any

from patchstorm.worlds.sim.outcome import SimOutcome


def difference(first: list[Any], second: list[Any]) -> str | None:
    for a, b in zip(first, second, strict=False):
        mine = (a.task, a.local, a.call, a.path, a.result)
        other = (b.task, b.local, b.call, b.path, b.result)
        if mine != other:
            return (
                f"at step {a.step} the first run had {a.task} {a.call} {a.path} -> {a.result}, the "
                f"second {b.task} {b.call} {b.path} -> {b.result}"
            )
    if len(first) != len(second):
        return f"one run made {len(first)} file-system calls, the other {len(second)}"
    return None


def records_differ(first: SimOutcome, second: SimOutcome) -> str:
    for a, b in zip(first.recorder.records, second.recorder.records, strict=False):
        if a != b:
            return f"one history has {a!r}, the other {b!r}"
    for x, y in zip(first.choices, second.choices, strict=False):
        if x != y:
            return f"one run chose {x}, the other {y}"
    return "one run recorded more than the other"

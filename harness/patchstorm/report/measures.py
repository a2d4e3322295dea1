"""How long requests took and how much went through, from the history of one run of real processes.

Times are milliseconds since the first request; bytes count where an answer acknowledged them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from patchstorm.history.events import Fault, Phase
from patchstorm.history.model import History, Operation

BINS: Final = 48
NS_PER_MS: Final = 1e6
Ending = Literal["done", "refused", "unanswered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One request: when it was sent, how long it took, and how it ended."""

    at_ms: float
    took_ms: float
    ended: Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class Struck:
    """A fault, from when until when it lasted; ``end_ms`` is the same as ``at_ms`` for a blow."""

    at_ms: float
    end_ms: float
    fault: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run. ``flow`` has for each of BINS equal parts of ``span_ms`` the bytes acknowledged in it.

    ``healed_ms`` is when the storm was over and the fleet whole again; None where nobody noted it.
    """

    span_ms: float
    dots: tuple[Dot, ...]
    flow: tuple[int, ...]
    faults: tuple[Struck, ...]
    healed_ms: float | None

    def took_ms(self, share: float) -> float:
        """Within what time so large a share of the answered requests was answered; 0 where none was."""
        times = sorted(dot.took_ms for dot in self.dots if dot.ended != "unanswered")
        return times[min(len(times) - 1, int(share * len(times)))] if times else 0.0

    @property
    def unanswered(self) -> int:
        """How many requests got no answer."""
        return sum(dot.ended == "unanswered" for dot in self.dots)

    @property
    def bytes_acknowledged(self) -> int:
        """How many bytes were acknowledged in all."""
        return sum(self.flow)


def measured(history: History) -> Measured | None:
    """The measures of a run; None where no request of it ended."""
    ended = [(one, one.end) for one in history.operations if one.end is not None]
    if not ended:
        return None
    began_ns = min(one.call.time_ns for one, _ in ended)

    def since(time_ns: int) -> float:
        return max(0.0, (time_ns - began_ns) / NS_PER_MS)

    span_ms = max(since(end.time_ns) for _, end in ended) or 1.0
    dots = tuple(
        Dot(
            at_ms=since(one.call.time_ns),
            took_ms=(end.time_ns - one.call.time_ns) / NS_PER_MS,
            ended=_ending(one),
        )
        for one, end in ended
    )
    flow = [0] * BINS
    for one, end in ended:
        if one.call.kind == "append" and end.outcome == "ok":
            flow[min(BINS - 1, int(since(end.time_ns) / span_ms * BINS))] += one.call.length or 0
    healed = [
        since(event.time_ns)
        for event in history.events
        if isinstance(event, Phase) and event.phase == "heal"
    ]
    return Measured(
        span_ms=span_ms,
        dots=dots,
        flow=tuple(flow),
        faults=tuple(_faults([one for one in history.events if isinstance(one, Fault)], since)),
        healed_ms=healed[0] if healed else None,
    )


def _ending(one: Operation) -> Ending:
    assert one.end is not None
    if one.end.status is None:
        return "unanswered"
    return "done" if one.end.outcome == "ok" else "refused"


def _faults(events: Sequence[Fault], since: Callable[[int], float]) -> list[Struck]:
    """Each fault with its end: one that ends closes the latest of its kind on its replica."""
    struck: list[Struck] = []
    under_way: dict[tuple[str, int | None], list[int]] = {}
    for event in events:
        at, key = since(event.time_ns), (event.fault, event.replica)
        if event.ends:
            began = under_way.get(key)
            if began:
                place = began.pop()
                struck[place] = replace(struck[place], end_ms=at)
            continue
        under_way.setdefault(key, []).append(len(struck))
        struck.append(Struck(at_ms=at, end_ms=at, fault=event.fault))
    return struck

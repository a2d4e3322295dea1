"""A failure for a trace viewer: Trace Event Format, as https://ui.perfetto.dev opens it.

The format is JSON (Trace Event Format, Google, 2016; Perfetto, "External trace formats"): ``X`` are spans,
``i`` instants, ``M`` names of tracks, ``s`` and ``f`` the two ends of an arrow. Spans of one track must lie
within one another or apart. Requests of one client or replica do neither, so a request gets the first track
of its client, and of its replica, that is free. What is of no request lies on the replica's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import msgspec

from patchstorm.report.show.marks import marks
from patchstorm.report.show.model import Lane, Request, Row, Timeline
from patchstorm.report.show.page import Shown
from patchstorm.report.show.timeline import laid_out

NS_PER_US: Final = 1000
GROUPS: Final = ("storm", "client", "replica", "storage", "fault")
"""The processes of the trace, in the order in which they are to be seen; their numbers count from 1."""
_NAMES: Final = {"client": "clients", "replica": "replicas", "fault": "faults"}
TRACKS_MAX: Final = 100_000
"""Tracks of a process count from this many times its number: one that had its number would be taken for its
main thread, and come first."""
STORM: Final = (1, TRACKS_MAX)
"""The track of what is nobody's: phases, and what befell the harness."""
Track = tuple[int, int]
Event = dict[str, Any]


def trace(shown: Shown) -> bytes:
    """The trace of a failure as one JSON object."""
    timeline = laid_out(shown.history, list(marks(shown.told)), shown.step_ns)
    return (
        msgspec.json.encode(
            {
                "traceEvents": events(timeline),
                "displayTimeUnit": "ns",
                "otherData": {**dict(shown.facts), "title": shown.title, "replay": shown.command},
            }
        )
        + b"\n"
    )


def events(timeline: Timeline) -> list[Event]:
    """Names first, then everything in the order of its time."""
    return list(_Trace(timeline).events())


@dataclass(slots=True)
class _Rank:
    """The tracks of one lane on which requests, or faults, lie. ``free_at``: when each is free again."""

    lane: str
    free_at: list[int] = field(default_factory=list)

    def taken(self, begin: int, end: int) -> int:
        """Which track is free from ``begin`` on; it is until ``end`` no more."""
        for place, free in enumerate(self.free_at):
            if free <= begin:
                self.free_at[place] = end
                return place
        self.free_at.append(end)
        return len(self.free_at) - 1


class _Trace:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._rows = timeline.rows
        self._last = max((row.at for row in timeline.rows), default=0)
        self._ranks: dict[tuple[str, int], _Rank] = {}
        self._tracks: dict[tuple[str, str], Track] = {}
        self._of_op: dict[int, tuple[Track, int, int]] = {}
        self._flows = 0

    def events(self) -> Iterator[Event]:
        for lane in self._timeline.lanes:
            self._track(lane.kind, lane.name)
        found = [*self._requests(), *self._faults(), *self._instants(), *self._causes()]
        yield from self._named()
        # Of one moment: spans before what lies on them and before arrows, which end in them.
        rank = {"X": 0, "i": 1, "s": 2, "f": 3}
        yield from sorted(found, key=lambda one: (one["ts"], rank[one["ph"]]))

    # ---- tracks

    def _track(self, group: str, name: str) -> Track:
        if (group, name) not in self._tracks:
            place = sum(of == group for of, _ in self._tracks)
            number = GROUPS.index(group) + 1
            self._tracks[group, name] = (number, number * TRACKS_MAX + place)
        return self._tracks[group, name]

    def _free(self, group: str, lane: int, name: str, begin: int, end: int) -> Track:
        """A track on which nothing lies from ``begin`` to ``end``."""
        place = self._ranks.setdefault((group, lane), _Rank(name)).taken(begin, end)
        more = "" if place == 0 else f" ({place + 1})"
        return self._track(group, f"{name}{more}")

    def _named(self) -> Iterator[Event]:
        for number, group in enumerate(GROUPS, 1):
            if group == "storm" or any(of == group for of, _ in self._tracks):
                yield _meta("process_name", number, 0, name=_NAMES.get(group, group))
                yield _meta("process_sort_index", number, 0, sort_index=number)
        yield _meta("thread_name", *STORM, name="phases")
        for place, name in enumerate(sorted(self._tracks, key=self._place)):
            yield _meta("thread_name", *self._tracks[name], name=name[1])
            yield _meta("thread_sort_index", *self._tracks[name], sort_index=place)

    def _place(self, track: tuple[str, str]) -> tuple[int, int, str]:
        """Tracks of one lane beside one another, in the order of lanes."""
        group, name = track
        lanes = [lane.name for lane in self._timeline.lanes]
        owner = name.partition(", request")[0].partition(" (")[0]
        place = lanes.index(owner) if owner in lanes else len(lanes)
        return GROUPS.index(group), place, name

    # ---- what lies on them

    def _at(self, row: int) -> int:
        return self._last if row < 0 else self._rows[row].at

    def _lane(self, number: int) -> Lane | None:
        return self._timeline.lanes[number] if number >= 0 else None

    def _requests(self) -> Iterator[Event]:
        """On the client's track, and on one of the replica's that it was sent to; an arrow leads there."""
        for one in sorted(self._timeline.requests, key=lambda one: one.begin):
            begin, end = self._at(one.begin), self._at(one.end)
            client = self._timeline.lanes[one.lane]
            asker = self._free("client", one.lane, client.name, begin, end)
            yield _span(asker, one.title, begin, end, "request", **_told(one))
            replica = self._lane(one.replica)
            if replica is None:
                self._of_op[one.op] = (asker, begin, end)
                continue
            name = f"{replica.name}, request"
            served = self._free("replica", one.replica, name, begin, end)
            self._of_op[one.op] = (served, begin, end)
            yield _span(served, one.title, begin, end, "request", **_told(one))
            yield from self._arrow("sent to", (asker, begin), (served, begin))

    def _faults(self) -> Iterator[Event]:
        for bar in self._timeline.bars:
            begin, end = self._at(bar.begin), self._at(bar.end)
            lane = self._lane(bar.lane)
            where = "everywhere" if lane is None else lane.name
            track = self._free("fault", bar.lane, where, begin, end)
            yield _span(track, bar.name, begin, end, "fault", where=where)

    def _instants(self) -> Iterator[Event]:
        chain = set(self._timeline.chain)
        for number, row in enumerate(self._rows):
            if row.kind in ("request", "answer"):
                continue
            track = self._on(row)
            if number in chain and not self._in_request(row):
                # An arrow ends in a span; one of a nanosecond will do.
                yield _span(track, row.text, row.at, row.at + 1, row.kind, **_args(row))
                continue
            event = {"name": row.text, "cat": row.kind, "ph": "i", "ts": _us(row.at), "s": "t"}
            yield {**event, **_ids(track), "args": _args(row)}

    def _on(self, row: Row) -> Track:
        """The track of the request that a step was made for, while that lasts; else the lane's own."""
        if self._in_request(row):
            return self._of_op[row.op][0]
        lane = self._lane(row.lane)
        return STORM if lane is None else self._track(lane.kind, lane.name)

    def _in_request(self, row: Row) -> bool:
        if row.op not in self._of_op:
            return False
        _, begin, end = self._of_op[row.op]
        return row.kind in ("step", "request", "answer") and begin <= row.at <= end

    def _causes(self) -> Iterator[Event]:
        """Each thing that mattered with what it made wrong."""
        chain = [self._rows[number] for number in self._timeline.chain]
        for one, other in pairwise(chain):
            yield from self._arrow("cause", (self._on(one), one.at), (self._on(other), other.at))

    def _arrow(
        self, what: str, begin: tuple[Track, int], end: tuple[Track, int]
    ) -> Iterator[Event]:
        self._flows += 1
        flow = {"name": what, "cat": what, "id": self._flows}
        yield {**flow, "ph": "s", "ts": _us(begin[1]), **_ids(begin[0])}
        yield {**flow, "ph": "f", "bp": "e", "ts": _us(end[1]), **_ids(end[0])}


def _told(one: Request) -> dict[str, str]:
    told = {"outcome": one.outcome, "answered": one.status or "never", "sent": one.sent}
    return {**told, "answer": one.answer} if one.answer else told


def _args(row: Row) -> dict[str, str | int]:
    """What a step says of itself, but for what is not set."""
    numbers = {"step": row.step, "op": row.op, "offset": row.offset, "length": row.length}
    words = {"task": row.task, "path": row.path, "into": row.into, "why": row.why}
    return {
        **{name: value for name, value in numbers.items() if value >= 0},
        **{name: value for name, value in words.items() if value},
    }


def _span(track: Track, name: str, begin: int, end: int, kind: str, **args: str | int) -> Event:
    return {
        "name": name, "cat": kind, "ph": "X", "ts": _us(begin), "dur": _us(end - begin), **_ids(track),
        "args": args,
    }  # fmt: skip


def _meta(what: str, pid: int, tid: int, **args: str | int) -> Event:
    return {"name": what, "ph": "M", "pid": pid, "tid": tid, "args": args}


def _ids(track: Track) -> dict[str, int]:
    return {"pid": track[0], "tid": track[1]}


def _us(ns: int) -> float:
    """The format counts microseconds; thousandths of them are nanoseconds."""
    return ns / NS_PER_US

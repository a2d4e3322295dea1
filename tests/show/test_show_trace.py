"""The trace of a failure keeps the rules of the Trace Event Format, whatever a history holds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchstorm.cli import main
from patchstorm.history.events import Fault, Phase
from patchstorm.history.model import History
from patchstorm.report.show.timeline import laid_out
from patchstorm.report.show.trace import events

from .histories import by_hand, operation, step

Events = list[dict[str, Any]]
Spans = Mapping[tuple[int, int], Sequence[tuple[float, float]]]
NOTHING = 1e-6
"""Microseconds that are not told apart: times are floats."""


def problems(found: Events) -> list[str]:
    """What a viewer would stumble over, or silently leave out."""
    spans = defaultdict(list)
    for one in found:
        if one["ph"] == "X":
            spans[one["pid"], one["tid"]].append((one["ts"], one["ts"] + one["dur"]))
    return [*_singly(found), *_overlaps(spans), *_arrows(found, spans)]


def _singly(found: Events) -> Iterator[str]:
    tracks = {(one["pid"], one["tid"]) for one in found if one["name"] == "thread_name"}
    groups = {one["pid"] for one in found if one["name"] == "process_name"}
    last = 0.0
    for one in found:
        if one["ph"] not in ("M", "X", "i", "s", "f"):
            yield f"phase {one['ph']}"
        if not (type(one["pid"]) is int and type(one["tid"]) is int):
            yield f"no whole numbers for a track: {one}"
        if one["pid"] == one["tid"]:
            yield f"taken for a main thread: {one}"
        if one["ph"] == "M":
            continue
        if (one["pid"], one["tid"]) not in tracks or one["pid"] not in groups:
            yield f"a track without a name: {one}"
        if one["ts"] < last:
            yield f"back in time: {one}"
        last = one["ts"]
        if one.get("dur", 0) < 0:
            yield f"less than nothing: {one}"
        if one["ph"] == "i" and one["s"] not in ("g", "p", "t"):
            yield f"scope {one['s']}"


def _overlaps(spans: Spans) -> Iterator[str]:
    for of_one in spans.values():
        for (begin, end), (then, until) in pairwise(of_one):
            if begin < then < end - NOTHING and until > end + NOTHING:
                yield f"spans of one track overlap: {begin}..{end}, {then}..{until}"


def _arrows(found: Events, spans: Spans) -> Iterator[str]:
    starts, ends = ([one for one in found if one["ph"] == phase] for phase in "sf")
    if sorted(one["id"] for one in starts) != sorted({one["id"] for one in ends}):
        yield "an arrow has not one end on each side"
    led = {one["id"]: one for one in ends}
    for start in starts:
        end = led.get(start["id"], start)
        if end["ts"] < start["ts"] or end["cat"] != start["cat"]:
            yield f"an arrow leads back: {start}"
    for one in (*starts, *ends):
        of_track = spans.get((one["pid"], one["tid"]), [])
        if not any(begin <= one["ts"] <= until for begin, until in of_track):
            yield f"an arrow ends in no span: {one}"


def traced(history: History) -> Events:
    return events(laid_out(history))


def test_a_found_failure_becomes_a_trace_and_no_page(
    failure: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(failure), "--perfetto", str(tmp_path / "t.json")]) == 0
    assert capsys.readouterr().out.startswith(f"wrote {tmp_path}/t.json: open it on ")
    assert not (failure / "failure.html").exists()
    whole = json.loads((tmp_path / "t.json").read_text())
    found = whole["traceEvents"]
    assert problems(found) == []
    assert whole["otherData"]["replay"].startswith("patchstorm replay ")
    kinds = {(one["ph"], one.get("cat")) for one in found}
    assert kinds >= {("X", "request"), ("i", "step"), ("s", "cause"), ("f", "sent to")}
    failed = json.loads((failure / "failure.json").read_text())
    requests = [one for one in found if one["ph"] == "X" and one["pid"] == 2]
    assert len(requests) == int(whole["otherData"]["requests"])
    assert any("PATCH" in one["args"]["sent"] for one in requests), failed["findings"]


def test_requests_side_by_side_lie_on_tracks_of_their_own() -> None:
    history = by_hand(
        step(6, "write", "u0.part", task="c1#1"),
        Fault(time_ns=70, fault="slow", replica=0, id="1"),
        Fault(time_ns=90, fault="slow", replica=0, id="1", ends=True),
        Fault(time_ns=95, fault="crash", replica=0),
        Phase(time_ns=160, phase="heal"),
        operations=(
            operation(0, 0, 100),
            operation(1, 50, 150, client="c1"),
            operation(2, 120, None),
        ),
    )
    found = traced(history)
    assert problems(found) == []
    served = [one for one in found if one["ph"] == "X" and one["pid"] == 3]
    tracks = {one["name"].split()[1]: one["tid"] for one in served}
    assert tracks["0"] != tracks["1"] and tracks["2"] == tracks["0"]
    (made,) = (one for one in found if one.get("cat") == "step")
    assert made["tid"] == tracks["1"], "a step lies on the request that it was made for"
    faults = {
        one["name"]: (one["ts"], one["dur"])
        for one in found
        if one.get("cat") == "fault" and one["ph"] == "X"
    }
    assert faults["slow"] == (0.07, 0.02) and faults["crash"][0] == 0.095
    (phase,) = (one for one in found if one.get("cat") == "phase")
    assert (phase["s"], phase["pid"]) == ("t", 1)
    assert [one["args"]["answered"] for one in served][-1] == "never"


times = st.integers(0, 50)
operations = st.lists(
    st.tuples(times, st.none() | times, st.sampled_from(["c0", "c1"]), st.sampled_from([None, 0, 1])),
    max_size=8,
)  # fmt: skip
befell = st.lists(st.tuples(times, st.sampled_from(["slow", "crash"]), st.booleans()), max_size=6)


@given(operations, st.lists(times, max_size=8), befell)
@settings(max_examples=100, deadline=None)
def test_any_history_keeps_the_rules(
    asked: list[tuple[int, int | None, str, int | None]],
    steps: list[int],
    faults: list[tuple[int, str, bool]],
) -> None:
    history = by_hand(
        *(step(at, "write", "u0.part") for at in sorted(steps)),
        *(Fault(time_ns=at, fault=name, replica=0, ends=ends) for at, name, ends in sorted(faults)),
        operations=tuple(
            operation(
                op, begin, None if took is None else begin + took, client=client, replica=replica
            )
            for op, (begin, took, client, replica) in enumerate(asked)
        ),
    )
    assert problems(traced(history)) == []


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"ph": "Q", "ts": 1.0}, "phase Q"),
        ({"ph": "i", "ts": -1.0, "s": "t"}, "back in time"),
        ({"ph": "X", "ts": 1.0, "dur": -1.0}, "less than nothing"),
        ({"ph": "s", "ts": 1.0, "id": 1, "cat": "x"}, "an arrow has not one end"),
        ({"ph": "i", "ts": 1.0, "s": "t", "tid": 9}, "without a name"),
        ({"ph": "f", "ts": 8.0, "id": 1, "cat": "x"}, "an arrow ends in no span"),
        ({"ph": "X", "ts": 5.0, "dur": 10.0}, "overlap"),
    ],
)
def test_a_trace_that_breaks_a_rule_is_found(event: dict[str, Any], told: str) -> None:
    named = [
        {"ph": "M", "name": name, "pid": 1, "tid": 2, "args": {}}
        for name in ("thread_name", "process_name")
    ]
    named.append({"ph": "X", "name": "x", "ts": 0.0, "dur": 7.0, "pid": 1, "tid": 2})
    assert problems(named) == []
    assert any(
        told in one for one in problems([*named, {"name": "x", "pid": 1, "tid": 2, **event}])
    )


def test_a_trace_that_cannot_be_written_is_refused(
    failure: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(failure), "--perfetto", "nowhere/t.json"]) == 2
    assert "--perfetto nowhere/t.json: cannot be written" in capsys.readouterr().err

"""Histories of version 1 are read as they were meant."""

from __future__ import annotations

import json

import pytest
import version_1
from msgspec.structs import replace

from patchstorm.campaign.ran import run_and_judge
from patchstorm.campaign.schedules import Search, Session
from patchstorm.history import parse_history
from patchstorm.history.events import (
    Beside,
    Contents,
    Damage,
    Fault,
    Note,
    Phase,
    Refusal,
    Sighting,
    Stall,
    Step,
)
from patchstorm.history.no_answer import NoAnswer
from patchstorm.scenario.library import load

HEADER = {
    "type": "header", "format": "patchstorm-history", "version": 1, "scenario": "s", "seed": 1,
    "world": "mine", "storage": "tmpfs", "target": "t", "capabilities": [],
    "reading": "sequential", "replicas": 1, "clock": "monotonic",
    "uploads": [{"id": "u", "size": 8, "target": "f"}],
}  # fmt: skip


def read(*records: dict[str, object]):  # type: ignore[no-untyped-def]
    return parse_history("\n".join(map(json.dumps, (HEADER, *records))).encode() + b"\n")


def event(kind: str, **data: object) -> dict[str, object]:
    return {"type": "event", "time_ns": 1, "kind": kind, "replica": 0, "data": data}


@pytest.mark.parametrize("name", ["crash-all", "damage", "power-loss"])
def test_a_simulated_history_is_read_back_from_version_1(name: str) -> None:
    session = Session.of(Search(scenario=load(name), target="reference", seed=5, storage="nfs4"))
    ran = run_and_judge(session.plan(0), session.subject, session.strategy(0), session.workers)

    bare = tuple(  # version 1 had no raw requests
        replace(one, call=replace(one.call, request=None)) for one in ran.history.operations
    )
    assert parse_history(version_1.lines(ran.history)) == replace(ran.history, operations=bare)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (event("fault", fault="Clock_Skew", id="a", ends=True),
         Fault(time_ns=1, replica=0, fault="clock-skew", id="a", ends=True, shifts_clock=True)),
        (event("fault", fault="powercut", replica=2),
         Fault(time_ns=1, replica=2, fault="powercut", loses_power=True)),
        (event("fault", fault="short-read", op=0),
         Fault(time_ns=1, replica=0, fault="short-read", op=0, excuses=False, of_calls=True)),
        (event("phase", phase="heal"), Phase(time_ns=1, phase="heal")),
        (event("sighting", upload="u", present=False, size=None, began_ns=0),
         Sighting(time_ns=1, upload="u", present=False, began_ns=0)),
        (event("beside", path="x"), Beside(time_ns=1, path="x")),
        (event("damage", upload="u", offset=1, length=2),
         Damage(time_ns=1, upload="u", offset=1, length=2)),
        (event("contents", case="c", attempt=1, resource="r", present=True, size=3, text="abc"),
         Contents(time_ns=1, case="c", attempt=1, resource="r", present=True, size=3, text="abc")),
        (event("stall", for_ms=9), Stall(time_ns=1, for_ms=9)),
        (event("step", call="link", path="a", to="b", step=4),
         Step(time_ns=1, replica=0, call="link", path="a", to="b", step=4)),
        (event("refusal", op=0, body="no"), Refusal(time_ns=1, replica=0, op=0, body="no")),
        (event("weather", wind=3), Note(time_ns=1, replica=0, kind="weather", data={"wind": 3})),
    ],
)  # fmt: skip
def test_every_kind_of_event_is_read(written: dict[str, object], expected: object) -> None:
    assert read(written).events == (expected,)


@pytest.mark.parametrize(
    ("written", "expected"), [("lost", NoAnswer.LOST), ("?", NoAnswer.UNKNOWN)]
)
def test_errors_become_the_enum(written: str, expected: NoAnswer) -> None:
    call = {"type": "invoke", "op": 0, "time_ns": 1, "client": "a", "kind": "HEAD", "upload": "u"}
    end = {"type": "complete", "op": 0, "time_ns": 2, "outcome": "info", "error": written}

    assert read(call, end).operations[0].end.error is expected

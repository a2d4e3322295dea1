"""No vacuous green: a storm that did not come to what it is for is unknown, in a live world and simulated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from patchstorm.campaign.conducted import Asked, Search
from patchstorm.campaign.explore import explore
from patchstorm.campaign.single import StormResult, run_storm
from patchstorm.check.tried import Point
from patchstorm.report.combine import combined
from patchstorm.report.model import RunReport
from patchstorm.report.reached import held
from patchstorm.scenario.schema import parse
from patchstorm.target.model import Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import subject_of
from scenario.storm_texts import TINY

DEAF = """
import socket, sys
listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listening.accept()
    {answers}
    connection.close()
"""
SHUTS = "pass"
REDIRECTS = (
    "connection.recv(65536); connection.sendall(b'HTTP/1.1 307 X\\r\\nTus-Resumable: 1.0.0\\r\\n"
    "Location: /\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n')"
)
TARGET = """
name = "deaf"
capabilities = ["sequential", "creation"]
[start]
command = ["{python}", "{here}/deaf.py", "{port}"]
[ready]
by = "tcp"
[wire]
path = "/"
request_ms = 2000
[files]
published = "{id}"
[settle]
convergence_ms = 100
sweep_ms = 100
"""
STRIPPED = '[[fault]]\nkind = "eio"\nwhen = { after_requests = 0 }\npath = "nowhere/*"\n'


def blind() -> Target:
    """The reference, described so that nobody can see when it receives."""
    reference = resolve("reference")
    phases = reference.phases | {"receiving": ("nowhere/*",)}
    return msgspec.structs.replace(reference, phases=phases)


@pytest.mark.slow
@pytest.mark.parametrize("answers", [SHUTS, REDIRECTS])
def test_a_server_that_takes_no_upload_was_not_tried(answers: str, tmp_path: Path) -> None:
    (tmp_path / "deaf.py").write_text(DEAF.replace("{answers}", answers))
    (tmp_path / "deaf.toml").write_text(TARGET)
    tiny = parse(TINY, name="tiny", file="tiny.toml")
    for allowed in (False, True):  # nobody can allow that
        report = run_storm(
            tiny, str(tmp_path / "deaf.toml"), seed=1, out_dir=tmp_path / "out",
            allow_unreached=allowed,
        ).report  # fmt: skip
        assert (report.verdict, report.unknown) == (
            "unknown", "nothing was tried: no upload was ever created or acknowledged",
        )  # fmt: skip


def test_a_live_storm_whose_trigger_never_fires_is_unknown(tmp_path: Path) -> None:
    report = run_storm("crash-receiving", blind(), seed=1, out_dir=tmp_path).report
    assert report.verdict == "unknown"
    assert report.unknown is not None
    assert "crash-0 (never triggered: phase receiving" in report.unknown
    assert "--allow-unreached" in report.unknown


def test_who_allows_it_has_it_safe_and_the_reason_as_a_remark(tmp_path: Path) -> None:
    report = run_storm(
        "crash-receiving", blind(), seed=1, out_dir=tmp_path, allow_unreached=True
    ).report
    assert report.verdict == "safe"
    assert any("never triggered" in note for note in report.notes)


def test_a_simulated_storm_whose_trigger_never_fires_is_unknown(tmp_path: Path) -> None:
    subject = replace(subject_of(resolve("reference")), target=blind())
    asked: dict[str, Any] = {"subject": subject, "schedules": 4, "out_dir": tmp_path}
    assert explore("crash-receiving", "reference", **asked).report.verdict == "unknown"
    allowed = explore("crash-receiving", "reference", allow_unreached=True, **asked)
    assert allowed.report.verdict == "safe"
    assert explore("crash-receiving", "reference", schedules=4).report.verdict == "safe"


def test_a_simulated_fault_that_hits_no_call_did_not_strike(tmp_path: Path) -> None:
    storm = parse(TINY + STRIPPED, name="tiny", file="tiny.toml")
    report = explore(storm, "reference", schedules=4, out_dir=tmp_path).report
    assert report.verdict == "unknown"
    assert report.unknown is not None and "eio-0 (it was in force" in report.unknown


@pytest.mark.parametrize("target", ["reference", "innocent:sequential"])
def test_one_client_alone_finds_no_upload_busy_and_impatient_ones_do(target: str) -> None:
    alone = parse(f'{TINY}[expect]\nreaches = ["busy"]\n', name="alone", file="alone.toml")
    report = explore(alone, target, schedules=3, jobs=1).report
    assert report.verdict == "unknown"
    assert report.unknown is not None and "busy" in report.unknown
    assert explore("impatient", target, schedules=3, jobs=1).report.verdict == "safe"


def test_what_one_of_several_runs_reached_the_storm_tried(tmp_path: Path) -> None:
    missed = run_storm("crash-receiving", blind(), seed=1, out_dir=tmp_path).report
    points = tuple(msgspec.structs.replace(one, reached=True) for one in missed.points)
    reached = msgspec.structs.replace(missed, verdict="safe", unknown=None, points=points)
    whole: RunReport = combined([missed, reached])
    assert (whole.verdict, whole.unknown) == ("safe", None)
    assert combined([missed, missed]).verdict == "unknown"
    assert combined([missed, missed]).unknown == missed.unknown


def test_what_one_run_of_a_search_reached_no_other_is_said_to_have_missed(tmp_path: Path) -> None:
    missed = Point(name="fault-struck", reached=False, why="it never happened")
    reached = Point(name="fault-struck", reached=True)
    asked = Asked(
        scenario=parse(TINY, name="tiny", file="tiny.toml"), target=resolve("reference"),
        world="fuse", out_dir=tmp_path,
    )  # fmt: skip

    def whole(*runs: Point, notes: tuple[str, ...] = ("a remark",)) -> RunReport:
        search = Search(asked)
        for point in runs:
            report = RunReport(
                scenario="tiny", target="reference", world="fuse", seed=0, verdict="safe",
                points=(point,), notes=notes if point is runs[0] else ("a remark",),
            )  # fmt: skip
            search.took(StormResult(report=held(report, allow_unreached=True)))
        return held(search.report())

    found = whole(missed, reached)
    assert (found.verdict, found.notes) == ("safe", ("a remark",))
    once = whole(missed, reached, notes=("never triggered: crash-0 (crash)", "a remark"))
    assert once.notes == ("a remark",)
    never = whole(missed, missed)
    assert (never.verdict, never.notes) == ("unknown", ("a remark",))
    assert never.unknown is not None and never.unknown.count("not reached") == 1

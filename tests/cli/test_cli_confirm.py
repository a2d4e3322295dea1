"""``run --confirm``: how often a violation came again, beside the verdict and in every report."""

from __future__ import annotations

import io
import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from cli_fakes import run_report, violated

from patchstorm.cli import main
from patchstorm.commands.confirming import confirmed
from patchstorm.commands.storms import Job, Played
from patchstorm.report.combine import combined
from patchstorm.report.console import console_on, tell
from patchstorm.report.junit import write_junit
from patchstorm.report.model import Rate, Report, RunReport
from patchstorm.report.stored import encode
from patchstorm.scenario.library import load


def played(*entries: tuple[str, RunReport]) -> Played:
    storm = load("sequential")
    jobs = [(Job(storm, i, world), run) for i, (world, run) in enumerate(entries)]
    return Played(reports=tuple(jobs), interrupted=False)


class Again:
    """Plays a job by taking the next of the reports that were laid out for it."""

    def __init__(self, *reports: RunReport) -> None:
        self.reports = list(reports)
        self.jobs: list[Job] = []

    async def __call__(self, job: Job) -> RunReport:
        self.jobs.append(job)
        return self.reports.pop(0)


def test_only_what_real_servers_violated_is_run_again() -> None:
    once = played(
        ("processes", violated()), ("processes", run_report()), ("sim", violated(world="sim"))
    )
    again = Again(run_report(), violated(), violated(), run_report())
    done = confirmed(once, again, 4, at_once=1)
    assert {job.index for job in again.jobs} == {0}
    assert [run.rate for _, run in done.reports] == [Rate(violated=3, runs=5), None, None]
    assert [run.verdict for _, run in done.reports] == ["violated", "safe", "violated"]


def test_the_rate_stands_in_table_junit_and_json(tmp_path: Path) -> None:
    run = violated(rate=Rate(violated=3, runs=5))
    report = Report(verdict="violated", runs=(run,))
    shown = io.StringIO()
    tell(report, console_on(shown), took="1.0 s")
    assert "violated 3 of 5; bytes" in shown.getvalue()
    assert "seed 1: violated 3 of 5 runs" in shown.getvalue()
    write_junit(report, tmp_path / "junit.xml")
    case = Xml.parse(tmp_path / "junit.xml").getroot()[0][0]
    assert case.find("properties/property[@name='rate']") is not None
    assert str(case.find("failure").attrib["message"]).startswith("violated 3 of 5")  # type: ignore[union-attr]
    assert json.loads(encode(report))["runs"][0]["rate"] == {"violated": 3, "runs": 5}


def test_rates_of_several_plans_add_up() -> None:
    runs = [violated(rate=Rate(violated=3, runs=5)), violated(rate=Rate(violated=1, runs=5))]
    assert combined([*runs, run_report()]).rate == Rate(violated=4, runs=10)


def test_a_race_that_is_confirmed_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that answers wrongly every time is violated every time."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "wrong.toml").write_text(TARGET)
    asked = ["run", "sequential", "--target", "./wrong.toml", "--world", "processes"]
    assert main([*asked, "--replicas", "1", "--confirm", "2", "--json"]) == 1
    run = json.loads(capsys.readouterr().out)["runs"][0]
    assert (run["verdict"], run["rate"]) == ("violated", {"violated": 3, "runs": 3})


WRONG = """
import http.server, sys


class Wrong(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(201)
        self.send_header("Location", "/files/a")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_HEAD(self):
        self.send_error(404)

    do_PATCH = do_HEAD

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Wrong).serve_forever()
"""
TARGET = """
name = "wrong"
capabilities = ["sequential", "creation"]
[start]
command = ["{python}", "{here}/wrong.py", "{port}"]
[ready]
by = "tcp"
[wire]
path = "/files"
[files]
published = "{id}"
[settle]
convergence_ms = 100
sweep_ms = 100
"""

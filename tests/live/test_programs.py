"""Clients that are programs of their own, through the gateway to real replicas, with connections broken."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

import pytest

from patchstorm.campaign.concluded import StormResult
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import UsageError
from patchstorm.history.events import ProgramEnd
from patchstorm.live import calling
from patchstorm.live.calling import command_of, missing
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.programs import PROGRAMS
from patchstorm.scenario.schema import parse

from .storms import fault, ran

STORM = """
title = "A program of others uploads a file"
why = "Users have such programs."
closing = "client"
[fleet]
replicas = 2
[[upload]]
count = {count}
size = "{size}"
[[client]]
kind = "program"
{client}
{faults}
"""
UPLOADER = Path(__file__).with_name("uploader.py")
CUT = fault("body-cut", "after_requests = 1", "", "at_permille = 500")
BROKEN = frozenset({"cut", "dropped", "lost"})


def storm(client: str, faults: str = CUT, *, count: int = 1, size: str = "30001") -> Scenario:
    text = STORM.format(client=client, faults=faults, count=count, size=size)
    return parse(text, name="small", file="small.toml")


def own(mood: str = "", more: str = "") -> str:
    """A client that is the small program beside this file."""
    words = f"{sys.executable} {UPLOADER} {{endpoint}} {{file}} 4096 {mood}"
    return f'command = "{words.strip()}"\n{more}'


def end_of(result: StormResult) -> ProgramEnd:
    assert result.history is not None
    (end,) = [one for one in result.history.events if isinstance(one, ProgramEnd)]
    return end


def left_of(word: str) -> list[str]:
    """The processes that have ``word`` in what they were started with."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if word.encode() in command:
            found.append(pid)
    return found


def test_tuspy_gets_its_file_through_to_the_reference(tmp_path: Path) -> None:
    pytest.importorskip("tusclient", reason="pip install tuspy")
    scenario = storm('program = "tuspy"\nrequest_bytes = "8KiB"')
    result = ran(scenario, out_dir=tmp_path)
    assert result.report.verdict == "safe", result.report
    end = end_of(result)
    assert (end.program, end.code, end.created, end.whole) == ("tuspy", 0, 1, 1)
    assert result.history is not None
    errors = {one.end.error for one in result.history.operations if one.end is not None}
    assert errors & BROKEN
    (final,) = result.history.finals.values()
    assert [(run.offset, run.length, run.content) for run in final.runs] == [(0, 30_001, 0)]
    sent = [one.call.request for one in result.history.operations if one.call.client == "c0"]
    assert all("python-requests" in dict(one.headers)["User-Agent"] for one in sent if one)


@pytest.mark.slow
def test_a_program_of_ones_own_meets_the_mistake_and_its_giving_up_is_the_servers() -> None:
    """409 for ever after a body that broke off: its HEAD says where, and its PATCH there is refused."""
    result = ran(storm(own(more="broken_permille = 0")), "bug:compared-with-the-size")
    assert result.report.verdict == "violated"
    assert "availability" in {finding.checker for finding in result.report.findings}
    assert any("gave up (code 1)" in finding.summary for finding in result.report.findings)
    end = end_of(result)
    assert (end.code, end.created, end.whole) == (1, 1, 0)
    assert end.said.splitlines()[-1] == "no: 409"
    assert any(
        "it ended with code 1; its last words: no: 409" in note for note in result.report.notes
    )


@pytest.mark.slow
def test_the_same_without_the_mistake_accuses_nobody() -> None:
    result = ran(storm(own()), "innocent:sequential")
    assert result.report.verdict == "safe", result.report
    assert end_of(result).code == 0


def test_a_program_that_never_ends_is_killed_and_nothing_of_it_stays() -> None:
    result = ran(storm(own("endless", 'within = "300ms"')))
    end = end_of(result)
    assert end.code is None
    assert end.why == "it did not end within 300 ms"
    assert left_of("uploader.py") == []


@pytest.mark.slow
def test_one_that_begins_anew_is_stopped_after_the_last_upload_of_the_plan() -> None:
    result = ran(storm(own("anew", "broken_permille = 0"), "", count=2))
    end = end_of(result)
    assert end.code is None
    assert "anew" in end.why
    assert end.created == 2
    assert result.history is not None
    made = [one.call.upload for one in result.history.operations if one.call.kind == "create"]
    assert made == ["u0.0", "u0.1"]


def test_one_that_sends_other_bytes_than_its_files_is_no_client_to_judge_by() -> None:
    with pytest.raises(UsageError, match="not those of its file"):
        ran(storm(own("liar")))
    assert left_of("uploader.py") == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_is_not_installed_is_skipped_with_the_remedy(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATCHSTORM_SERVERS", str(tmp_path))
    monkeypatch.setattr(calling.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(calling.shutil, "which", lambda _: "/bin/true")
    result = ran(storm(f'program = "{name}"'))
    remedy = PROGRAMS[name].remedy or f"patchstorm target install {name}"
    assert result.report.skipped is not None
    assert f"run `{remedy}`" in result.report.skipped


def test_in_a_protocol_whose_clients_nobody_understands_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mute = dataclasses.replace(dialect_of("tus"), heard=None)
    monkeypatch.setattr(calling, "dialect_of", lambda _: mute)
    result = ran(storm(own()))
    assert result.report.skipped == "clients of others that speak tus are not understood"


def test_a_command_that_is_not_there_is_skipped_with_its_name() -> None:
    result = ran(storm('command = "no-such-client {endpoint} {file}"'))
    assert result.report.skipped == "client c0: there is no program `no-such-client` here"


def test_files_of_a_command_are_found_from_where_the_harness_was_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "upload.cjs").touch()
    monkeypatch.chdir(tmp_path)
    words = command_of("tuspy", "node upload.cjs {endpoint} {file}")
    assert words == ("node", str(tmp_path / "upload.cjs"), "{endpoint}", "{file}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_gets_through_while_a_replica_dies(name: str, seed: int) -> None:
    if reason := missing(name):
        pytest.skip(reason)
    crash = fault("crash", "after_bytes = 12000", "any-replica", 'for = "300ms"')
    scenario = storm(f'program = "{name}"\nrequest_bytes = "8KiB"', f"{CUT}\n{crash}", count=3)
    result = ran(scenario, seed=seed)
    assert result.report.verdict == "safe", result.report
    assert end_of(result).code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_meets_the_mistake(name: str) -> None:
    if reason := missing(name):
        pytest.skip(reason)
    scenario = storm(f'program = "{name}"\nrequest_bytes = "8KiB"\nbroken_permille = 0', count=3)
    result = ran(scenario, "bug:compared-with-the-size")
    assert result.report.verdict == "violated"
    assert end_of(result).code != 0

"""Many storms at once: how many, in which order they are told, and what an interruption leaves."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from cli_fakes import run_report

from patchstorm.campaign.budget import schedules_default
from patchstorm.commands.storms import Job, play_all
from patchstorm.errors import UsageError
from patchstorm.report.model import RunReport
from patchstorm.report.progress import Lines
from patchstorm.scenario import library
from patchstorm.scenario.model import Scenario


def jobs(*names: str) -> list[Job]:
    return [Job(Scenario(name=name, title=name, why="a test"), 0) for name in names]


def report(job: Job) -> RunReport:
    return run_report(scenario=job.scenario.name)


def test_never_more_at_once_than_asked_for() -> None:
    under_way: set[str] = set()
    most = 0

    async def play(job: Job) -> RunReport:
        nonlocal most
        under_way.add(job.scenario.name)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.discard(job.scenario.name)
        return report(job)

    played = play_all(jobs(*"abcdefg"), play, at_once=3, shown=Lines(7))
    assert most == 3
    assert [job.scenario.name for job, _ in played.reports] == list("abcdefg")


def test_reports_keep_the_order_asked_for_whoever_ends_first() -> None:
    second_ended = asyncio.Event()

    async def play(job: Job) -> RunReport:
        if job.scenario.name == "first":
            await second_ended.wait()
        else:
            second_ended.set()
        return report(job)

    played = play_all(jobs("first", "second"), play, at_once=2, shown=Lines(2))
    assert [run.scenario for _, run in played.reports] == ["first", "second"]


def test_an_error_ends_the_others_and_lets_them_clean_up() -> None:
    cleaned: list[str] = []

    async def play(job: Job) -> RunReport:
        if job.scenario.name == "bad":
            await asyncio.sleep(0)
            raise UsageError("no such thing; give another")
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(job.scenario.name)
        return report(job)

    with pytest.raises(UsageError, match="give another"):
        play_all(jobs("good", "bad", "never"), play, at_once=2, shown=Lines(3))
    assert cleaned == ["good"]


def test_ctrl_c_cleans_up_and_keeps_what_had_ended() -> None:
    cleaned: list[str] = []

    async def play(job: Job) -> RunReport:
        if job.scenario.name == "quick":
            return report(job)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            cleaned.append(job.scenario.name)
        return report(job)

    played = play_all(jobs("quick", "slow", "never"), play, at_once=1, shown=Lines(3))
    assert played.interrupted
    assert [job.scenario.name for job, _ in played.reports] == ["quick"]
    assert cleaned == ["slow"]


def test_a_log_gets_one_line_a_storm(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(job: Job) -> RunReport:
        return report(job)

    play_all(jobs("a", "b"), play, at_once=1, shown=Lines(2))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "[1/2] a in processes: safe, 2.2 s",
        "[2/2] b in processes: safe, 2.2 s",
    ]


def test_of_a_crowd_fewer_schedules_are_run_unless_somebody_says_how_many() -> None:
    assert schedules_default(library.load("many")) < schedules_default(library.load("sequential"))
    many_chunks = schedules_default(library.load("power-loss-many-chunks"))
    assert many_chunks < schedules_default(library.load("sequential"))

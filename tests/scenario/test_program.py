"""The workload ``program``: what it sends on of what a program asks, and where connections break."""

from __future__ import annotations

import pytest

from patchstorm.choice.chooser import seeded
from patchstorm.dialect.operations import Mischief, Request
from patchstorm.errors import UsageError
from patchstorm.history.model import Completion
from patchstorm.live.calling import missing
from patchstorm.scenario.actions import Answer, Asked, Give, Send, Start, Stop, Take, Workload
from patchstorm.scenario.births import Births
from patchstorm.scenario.options import options_of
from patchstorm.scenario.programs import PROGRAMS, words_of
from patchstorm.scenario.runnable import runnable
from patchstorm.scenario.schema import parse
from patchstorm.scenario.storm import client_workload, storm
from patchstorm.scenario.workloads.program import ANEW, Options
from patchstorm.worlds.registry import all_means

from .fake import Driver
from .plans import plan, upload

STORM = """
title = "a program"
why = "a test"
[[upload]]
size = 1000
[[client]]
kind = "program"
{more}
"""


def answered(kind: str, status: int | None, offset: int | None = None) -> Answer:
    outcome = "info" if status is None else "ok" if status < 300 else "fail"
    return Answer(
        op=0, end=Completion(op=0, time_ns=0, outcome=outcome, status=status, offset=offset)
    )


def sent_for(talk: Workload, asked: Asked, answer: Answer) -> Send:
    """The program has asked that, and the workload is told the answer; what it had sent on."""
    send = talk.send(asked)
    assert isinstance(send, Send)
    given = talk.send(answer)
    assert isinstance(given, Give)
    assert given.upload == send.request.upload
    assert isinstance(talk.send(None), Take)
    return send


def begun(*uploads: int, **options: int) -> Workload:
    """The one client's workload, as far as its program's first request."""
    concrete = plan("program", *(upload(number) for number in uploads), **options)
    talk = client_workload(
        concrete, concrete.clients[0], seeded(1, "t", 0, "s"), "tus", Births(concrete)
    )
    start = talk.send(None)
    assert isinstance(start, Start)
    assert start.upload == "u0"
    assert isinstance(talk.send(None), Take)
    return talk


def creation() -> Asked:
    return Asked(request=Request(kind="create", upload=""), came=0)


def test_a_creation_that_nobody_heard_of_is_made_again_for_the_same_upload() -> None:
    talk = begun(0, 1, broken_permille=0)
    assert sent_for(talk, creation(), answered("create", None)).request.upload == "u0"
    assert sent_for(talk, creation(), answered("create", 503)).request.upload == "u0"
    assert sent_for(talk, creation(), answered("create", 201)).request.upload == "u0"


def test_who_begins_anew_gets_the_next_upload_and_after_the_last_is_stopped() -> None:
    talk = begun(0, 1, broken_permille=0)
    sent_for(talk, creation(), answered("create", 201))
    assert sent_for(talk, creation(), answered("create", 201)).request.upload == "u1"
    stop = talk.send(creation())
    assert stop == Stop(why=ANEW)


def test_a_body_that_did_not_come_whole_breaks_off_where_it_did() -> None:
    talk = begun(0, broken_permille=1000)
    request = Request(kind="append", upload="u0", offset=10, length=100)
    send = sent_for(talk, Asked(request=request, came=37), answered("append", None))
    assert (send.request.offset, send.request.length) == (10, 100)
    assert send.mischief == Mischief(cut_after=37)


@pytest.mark.parametrize("most", [0, 3])
def test_no_more_connections_break_than_the_storm_says(most: int) -> None:
    driver = Driver(plan("program", broken_permille=1000, broken_max=most, request_bytes=100))
    driver.drive(storm(driver.plan))
    broken = [send for send in driver.sends if send.mischief != Mischief()]
    assert len(broken) == most
    assert driver.server.uploads["u0"].published


def test_each_way_to_break_comes_up_and_the_program_gets_through() -> None:
    ways = set()
    for seed in range(8):
        driver = Driver(plan("program", seed=seed, request_bytes=100))
        driver.drive(storm(driver.plan))
        assert driver.server.uploads["u0"].published
        for send in driver.sends:
            one = send.mischief
            ways |= {name for name in ("lose_request", "drop_response") if getattr(one, name)}
            if one.cut_after is not None:
                ways.add("cut")
                assert 0 <= one.cut_after < send.request.length
    assert ways == {"lose_request", "drop_response", "cut"}


def test_the_programs_that_a_storm_can_name_are_those_that_can_be_had() -> None:
    assert options_of(Options)["program"].words == tuple(PROGRAMS)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("upload {file}", "{endpoint}"),
        ("upload {endpoint}", "{file}"),
        ("upload {endpoint} {file} {url}", "placeholders"),
        ("upload {endpoint} {file} '", "quotation"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_with_its_reason(command: str, says: str) -> None:
    more = f'command = "{command}"'
    with pytest.raises(UsageError, match=r"client\[0\]\.command") as refused:
        parse(STORM.format(more=more), name="t", file="t.toml")
    assert says in str(refused.value)


def test_words_are_cut_as_a_shell_does() -> None:
    words = words_of("node 'my upload.js' {endpoint} {file} --state={state}")
    assert words == ("node", "my upload.js", "{endpoint}", "{file}", "--state={state}")


def test_whatever_a_program_needs_has_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    for row in PROGRAMS.values():
        for needed in row.needs:
            assert f"`{needed}`, which is not here: install" in (missing(row.name) or "")


@pytest.mark.parametrize("world", ["sim", "fuse", "nfs", "containers"])
def test_only_where_time_is_real_a_program_is_run(world: str) -> None:
    scenario = parse(STORM.format(more=""), name="t", file="t.toml")
    means = all_means()
    capabilities = ("creation", "offset-addressed")
    reason = runnable(scenario, world, capabilities, means)
    assert reason is not None
    assert "processes" in reason
    assert runnable(scenario, "processes", capabilities, means) is None

"""A server that ends itself is told so and judged by what its clients meet, as a real process is."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.campaign.keeping import small_of, story_of
from patchstorm.campaign.schedules import Search, Session, Told
from patchstorm.choice.strategy import Dull
from patchstorm.errors import TargetError
from patchstorm.history import encode_record, records_of
from patchstorm.scenario.library import load
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.workers import Workers

from ..conftest import small_plan
from .probing import RememberingHost, said
from .running import SERVERS, accused

TOML = """
name = "leaving"
capabilities = ["sequential", "creation"]
[simulate]
app = "leaving_aiohttp:make"
environment = {{ UPLOADS = "{{root}}", LOCKED = "1", LEAVES = "{how}" }}
[wire]
path = "/files"
[files]
published = "{{id}}.bin"
internal  = ["*.part", "*.size", "*.new"]
leftovers = ["*.size", "*.new"]
"""
LEAVES = {
    "in_handler": ("code 3", "SystemExit(3) at leaving_aiohttp.py:14 while it served"),
    "in_task": ("code 1", "SystemExit('it had enough') at leaving_aiohttp.py:19 while it served"),
    "in_executor": ("code 0", "SystemExit(None) at leaving_aiohttp.py:25 while it served"),
}


def told(how: str, here: Path) -> tuple[Session, Told]:
    """The plainest storm against the server that leaves so."""
    for name in ("leaving_aiohttp.py", "race_aiohttp.py"):
        (here / name).write_text((SERVERS / name).read_text())
    (here / "leaving.toml").write_text(TOML.format(how=how))
    search = Search(
        scenario=load("sequential"), target=str(here / "leaving.toml"), seed=1, storage="tmpfs"
    )
    session = Session.of(search)
    return session, session.tell(0)


@pytest.mark.parametrize("how", LEAVES)
def test_a_server_that_ends_itself_is_accused_of_it_by_code_line_and_request(
    how: str, tmp_path: Path
) -> None:
    session, found = told(how, tmp_path)
    code, where = LEAVES[how]
    assert "availability" in accused([found])
    assert any(f"had ended by itself with {code}" in one.summary for one in found.findings)
    story = story_of(small_of(session, found, minimise=False))
    line = next(line for line in story if "ended by itself" in line)
    assert where in line
    assert "PATCH /files/" in line


@pytest.mark.parametrize("how", ["in_thread", "caught"])
def test_what_ends_a_thread_or_is_caught_ends_no_server(how: str, tmp_path: Path) -> None:
    assert told(how, tmp_path)[1].verdict == "safe"


def test_one_that_ends_itself_before_it_listens_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as ended:
        said(tmp_path, "import sys\nprint('no way', file=sys.stderr)\nsys.exit(5)")
    message = str(ended.value)
    assert "ended itself with code 5" in message
    assert f"{tmp_path / 'probed.py'}:12" in message
    assert "no way" in message
    assert "did not come to listen" not in message


def test_what_it_raises_before_it_listens_is_told_with_its_own_line(tmp_path: Path) -> None:
    with pytest.raises(TargetError) as raised:
        said(tmp_path, "import json\njson.loads('{')")
    message = str(raised.value)
    assert "did not come to listen" in message
    assert f'"{tmp_path / "probed.py"}", line 11' in message
    assert "JSONDecodeError" in message
    assert "worlds/sim" not in message


def test_tasks_of_a_server_that_ends_run_their_finally(tmp_path: Path) -> None:
    """As ``asyncio.run`` has them do, so what they remove or leave is there as it would be."""
    session, _ = told("in_handler", tmp_path)
    host = RememberingHost(session.subject.target, dies=False)
    subject = Subject(target=session.subject.target, host=host, sweep_ms=0)
    run_schedule(small_plan(subject, replicas=1), subject, Dull(), Workers(), steps_max=2_000_000)
    assert host.started[0].output.text == "wound up\n"


def test_an_answer_of_500_is_told_with_what_the_server_said_of_it(tmp_path: Path) -> None:
    session, found = told("in_error", tmp_path)
    story = story_of(small_of(session, found, minimise=False))
    assert any(
        'answered 500; the server said "LookupError: nothing there"' in line for line in story
    )


def test_what_a_server_says_is_no_part_of_the_history(tmp_path: Path) -> None:
    """It may name addresses, and a history is the same in every run."""
    session, found = told("in_error", tmp_path)
    ran = small_of(session, found, minimise=False).ran
    assert "nothing there" in "".join(ran.outcome.said.values())
    assert not any(b"nothing there" in encode_record(one) for one in records_of(ran.history))


def test_other_answers_are_told_without_what_the_server_writes(tmp_path: Path) -> None:
    session, found = told("in_conflict", tmp_path)
    assert accused([found])
    story = story_of(small_of(session, found, minimise=False))
    assert any("answered 409" in line for line in story)
    assert not any("said" in line for line in story)

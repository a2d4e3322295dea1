"""Small servers as people write them: the one that looks and then appends is convicted, its twin is safe."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from patchstorm.api import parse_scenario
from patchstorm.campaign.keeping import keep_failure, small_of, story_of, write_small
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.simulated import digests
from patchstorm.campaign.skipping import session_skip_reason
from patchstorm.scenario.library import names

from .running import SERVERS, accused, found, needs, session

LINES_MAX = 25
PAIRS = {
    "aiohttp": (),
    "starlette": ("starlette", "uvicorn"),
    "litestar": ("litestar", "uvicorn"),
    "flask": ("flask",),
    "django": ("django",),
}
TWINS = ("litestar", "django")
"""ASGI and WSGI once more."""
each_kind = pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=pytest.mark.slow if one in TWINS else []) for one in PAIRS]
)


@each_kind
def test_a_server_that_looks_and_then_appends_is_convicted(kind: str) -> None:
    needs(*PAIRS[kind])
    assert "bytes" in accused(found(f"race_{kind}", "replaying", 12, until="bytes"))


@each_kind
def test_its_twin_with_a_lock_is_safe(kind: str) -> None:
    needs(*PAIRS[kind])
    told = found(f"locked_{kind}", "replaying", 6)
    assert [one.verdict for one in told] == ["safe"] * 6


@pytest.mark.parametrize("kind", ["aiohttp", "flask"])
def test_its_twin_survives_a_rename_whose_reply_is_lost(kind: str) -> None:
    needs(*PAIRS[kind])
    assert [one.verdict for one in found(f"locked_{kind}", "lost-replies", 2)] == ["safe"] * 2


@pytest.mark.long
@pytest.mark.parametrize("kind", PAIRS)
def test_its_twin_is_safe_in_every_storm_of_bytes(kind: str) -> None:
    """Not in those of single requests: these servers are small, and say no more of tus than uploads need."""
    needs(*PAIRS[kind])
    for name in names():
        if not name.startswith("conformance"):
            one = session(f"locked_{kind}", name)
            if session_skip_reason(one) is None:
                assert (name, one.tell(0).verdict) == (name, "safe")


def test_digests_are_the_same_in_another_process_under_another_hash_seed() -> None:
    target = str(SERVERS / "race_aiohttp.toml")
    code = (
        "from patchstorm.campaign.simulated import digests\n"
        f"print(*digests('crash-all', {target!r}, 1, 3, 'tmpfs'))\n"
    )
    mine = digests("crash-all", target, 1, 3, "tmpfs")
    for seed in ("1", "77"):
        theirs = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True, cwd=Path.cwd(),
        )  # fmt: skip
        assert theirs.stdout.split() == mine


def test_tuspyserver_is_convicted_of_appending_before_it_saves_the_offset() -> None:
    """The first of its defects that docs/servers.md tells of."""
    needs("tuspyserver", "uvicorn")
    assert "bytes" in accused(found("tuspyserver", "crash-committing", 6, until="bytes"))


@pytest.mark.slow
def test_the_story_of_it_names_the_death_in_between(tmp_path: Path) -> None:
    story = short_story_that_comes_again("crash-committing", "bytes", tmp_path)
    assert any("its process is killed, as" in line and ".info.tmp showed" in line for line in story)


def test_tuspyserver_is_convicted_of_standing_still_while_it_waits_for_its_lock() -> None:
    needs("tuspyserver", "uvicorn")
    told = found("tuspyserver", "stalling-long", 6, until="availability")
    assert "availability" in accused(told)
    story = story_of(small_of(session("tuspyserver", "stalling-long"), told[-1], minimise=False))
    assert any("flock .locks/" in line and "times until step" in line for line in story)


@pytest.mark.long
def test_the_story_of_it_is_short_and_comes_again_in_another_process(tmp_path: Path) -> None:
    story = short_story_that_comes_again("stalling-long", "availability", tmp_path)
    assert any("flock .locks/" in line and "times until step" in line for line in story)


@pytest.mark.slow
def test_tuspyserver_is_convicted_of_removing_the_lock_that_others_hold() -> None:
    needs("tuspyserver", "uvicorn")
    assert "bytes" in accused(found("tuspyserver", "parallel", 120, until="bytes"))


@pytest.mark.slow
def test_a_story_of_it_names_the_lock_that_was_removed(tmp_path: Path) -> None:
    """As it was found: what is shrunk may slip to another of its defects, which shows as the same."""
    needs("tuspyserver", "uvicorn")
    one = session("tuspyserver", "parallel")
    for told in found("tuspyserver", "parallel", 60):
        if "bytes" in accused([told]):
            path, story = write_small(
                tmp_path, one.search, small_of(one, told, minimise=False), told.index
            )
            assert len(story) <= LINES_MAX
            if any(line.startswith("->") and "unlink .locks/" in line for line in story):
                break
    else:
        pytest.fail("no story names it")
    assert replayed_elsewhere(path) == "True True"


def short_story_that_comes_again(storm: str, checker: str, out: Path) -> Sequence[str]:
    """Of tuspyserver's first failure for ``checker``, shrunk, and replayed in another process."""
    needs("tuspyserver", "uvicorn")
    told = found("tuspyserver", storm, 6, until=checker)
    path, story, _ = keep_failure(session("tuspyserver", storm), told[-1], out)
    assert len(story) <= LINES_MAX
    assert replayed_elsewhere(path) == "True True"
    return story


def replayed_elsewhere(path: Path) -> str:
    """Whether a failure shows again in another process, and step by step."""
    code = (
        "import sys; from pathlib import Path\n"
        "from patchstorm.campaign.failure import read_failure\n"
        "from patchstorm.campaign.simulated import replay\n"
        "again = replay(read_failure(Path(sys.argv[1])))\n"
        "print(again.reproduced, again.exact)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, str(path)], env={**os.environ, "PYTHONHASHSEED": "5"},
        capture_output=True, text=True, check=True, cwd=Path.cwd(),
    )  # fmt: skip
    return told.stdout.strip()


def test_who_waits_for_a_sweeper_at_work_when_all_is_over_is_no_deadlock() -> None:
    needs("flask")
    assert not accused(found("sweeping_flask", "sequential", 12))


def test_who_waits_for_a_lock_that_is_kept_for_ever_is_one() -> None:
    needs("flask")
    assert "deadlock" in accused(found("keeping_flask", "sequential", 4, until="deadlock"))


EARLY = """
title = "The disk fails from the first moment on"
why = "Tests."
[[upload]]
size = "4KiB"
chunk = "1KiB"
[[client]]
kind = "sequential"
[[fault]]
kind = "eio"
whom = "all"
of = "write"
when = { after_ms = 0 }
"""


def test_no_call_fails_before_a_fleet_has_come_up() -> None:
    needs("flask")
    storm = parse_scenario(EARLY)
    target = str(SERVERS / "preparing_flask.toml")
    early = Session.of(Search(scenario=storm, target=target, seed=1, storage="tmpfs"))
    told = [early.tell(index) for index in range(4)]
    assert {(one.verdict, one.unknown) for one in told} == {("safe", None)}

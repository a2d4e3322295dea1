"""The sentinel freezes the whole fleet at the sight it waits for, and says so once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchstorm.live.lookout import looking_out

from .helpers import state_of, until


def rule(
    name: str = "f1",
    appeared: tuple[str, ...] = (),
    vanished: tuple[str, ...] = (),
    nth: int = 1,
    changed: tuple[str, ...] = (),
) -> dict[str, Any]:
    shown = {"appeared": appeared, "vanished": vanished, "changed": changed}
    return {"id": name, "nth": nth, **shown}


def sights(
    root: Path,
    rules: list[dict[str, Any]],
    act: Callable[[], None],
    count: int = 1,
    published: tuple[str, ...] = (),
) -> list[tuple[str, str]]:
    """What is seen while ``act`` runs, as rule and path; the fleet must stand still afterwards."""
    seen: list[tuple[str, str]] = []
    fleet = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True
    )

    def see(name: str, path: str, time_ns: int) -> None:
        assert abs(time.monotonic_ns() - time_ns) < 60_000_000_000
        seen.append((name, path))

    async def run() -> None:
        async with looking_out() as lookout:
            lookout.seen = see
            lookout.tell(pids=[fleet.pid], published=published)
            await lookout.arm(root, rules)
            act()
            await until(lambda: len(seen) >= count)
            await until(lambda: state_of(fleet.pid) == "T")
            await asyncio.sleep(0.05)  # whatever else might be said

    try:
        asyncio.run(run())
    finally:
        fleet.kill()
        fleet.wait()
    return seen


def test_what_appears_in_a_new_directory_freezes_the_fleet(tmp_path: Path) -> None:
    def act() -> None:
        (tmp_path / "s1").mkdir()
        (tmp_path / "s1" / "other").touch()
        (tmp_path / "s1" / "stage_7").touch()
        (tmp_path / "s1" / "stage_8").touch()

    assert sights(tmp_path, [rule(appeared=("*/stage_*",))], act) == [("f1", "s1/stage_7")]


def test_what_is_written_to_freezes_the_fleet_and_what_only_appears_does_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").touch()

    def act() -> None:
        (tmp_path / "other").touch()
        (tmp_path / "data").write_bytes(b"more")

    assert sights(tmp_path, [rule(changed=("dat?",))], act) == [("f1", "data")]


def test_a_published_file_that_is_written_to_is_seen_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "u1").touch()

    def act() -> None:
        (tmp_path / "u1").write_bytes(b"more")

    seen = sights(tmp_path, [rule(changed=("{published}",))], act, published=("u1",))
    assert seen == [("f1", "u1")]


def test_the_nth_sight_counts(tmp_path: Path) -> None:
    def act() -> None:
        for number in range(5):
            (tmp_path / f"x{number}").touch()

    assert sights(tmp_path, [rule(appeared=("x*",), nth=3)], act) == [("f1", "x2")]


def test_a_file_that_lives_for_a_moment_in_a_known_directory_freezes_the_fleet(
    tmp_path: Path,
) -> None:
    (tmp_path / "s1").mkdir()

    def act() -> None:
        (tmp_path / "s1" / "other").touch()
        (tmp_path / "s1" / "stage_7").touch()
        (tmp_path / "s1" / "stage_7").unlink()
        (tmp_path / "s1" / "stage_8").touch()

    assert sights(tmp_path, [rule(appeared=("*/stage_*",))], act) == [("f1", "s1/stage_7")]


def test_vanishing_is_a_sight_and_what_was_there_before_is_none(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    rules = [rule("gone", vanished=("old",)), rule("new", appeared=("*",))]

    def act() -> None:
        (tmp_path / "old").unlink()
        (tmp_path / "later").touch()

    assert sights(tmp_path, rules, act, count=2) == [("gone", "old"), ("new", "later")]


def test_a_published_name_is_a_sight_when_it_is_one(tmp_path: Path) -> None:
    def act() -> None:
        (tmp_path / "stranger").touch()
        (tmp_path / "mine").touch()

    seen = sights(tmp_path, [rule(appeared=("{published}",))], act, published=("mine",))
    assert seen == [("f1", "mine")]


def test_a_directory_that_is_not_there_is_no_end(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="never came to be"):
        asyncio.run(_impatient(tmp_path / "nowhere"))


async def _impatient(root: Path) -> None:
    seen: list[str] = []
    async with looking_out() as lookout:
        lookout.seen = lambda name, *_: seen.append(name)
        await lookout.arm(root, [rule(appeared=("*",))])
        await until(lambda: seen, within_s=0.2)

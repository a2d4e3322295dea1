"""The sentinel freezes the whole fleet at the sight it waits for, and says so once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from patchstorm.live.lookout import Sight, looking_out

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
    return [(sight.rule, sight.path) for sight in told(root, rules, act, count, published)]


def told(
    root: Path,
    rules: list[dict[str, Any]],
    act: Callable[[], None],
    count: int = 1,
    published: tuple[str, ...] = (),
) -> list[Sight]:
    """The same with all that is said of it, and of whatever else was seen until a last file appears."""
    seen: list[Sight] = []
    last = rule("last", appeared=("last",))
    fleet = subprocess.Popen(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True
    )

    async def run() -> None:
        async with looking_out() as lookout:
            lookout.seen = seen.extend
            lookout.tell(pids=[fleet.pid], published=published)
            await lookout.arm(root, [*rules, last])
            act()
            await until(lambda: len(seen) >= count)
            await until(lambda: state_of(fleet.pid) == "T")
            (root / "last").touch()
            await until(lambda: any(sight.rule == "last" for sight in seen))

    try:
        asyncio.run(run())
    finally:
        fleet.kill()
        fleet.wait()
    return [sight for sight in seen if sight.rule != "last"]


def in_one_breath(act: Callable[[], None]) -> Callable[[], None]:
    """``act`` while the sentinel is held up, as on a busy machine: it sees all of it at once."""

    def run() -> None:
        (sentinel,) = sentinels()
        os.kill(sentinel, signal.SIGSTOP)
        while state_of(sentinel) != "T":
            pass
        act()
        os.kill(sentinel, signal.SIGCONT)

    return run


def sentinels() -> list[int]:
    """The sentinels that this process has started and that run."""
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
    return [
        int(pid) for pid in children if b"sentinel" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


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

    seen = sights(tmp_path, [rule(appeared=("*/stage_*",))], act)
    assert ("f1", "s1/stage_8") in seen or seen == [("f1", "s1/stage_7")]


def test_what_was_over_before_the_fleet_stood_is_a_miss_and_the_next_sight_counts(
    tmp_path: Path,
) -> None:
    (tmp_path / "s1").mkdir()

    @in_one_breath
    def act() -> None:
        (tmp_path / "s1" / "stage_7").touch()
        (tmp_path / "s1" / "stage_7").unlink()
        (tmp_path / "s1" / "stage_8").touch()
        (tmp_path / "s1" / "stage_9").touch()

    seen = told(tmp_path, [rule(appeared=("*/stage_*",))], act, count=2)
    assert [(sight.path, sight.held) for sight in seen] == [
        ("s1/stage_7", False), ("s1/stage_8", True),
    ]  # fmt: skip


@pytest.mark.parametrize("step", ["info.tmp", "file.lock"])
def test_a_name_that_stays_is_over_with_the_next_step_that_was_completed(
    tmp_path: Path, step: str
) -> None:
    (tmp_path / step).touch()

    @in_one_breath
    def act() -> None:
        (tmp_path / "mine").touch()
        (tmp_path / step).unlink()

    (seen,) = told(tmp_path, [rule(appeared=("{published}",))], act, published=("mine",))
    assert not seen.held


def test_a_name_that_stays_goes_on_while_something_is_only_begun(tmp_path: Path) -> None:
    @in_one_breath
    def act() -> None:
        (tmp_path / "mine").touch()
        (tmp_path / "info.tmp").touch()

    (seen,) = told(tmp_path, [rule(appeared=("{published}",))], act, published=("mine",))
    assert seen.held


def test_what_goes_away_goes_on_while_its_like_go_away(tmp_path: Path) -> None:
    for name in ("chunk_1", "chunk_2"):
        (tmp_path / name).touch()

    @in_one_breath
    def act() -> None:
        (tmp_path / "chunk_1").unlink()
        (tmp_path / "chunk_2").unlink()

    (seen,) = told(tmp_path, [rule(vanished=("chunk_*",))], act)
    assert (seen.path, seen.held) == ("chunk_1", True)


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
        lookout.seen = lambda sights: seen.extend(sight.rule for sight in sights)
        await lookout.arm(root, [rule(appeared=("*",))])
        await until(lambda: seen, within_s=0.2)

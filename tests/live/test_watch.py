"""The watch sees what happens below a directory: new directories, short lives, renames."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from patchstorm.live import inotify
from patchstorm.live.tree import Change, Tree, paths
from patchstorm.live.watch import TreeWatch

from .helpers import until


def watched(
    root: Path, act: Callable[[], None], wanted: Change, *, poll_only: bool = False
) -> list[Change]:
    """Everything told while ``act`` ran, up to ``wanted``."""
    seen: list[Change] = []

    async def run() -> None:
        watch = TreeWatch(root, poll_only=poll_only)
        watch.listen(seen.append)
        async with watch:
            act()
            await until(lambda: wanted in seen)

    asyncio.run(run())
    return seen


@pytest.mark.parametrize("poll_only", [False, True])
def test_appearing_changing_and_vanishing_is_told(tmp_path: Path, poll_only: bool) -> None:
    (tmp_path / "old").write_bytes(b"")
    (tmp_path / "gone").write_bytes(b"")

    def act() -> None:
        (tmp_path / "a" / "b").mkdir(parents=True)
        (tmp_path / "a" / "b" / "c").write_bytes(b"new")
        (tmp_path / "old").write_bytes(b"more")
        (tmp_path / "gone").unlink()

    seen = watched(tmp_path, act, Change("gone", "vanished"), poll_only=poll_only)
    assert {(one.path, one.what) for one in seen} >= {
        ("a", "appeared"),
        ("a/b", "appeared"),
        ("a/b/c", "appeared"),
        ("old", "changed"),
    }


def test_a_file_that_lives_for_a_moment_is_still_seen(tmp_path: Path) -> None:
    def act() -> None:
        (tmp_path / "brief").write_bytes(b"")
        (tmp_path / "brief").unlink()

    seen = watched(tmp_path, act, Change("brief", "vanished"))
    assert Change("brief", "appeared") in seen


def test_a_rename_is_an_appearance_and_a_vanishing(tmp_path: Path) -> None:
    (tmp_path / "from").write_bytes(b"")
    seen = watched(
        tmp_path,
        lambda: (tmp_path / "from").rename(tmp_path / "to") and None,
        Change("to", "appeared", filled=True),
    )
    assert Change("from", "vanished") in seen


def test_whether_bytes_were_written_is_told_and_opening_alone_writes_none(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()

    def act() -> None:
        for name, data in (("lock", b""), ("made", b""), ("record", b"a record")):
            at = os.open(tmp_path / name, os.O_RDWR | os.O_CREAT)
            os.write(at, data) if data else None
            os.close(at)
        for name in ("lock", "made", "record"):
            (tmp_path / name).unlink()

    seen = watched(tmp_path, act, Change("record", "vanished"))
    assert {one.path for one in seen if one.filled} == {"record"}
    assert {one.path for one in seen if one.filled is False} >= {"lock", "made"}
    assert {one.path for one in seen if one.what == "changed"} == {"lock", "made", "record"}


def test_without_inotify_it_polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(inotify, "opened", none_left)
    watched(tmp_path, (tmp_path / "x").touch, Change("x", "appeared"))


def test_when_watches_run_out_it_polls_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(inotify, "add_watch", none_left)
    watched(tmp_path, (tmp_path / "x").touch, Change("x", "appeared"))


def test_nothing_is_told_of_twice_and_nothing_of_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old" / "er").mkdir(parents=True)
    tree = Tree(tmp_path)
    try:
        for number in range(200):
            (tmp_path / f"d{number}").mkdir()
            (tmp_path / f"d{number}" / "f").touch()
        told = list(tree.changes()) + list(tree.changes())
    finally:
        tree.close()
    appeared = [change.path for change in told if change.what == "appeared"]
    assert sorted(appeared) == sorted(
        [f"d{number}" for number in range(200)] + [f"d{number}/f" for number in range(200)]
    )


def test_the_tree_is_listed_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").touch()
    (tmp_path / "a").touch()
    assert paths(tmp_path) == ("a", "b", "b/c")
    assert paths(tmp_path / "nowhere") == ()

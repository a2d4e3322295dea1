"""Who acts is seen by what a process has open, under whichever of its names."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from patchstorm.live.faults import Faults

HOLDS = "import sys, time; held = [open(name) for name in sys.argv[1:]]; print(flush=True); time.sleep(600)"
Holding = Callable[..., int]


@pytest.fixture
def holding() -> Iterator[Holding]:
    """Starts a process that has the given files open, and gives its pid."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*paths: Path) -> int:
        command = [sys.executable, "-S", "-c", HOLDS, *map(str, paths)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        out = started[-1].stdout
        assert out is not None and out.readline()
        return started[-1].pid

    yield start
    for process in started:
        process.kill()
        process.communicate()


def acting(root: Path, path: str, *pids: int) -> int | None:
    replicas = [SimpleNamespace(index=index, pid=pid) for index, pid in enumerate(pids)]
    abilities: Any = SimpleNamespace(
        fleet=SimpleNamespace(replicas=replicas), storage=SimpleNamespace(root=root)
    )
    recorder: Any = None
    return Faults(abilities, recorder)._acting(path)


def made(root: Path, *names: str) -> list[Path]:
    for name in names:
        (root / name).touch()
    return [root / name for name in names]


def test_who_linked_the_file_that_he_has_open_under_its_other_name(
    tmp_path: Path, holding: Holding
) -> None:
    stage, lock, other = made(tmp_path, "stage", "lock", "other")
    (tmp_path / "published").hardlink_to(stage)
    assert acting(tmp_path, "published", holding(other), holding(lock, stage)) == 1


def test_who_has_open_what_vanished(tmp_path: Path, holding: Holding) -> None:
    (gone,) = made(tmp_path, "chunk")
    pid = holding(gone)
    gone.unlink()
    assert acting(tmp_path, "chunk", holding(), pid) == 1


def test_who_has_closed_the_file_before_it_got_its_name_is_the_one_who_is_at_work(
    tmp_path: Path, holding: Holding
) -> None:
    lock, _ = made(tmp_path, "lock", "published")
    assert acting(tmp_path, "published", holding(), holding(lock)) == 1


def test_of_two_at_work_neither_is_taken_for_the_other(tmp_path: Path, holding: Holding) -> None:
    one, two, _ = made(tmp_path, "one.lock", "two.lock", "published")
    assert acting(tmp_path, "published", holding(one), holding(two)) is None

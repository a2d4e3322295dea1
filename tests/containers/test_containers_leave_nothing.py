"""However a storm in containers ends, no container, network, volume or process of it stays."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from patchstorm.live.docker import labels
from patchstorm.live.docker.engine import Engine, engine
from patchstorm.live.docker.reaper import leftovers, main, remove
from patchstorm.worlds.containers import doctor

from .contained import needs_containers, patchstorm, things

pytestmark = needs_containers
PATIENCE_S = 90
ENDLESS = "500"


@pytest.fixture
def daemon() -> Engine:
    return engine()


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Storms without end; whatever a failed test leaves running is ended."""
    running = patchstorm(
        "run",
        "pause",
        "--world",
        "containers",
        "--schedules",
        ENDLESS,
        "--jobs",
        "2",
        folder=tmp_path,
    )
    yield running
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def of(pid: int) -> Callable[[dict[str, str]], bool]:
    """Whether a thing belongs to the harness with that number."""
    return lambda marks: marks[labels.OWNER].split(" ")[2] == str(pid)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


@pytest.mark.parametrize("count", [2, 8], ids="{} things".format)
def test_ctrl_c_leaves_nothing(
    count: int, storm: subprocess.Popen[str], daemon: Engine, tmp_path: Path
) -> None:
    mine = of(storm.pid)
    wait_for(lambda: len(things(daemon, mine)) >= count)
    os.killpg(storm.pid, signal.SIGINT)
    _, err = storm.communicate(timeout=PATIENCE_S)
    assert storm.returncode == 130, err
    assert "Traceback" not in err
    assert things(daemon, mine) == []
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_harness_leaves_is_reaped(
    storm: subprocess.Popen[str], daemon: Engine
) -> None:
    mine = of(storm.pid)
    wait_for(lambda: len(things(daemon, mine)) >= 8)
    storm.kill()
    storm.wait()
    wait_for(lambda: things(daemon, mine) == [])


def test_leftovers_are_named_by_the_doctor_and_removed_by_its_command(
    daemon: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, living = labels.new_run(), labels.new_run()
    with subprocess.Popen([sys.executable, "-c", ""]) as dead:
        dead.wait()
    marks = labels.labels(run, "volume")
    machine = marks[labels.OWNER].rsplit(" ", 2)[0]
    marks[labels.OWNER] = f"{machine} {dead.pid} 1"
    daemon.api.create_volume(f"{run}-left", labels=marks)
    daemon.api.create_volume(f"{living}-used", labels=labels.labels(living, "volume"))
    try:
        said = {one.run: str(one) for one in leftovers(daemon)}
        assert said[run] == f"{run} (1 volume)"
        assert living not in said
        assert main([run]) == 0
        assert f"removed {run}" in capsys.readouterr().out
        assert run not in {one.run for one in leftovers(daemon)}
        assert things(daemon, lambda found: found[labels.RUN] == living), "the living keep theirs"
    finally:
        remove(daemon, run)
        remove(daemon, living)
    assert "--dead" in doctor.REMEDY

"""Ctrl-C, and processes that are killed: what had ended is told, and nothing is left running or on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from cli_fakes import plain_environment

from patchstorm.cli import main

MARK = "PATCHSTORM_TEST_MARK"
PATIENCE_S = 120
ENDLESS = "1000000"
MANY = "1000"
# A shell's background jobs ignore SIGINT, and so would a test run started from one.
COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from patchstorm.cli import main; sys.exit(main())"
)


class Running:
    """The command in a process group of its own; all its processes carry a mark."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.mark = uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            cwd=folder,
            env=plain_environment() | {MARK: self.mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def first_line(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def workers(self) -> list[int]:
        """The processes that run simulations."""
        return [pid for pid, command in marked(self.mark).items() if "spawn_main" in command]

    def ctrl_c(self) -> tuple[int, str, str]:
        """What a terminal does: the signal goes to the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out, err


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts commands in ``tmp_path``; whatever a failed test leaves running is ended."""
    started: list[Running] = []

    def go(*arguments: str) -> Running:
        started.append(Running(tmp_path, *arguments))
        return started[-1]

    yield go
    for one in started:
        for pid in marked(one.mark):
            os.kill(pid, signal.SIGKILL)
        one.process.communicate()


def marked(mark: str) -> dict[int, str]:
    """The command lines of all processes that carry ``mark`` in their environment."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def gone(mark: str) -> bool:
    return marked(mark) == {}


def test_ctrl_c_among_real_processes_tells_what_ended_and_leaves_nothing(
    start: Start, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    running = start(
        "run", "--world", "processes", "--json", "--jobs", "2", "--storage", f"dir:{shared}"
    )
    assert running.first_line().replace(" ", "").startswith("[1/")
    assert len(marked(running.mark)) > 1, "replicas are up"
    code, out, err = running.ctrl_c()
    assert code == 130
    assert err.splitlines()[-1].startswith("patchstorm: interrupted after ")
    told = json.loads(out)
    assert len(told["runs"]) >= 1
    assert (told["verdict"], told["interrupted"]) == ("unknown", True)
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == [shared]
    assert list(shared.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_in_both_worlds_waits_for_no_simulation(start: Start, tmp_path: Path) -> None:
    running = start("run", "sequential", "--json", "--jobs", "2", "--schedules", MANY)
    assert "sequential in processes" in running.first_line()
    assert running.workers(), "the simulation is under way"
    code, out, err = running.ctrl_c()
    assert code == 130
    assert {run["world"] for run in json.loads(out)["runs"]} == {"processes"}
    assert err.splitlines()[-1].startswith("patchstorm: interrupted after ")
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_a_search_and_its_workers(start: Start, tmp_path: Path) -> None:
    running = start("explore", "sequential", "--json", "--jobs", "2", "--schedules", ENDLESS)
    wait_for(lambda: len(running.workers()) == 2)
    code, out, err = running.ctrl_c()
    assert code == 130
    told = json.loads(out)
    assert (told["verdict"], told["interrupted"]) == ("unknown", True)
    (run,) = told["runs"]
    assert any("interrupted" in note for note in run["notes"])
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_ends_a_self_test_and_tells_what_had_ended(start: Start, tmp_path: Path) -> None:
    running = start("selftest", "--json", "--jobs", "2", "--schedules", ENDLESS)
    assert running.first_line().replace(" ", "").startswith("[1/")
    wait_for(lambda: len(running.workers()) == 2)
    code, out, err = running.ctrl_c()
    assert code == 130
    result = json.loads(out)
    assert result["interrupted"] and result["bugs"]
    assert err.splitlines()[-1].startswith("patchstorm: interrupted after ")
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command",
    [
        ("explore", "sequential", "--jobs", "2"),
        pytest.param(("run", "sequential", "--world", "sim"), marks=pytest.mark.slow),
        pytest.param(
            ("selftest", "--only", "reference on tmpfs", "--jobs", "2"), marks=pytest.mark.slow
        ),
    ],
    ids=["explore", "run", "selftest"],
)
def test_a_worker_that_is_killed_is_an_error_that_says_so(
    command: tuple[str, ...], start: Start, tmp_path: Path
) -> None:
    running = start(*command, "--schedules", ENDLESS)
    wait_for(running.workers)
    os.kill(running.workers()[0], signal.SIGKILL)
    code, out, err = running.end()
    assert (code, out) == (2, "")
    assert "was killed from outside" in err.splitlines()[-1]
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == []


def test_workers_end_with_their_parent(start: Start) -> None:
    running = start("explore", "sequential", "--jobs", "2", "--schedules", ENDLESS)
    wait_for(lambda: len(running.workers()) == 2)
    running.process.kill()
    wait_for(lambda: gone(running.mark))


def test_the_search_for_processes_finds_one() -> None:
    mark = uuid4().hex
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env=os.environ | {MARK: mark}, stdin=subprocess.PIPE
    ) as child:
        wait_for(lambda: len(marked(mark)) == 1)
        child.communicate(b"\n")


@pytest.mark.parametrize(
    "command",
    [
        ("explore", "sequential", "--jobs", "2", "--schedules", ENDLESS),
        pytest.param(
            ("selftest", "--jobs", "2", "--schedules", ENDLESS, "--only", "innocent:sequential"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["explore", "selftest"],
)
def test_sigterm_to_a_whole_job_tells_what_had_ended(
    command: tuple[str, ...], start: Start, tmp_path: Path
) -> None:
    """What CI does to a job that takes too long: the workers get the signal as well."""
    running = start(*command, "--json")
    wait_for(lambda: len(running.workers()) == 2)
    os.killpg(running.process.pid, signal.SIGTERM)
    code, out, err = running.end()
    assert code == 130
    assert isinstance(json.loads(out), dict)
    assert err.splitlines()[-1].startswith("patchstorm: interrupted ")
    assert "Traceback" not in err
    wait_for(lambda: gone(running.mark))
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_before_the_first_storm_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("patchstorm.commands.run.execute", interrupted)
    assert main(["run", "sequential"]) == 130
    assert capsys.readouterr() == ("", "patchstorm: interrupted\n")

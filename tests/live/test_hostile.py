"""Servers that mean harm: a storm ends with a finding or unknown, and nothing else is touched."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from patchstorm.live.warden import marked
from sampled import one_in

SERVER = Path(__file__).with_name("hostile.py")
TARGET = """
name = "hostile"
capabilities = ["sequential", "creation", MORE]
[start]
command = ["{python}", "-S", "SERVER", "MODE", "{port}", "{root}"]
stop_ms = 300
inherit = ["VICTIM", "LOG_MB", "MARK"]
[ready]
by = "READY"
[wire]
path = "/files/"
request_ms = 5000
[files]
published = "{id}"
[settle]
convergence_ms = 500
sweep_ms = 200
"""
SCENARIO = """
title = "One small upload"
why = "Whatever a server does to its clients, it does at the first of them."
convergence = "500ms"
closing = "sweeper"
[fleet]
replicas = 1
[[upload]]
size = "20KiB"
chunk = "10KiB"
[[client]]
kind = "sequential"
"""
NEVER_SAYS = ("offset", "problem", "reset-unattended")
"""Servers that never say how far they are. A client would go on asking them to the end of its patience, so
they are left alone in the end, as what declares ``completes-unattended`` is."""
VICTIM = b"nobody's business " * 1_000
PATIENCE_S = 120


class Command:
    """The command in a folder of its own; all that it starts carries a mark."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = uuid4().hex
        (folder / "small.toml").write_text(SCENARIO)
        self.victim = folder / "victim"
        self.victim.write_bytes(VICTIM)

    def target(self, mode: str, *, ready: str = 'tcp"\nwithin_ms = 20000 #') -> str:
        text = TARGET.replace("SERVER", str(SERVER)).replace("MODE", mode).replace('READY"', ready)
        more = '"completes-unattended"' if mode.startswith(NEVER_SAYS) else ""
        text = text.replace("MORE", more)
        (self.folder / f"{mode}.toml").write_text(text)
        return f"./{mode}.toml"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "patchstorm", *arguments],
            cwd=self.folder,
            env={
                **os.environ, "MARK": self.mark, "COLUMNS": "200",
                "VICTIM": str(self.victim), **environment,
            },
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run(self, mode: str, *more: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(
            "run", "./small.toml", "--target", self.target(mode), "--world", "processes",
            "--out", "out", "--json", *more, **environment,
        )  # fmt: skip
        out, err = process.communicate(timeout=PATIENCE_S)
        return process.returncode, out, err

    def processes(self) -> set[int]:
        """All that the command started, but for its warden, which ends a moment after it."""
        return {pid for pid in marked(f"MARK={self.mark}") if b"warden.py" not in command_of(pid)}


def command_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"warden.py"  # gone since


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    made = Command(tmp_path)
    yield made
    for pid in made.processes():
        os.kill(pid, signal.SIGKILL)


def told(out: str) -> dict[str, str]:
    run = json.loads(out)["runs"][0]
    said = [finding["summary"] for finding in run["findings"]]
    return {"verdict": run["verdict"], "said": "\n".join([*said, run.get("unknown") or ""])}


@pytest.mark.parametrize(
    ("mode", "verdict", "said"),
    one_in(
        7,
        [
            ("flood-interim", "violated", "not HTTP: more than 100 interim answers"),
            ("flood-headers", "violated", "not HTTP: "),
            ("flood-body", "violated", "not HTTP: a body in more than "),
            ("location-bracket", "violated", "Location is `http://[bad/`, no URL"),
            ("location-space", "violated", "Location is `/files/x y HTTP/1.1`, no URL"),
            ("location-escape", "violated", r"Location is `/files/a\x1b[31mb`, no URL"),
            ("location-nul", "unknown", "is no path below the storage"),
            ("location-dots", "unknown", "`../../victim` is no path below the storage"),
            ("offset-long", "violated", "more than any file has"),
            ("offset-huge", "violated", "more than any file has"),
            ("problem-deep", "violated", "what is no problem document"),
            ("problem-surrogate", "violated", r"its status is `\ud800`"),
            ("object-fifo", "violated", "no file stands under its name"),
            ("object-link", "unknown", "links are not followed"),
            ("object-loop", "unknown", "symbolic link"),
            ("object-huge", "violated", "[0, 20480)"),
            ("names", "violated", r"the first '\\xff-name'"),
            ("deep", "violated", "paths were left after a sweep"),
            ("reset-unattended", "unknown", "not a byte of any upload was ever acknowledged"),
        ],
    ),
)
def test_one_storm_against_it_ends_with_what_it_did(
    command: Command, tmp_path: Path, mode: str, verdict: str, said: str
) -> None:
    code, out, err = command.run(mode)
    assert "Traceback" not in err
    assert (code, told(out)["verdict"]) == ({"violated": 1, "unknown": 2}[verdict], verdict), out
    assert said in told(out)["said"]
    assert command.victim.read_bytes() == VICTIM
    assert command.processes() == set()


def test_words_that_steer_a_terminal_are_spelt_out_wherever_they_are_told(
    command: Command, tmp_path: Path
) -> None:
    steering = {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E)}
    code, out, err = command.run("words", "--junit", "junit.xml")
    assert code == 2
    assert "[2J" in told(out)["said"]
    assert not steering & set(out + err)
    for name in ("page.html", "page.txt"):
        process = command.start("report", "out", "--output", name)
        process.communicate(timeout=PATIENCE_S)
        assert not steering & set((tmp_path / name).read_text()), name
    junit = (tmp_path / "junit.xml").read_text()
    assert not steering & set(junit)
    assert "[2J" in str(ElementTree.fromstring(junit).find(".//error").attrib)  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_log_without_end_is_neither_kept_whole_nor_read_whole(
    command: Command, tmp_path: Path
) -> None:
    ready = 'line"\nline = "never said"\nwithin_ms = 1500 #'
    command.target("log", ready=ready)
    process = command.start(
        "run", "./small.toml", "--target", "./log.toml", "--world", "processes", "--out", "out",
        "--json", LOG_MB="400",
    )  # fmt: skip
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert "held no line that matches ready.line" in told(out)["said"]
    (log,) = (tmp_path / "out").rglob("replica-0.log")
    assert log.stat().st_size < 300 << 20
    assert b"bytes are left out here]" in log.read_bytes()


@pytest.mark.parametrize("mode", ["daemon", "stubborn"])
def test_nothing_that_a_server_started_outlives_the_run(command: Command, mode: str) -> None:
    command.run(mode)
    assert command.processes() == set()


def test_a_daemon_that_cleaned_its_environment_does_not_outlive_the_run_either(
    command: Command, tmp_path: Path
) -> None:
    command.run("nameless")
    pid = int((tmp_path / "victim.pid").read_text())
    lives = state_of(pid) not in ("", "Z")
    if lives:
        os.kill(pid, signal.SIGKILL)
    assert not lives


def state_of(pid: int) -> str:
    """The letter that stands for the state of a process (proc(5)); nothing where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_a_harness_that_is_killed_leaves_no_daemon_of_a_server_either(command: Command) -> None:
    command.target("daemon")
    process = command.start(
        "run", "./small.toml", "--target", "./daemon.toml", "--world", "processes",
        "--schedules", "1000",
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    deadline = time.monotonic() + PATIENCE_S
    while command.processes() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert command.processes() == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_a_run_has_told_what_had_ended(
    command: Command, tmp_path: Path, number: signal.Signals
) -> None:
    command.target("plain")
    process = command.start(
        "run", "./small.toml", "--target", "./plain.toml", "--world", "processes",
        "--schedules", "1000", "--jobs", "2", "--json", "--junit", "junit.xml",
    )  # fmt: skip
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert len(json.loads(out)["runs"]) == 1
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().tag == "testsuites"
    assert err.splitlines()[-1].startswith("patchstorm: interrupted after ")
    assert command.processes() == set()
    left = {path.name for path in (tmp_path / "patchstorm-runs").glob("*/*")}
    assert "history.jsonl" not in left or "failure.json" in left

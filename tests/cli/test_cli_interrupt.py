"""Ctrl-C in the middle of a run: what had ended is told, and nothing is left running or on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

from cli_fakes import plain_environment

MARK = "PATCHSTORM_TEST_MARK"
PATIENCE_S = 20
# A shell's background jobs ignore SIGINT, and so would a test run started from one.
COMMAND = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from patchstorm.cli import main; sys.exit(main())"
)


def marked(mark: str) -> list[str]:
    """The command lines of all processes that carry ``mark`` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_ctrl_c_tells_what_ended_and_leaves_nothing(tmp_path: Path) -> None:
    mark, shared = uuid4().hex, tmp_path / "shared"
    running = subprocess.Popen(
        [
            sys.executable,
            "-c",
            COMMAND,
            "run",
            "--json",
            "--jobs",
            "2",
            "--storage",
            f"dir:{shared}",
        ],
        cwd=tmp_path,
        env=plain_environment() | {MARK: mark},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    first = running.stderr.readline()
    assert first.startswith("[ 1/"), first
    assert len(marked(mark)) > 1, "replicas are up"
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert err.splitlines()[-1].startswith("patchstorm: interrupted after ")
    assert len(json.loads(out)["runs"]) >= 1
    assert "Traceback" not in err
    deadline = time.monotonic() + PATIENCE_S
    while marked(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked(mark) == []
    assert list(tmp_path.iterdir()) == [shared]
    assert list(shared.iterdir()) == []


def test_the_search_for_processes_finds_one() -> None:
    mark = uuid4().hex
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], env=os.environ | {MARK: mark}, stdin=subprocess.PIPE
    ) as child:
        deadline = time.monotonic() + PATIENCE_S
        while not marked(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(marked(mark)) == 1
        child.communicate(b"\n")

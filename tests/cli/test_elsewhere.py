"""Where Python has no fcntl, as on Windows: one sentence, and what needs none of it works."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = """
import signal, sys
for name in ("fcntl", "termios", "resource", "pwd", "grp", "pty", "tty"):
    sys.modules[name] = None  # importing it says that there is none
del signal.SIGHUP
sys.argv = ["patchstorm", *sys.argv[1:]]
"""
COMMAND = "from patchstorm.cli import main; sys.exit(main())"
PYTEST = "import pytest; sys.exit(pytest.main(sys.argv[1:]))"


def elsewhere(folder: Path, then: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ELSEWHERE + then, *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments", [("run", "sequential"), ("explore", "sequential"), ("selftest",)], ids=" ".join
)
def test_what_storms_says_in_one_sentence_what_it_needs(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = elsewhere(tmp_path, COMMAND, *arguments)
    assert done.returncode == 2
    assert done.stderr == "patchstorm: Linux is needed: this Python has no module `fcntl`\n"


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("docs",)], ids=" ".join)
def test_what_tells_works_all_the_same(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = elsewhere(tmp_path, COMMAND, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_plugin_says_it_as_pytest_says_what_was_asked_wrongly(tmp_path: Path) -> None:
    done = elsewhere(
        tmp_path, PYTEST, "-q", "-p", "no:cacheprovider", "--patchstorm-target", "reference"
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "Linux is needed: this Python has no module `fcntl`" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr

"""Standard output and error that fail: exit code 1 stays what it is, a violation, and never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from cli_fakes import plain_environment

from sampled import one_in

SAFE = ("run", "sequential", "--world", "sim", "--schedules", "1")
VIOLATED = (
    "run",
    "sequential",
    "--target",
    "bug:chunks-left",
    "--world",
    "sim",
    "--schedules",
    "6",
)
WRONG = ("run", "no-such-storm")
FULL = "/dev/full"
CLOSED = "closed"
PIPE = "a pipe without a reader"


def ended(
    folder: Path, arguments: tuple[str, ...], out: str | None = None, err: str | None = None
) -> tuple[int, str, str]:
    """The command with its streams on ``out`` and ``err``: its exit code, and what arrived."""
    dup = [(number, where) for number, where in ((1, out), (2, err)) if where is not None]
    lines = [
        "import os, sys",
        "gone, writer = os.pipe()",
        "os.close(gone)",
        *(_redirect(number, where) for number, where in dup),
        "os.execv(sys.executable, [sys.executable, '-m', 'patchstorm', *sys.argv[1:]])",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines), *arguments],
        cwd=folder, env=plain_environment(), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def _redirect(number: int, where: str) -> str:
    if where == CLOSED:
        return f"os.close({number})"
    if where == PIPE:
        return f"os.dup2(writer, {number})"
    return f"os.dup2(os.open({where!r}, os.O_WRONLY), {number})"


@pytest.mark.slow
def test_a_reader_that_has_left_leaves_the_verdict_as_it_is(tmp_path: Path) -> None:
    assert ended(tmp_path, SAFE, out=PIPE)[0] == 0
    assert ended(tmp_path, VIOLATED, out=PIPE)[0] == 1
    assert ended(tmp_path, WRONG, out=PIPE)[0] == 2
    assert ended(tmp_path, ("--help",), out=PIPE)[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("err", one_in(3, [FULL, CLOSED, PIPE]))
def test_without_standard_error_the_result_is_told_all_the_same(err: str, tmp_path: Path) -> None:
    code, out, _ = ended(tmp_path, SAFE, err=err)
    assert code == 0
    assert "1 safe" in out
    assert ended(tmp_path, WRONG, err=err)[:2] == (2, "")


@pytest.mark.parametrize("out", one_in(2, [FULL, CLOSED]))
def test_a_result_that_nobody_got_is_not_a_success(out: str, tmp_path: Path) -> None:
    code, _, err = ended(tmp_path, SAFE, out=out)
    assert code == 2
    assert "standard output cannot be written" in err.splitlines()[-1]
    assert ended(tmp_path, SAFE, out=out, err=FULL)[0] == 2
    assert ended(tmp_path, ("list", "scenarios"), out=out)[0] == 2


@pytest.mark.slow
def test_a_violation_that_nobody_read_is_one(tmp_path: Path) -> None:
    assert ended(tmp_path, VIOLATED, out=FULL)[0] == 1


def test_help_alone_is_help_and_a_mistake_is_one_line(tmp_path: Path) -> None:
    code, _, err = ended(tmp_path, ())
    assert code == 2
    assert err.startswith("Usage: patchstorm")
    code, _, err = ended(tmp_path, ("run", "--bogus"))
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "`patchstorm run --help`" in err


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (SAFE, "--junit"),
        pytest.param(SAFE, "--badge", marks=pytest.mark.slow),
        (("explore", "sequential", "--schedules", "1"), "--junit"),
        pytest.param(
            ("matrix", "--targets", "reference", "--storms", "sequential", "--schedules", "0"),
            "--html",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["run", "badge", "explore", "matrix"],
)
def test_a_file_for_which_there_is_no_room_costs_no_verdict(
    command: tuple[str, ...], option: str, tmp_path: Path
) -> None:
    code, out, err = ended(tmp_path, (*command, option, FULL))
    assert code == 2 and "safe" in out
    assert (
        f"{option} {FULL}: could not be written (No space left on device)" in err.splitlines()[-1]
    )

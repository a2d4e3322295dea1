"""Disks of their own for programs that ask for one, and what an interrupted run tells."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign.litmus import parse_mounts
from patchstorm.cli import main
from patchstorm.commands.ending import INTERRUPTED
from patchstorm.errors import UsageError
from patchstorm.live.storage import UnavailableStorage
from patchstorm.report import ticker
from patchstorm.report.ticker import Ticker

ROOM = """
[[program]]
name = "room"
steps = '''
A room r; w f z*409600
A = spent r -> {expected}
A open p f r
B unlink f
A = spent r -> 409600
A close p
A = spent r -> 0
'''
[[program]]
name = "full"
steps = '''
S fill 65536
A open p f w,creat; = write p x*200000
S = size f
'''
"""


def run(
    folder: Path, text: str, mount: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    path = folder / "own.toml"
    path.write_text(text)
    code = main(["litmus", str(path), "--mount", mount, "--json"])
    said = capsys.readouterr().out
    return code, json.loads(said) if said else {}


def sized(left_out: dict[str, str]) -> None:
    """Skip where this machine has no tmpfs of its own for anybody."""
    for reason in left_out.values():
        pytest.skip(reason)


@pytest.mark.parametrize("mount", ["tmpfs", "tmpfs,size=2MiB"])
def test_a_real_disk_is_measured_and_filled(
    mount: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(tmp_path, ROOM.format(expected="409600"), mount, capsys)

    (report,) = document["mounts"]
    sized(report["left_out"])
    assert code == 0
    assert [one["seen"][0][-1] for one in report["programs"]] == [0, 65536]


def test_a_wrong_claim_about_room_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(tmp_path, ROOM.format(expected="409601"), "tmpfs", capsys)

    sized(document["mounts"][0]["left_out"])
    assert code == 1
    program = document["mounts"][0]["programs"][0]
    assert "A = spent r: expected 409601, and it gave 409600" in program["unexpected"][0]
    assert program["forbidden"] == []


def test_a_directory_that_others_write_to_settles_no_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(tmp_path, ROOM.format(expected="409600"), f"dir:{tmp_path}", capsys)

    assert code == 2
    assert set(document["mounts"][0]["left_out"]) == {"room", "full"}


def test_without_a_disk_of_its_own_a_program_is_left_out_and_the_reason_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(*_: object) -> None:
        raise UnavailableStorage("no user namespaces")

    monkeypatch.setattr("patchstorm.live.storage._small", none)
    text = ROOM.format(expected="409600") + "[[program]]\nname='other'\nsteps='A w f x'\n"

    code, document = run(tmp_path, text, "tmpfs", capsys)

    (report,) = document["mounts"]
    assert code == 0
    assert [one["program"] for one in report["programs"]] == ["other"]
    assert report["left_out"] == {"room": "no user namespaces", "full": "no user namespaces"}


def test_what_asks_for_no_disk_never_finds_it_full(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "[[program]]\nname='large'\nsteps='A w f x*4194304; = size f'\n"

    assert run(tmp_path, text, "tmpfs", capsys)[0] == 0


@pytest.mark.parametrize(
    "mount",
    ["tmpfs,size=1KiB", "tmpfs,size=1GiB", "tmpfs,size=65537", "tmpfs,size=x", "tmpfs,noac"],
)
def test_a_size_that_cannot_be_had_is_refused(mount: str) -> None:
    with pytest.raises(UsageError):
        parse_mounts(mount)


def test_sizes_and_directories_are_mounts() -> None:
    assert parse_mounts("tmpfs,size=2MiB,dir:.,nfs4.2") == ("tmpfs,size=2MiB", "dir:.", "nfs4.2")


class Impatient(Ticker):
    """In place of somebody who presses Ctrl-C when the third program has ended."""

    count = 0

    def tell(self, done: str) -> None:
        self.count += 1
        if self.count == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("options", "after"),
    [
        (["--random", "20"], "3 of 20 random programs"),
        (["--program", "new-name,listing,flock,posix-lock"], "3 programs"),
    ],
)
def test_an_interruption_tells_what_was_found_so_far(
    options: list[str],
    after: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("patchstorm.commands.litmus.Ticker", Impatient)

    assert main(["litmus", "--mount", "tmpfs", "--json", *options]) == INTERRUPTED

    said = capsys.readouterr()
    document = json.loads(said.out)
    (mount,) = document["mounts"]
    programs = mount["programs"]
    assert (programs if isinstance(programs, int) else len(programs)) == 3
    assert (document["interrupted"], document["verdict"]) == (True, "unknown")
    assert f"interrupted after {after}" in said.err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_each_program_and_keeps_none(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)

    with Ticker() as shown:
        shown.tell("one")
        shown.tell("x" * 500)

    assert "one" in screen.getvalue()
    assert "x" * 500 not in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("step_s", "lines"), [(4.0, ["c", "f"]), (0.1, [])])
def test_a_log_sees_a_line_now_and_then(
    step_s: float, lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log, now = io.StringIO(), iter(step_s * number for number in range(99))
    monkeypatch.setattr(sys, "stderr", log)
    monkeypatch.setattr(ticker, "clock_s", lambda: next(now))

    with Ticker() as shown:
        for word in "abcdef":
            shown.tell(word)

    assert log.getvalue().split() == lines

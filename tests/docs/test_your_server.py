"""docs/your-server.md, followed to the letter, puts a correct server under test without one false row."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "your-server.md"
SERVER = Path(__file__).with_name("own_server.py")
EXPLAINED = {"safe", None}


def shown(start: str) -> str:
    """The first command of the document that begins so."""
    commands = re.findall(r"^patchstorm .*$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return next(command for command in commands if command.startswith(start))


def ran(command: str, folder: Path) -> str:
    """What the command prints; it must find nothing."""
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder, capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Steps 1 and 2: the file as the document has it filled in, with this server's command, and probed."""
    folder = tmp_path_factory.mktemp("own")
    ran(shown("patchstorm target new"), folder)
    file = folder / "my-own.toml"
    example = DOCUMENT.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    said = tomllib.loads(example)
    text = file.read_text(encoding="utf-8")
    command = json.dumps(["{python}", "-S", str(SERVER), "{port}", "{root}"])
    for key, value in (
        ("name", json.dumps(said["name"])),
        ("capabilities", json.dumps(said["capabilities"])),
        ("command", command),
        ("path", json.dumps(said["wire"]["path"])),
        ("published", json.dumps(said["files"]["published"])),
    ):
        text, times = re.subn(rf"(?m)^({key} *= ).*$", lambda line: line[1] + value, text)  # noqa: B023
        assert times == 1, key
    file.write_text(text, encoding="utf-8")
    ran(shown("patchstorm target check my-own.toml --apply"), folder)
    return folder


@pytest.mark.slow
def test_a_second_round_finds_nothing_to_say(folder: Path) -> None:
    said = json.loads(ran("patchstorm target check my-own.toml --json", folder))
    assert said["proposals"] == [] and said["remarks"] == []
    assert set(said["declared"]) == set(said["capabilities"])


@pytest.mark.slow
def test_one_client_alone_is_safe(folder: Path) -> None:
    assert "safe" in ran(shown("patchstorm run sequential"), folder)


@pytest.mark.slow
def test_no_row_of_the_matrix_accuses_it(folder: Path) -> None:
    said = json.loads(ran(f"{shown('patchstorm matrix')} --jobs 2 --json", folder))
    (row,) = said["rows"]
    verdicts = {cell["storm"]: cell["verdict"] for cell in row["cells"]}
    assert set(verdicts.values()) == EXPLAINED
    assert sum(verdict == "safe" for verdict in verdicts.values()) > 25

"""What docs/your-python-server.md shows is what comes, from its files to the story of the failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from shown_files import write_files

from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.simulated import replay
from patchstorm.cli import main
from patchstorm.commands.target import check, new
from patchstorm.target.load import load_target

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "your-python-server.md"
LINES_MAX = 25


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_files(DOCUMENT, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_file_that_is_written_is_the_one_that_is_shown(folder: Path) -> None:
    (folder / "my-app.toml").rename(folder / "shown.toml")
    assert new("my-app", "my_app:app") == 0
    written, shown = load_target(folder / "my-app.toml"), load_target(folder / "shown.toml")
    assert written.simulate == shown.simulate
    assert (written.wire, written.capabilities) == (shown.wire, shown.capabilities)


def test_the_server_is_told_to_be_simulable(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("my-app.toml", json=False, keep=False) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("simulated: yes; the storm sequential took ")
    assert first.endswith(" steps and was safe")


def test_a_server_that_starts_processes_is_told_not_to_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = folder / "my_app.py"
    server.write_text(server.read_text() + "import subprocess\nsubprocess.run(['true'])\n")
    assert check("my-app.toml", json=False, keep=False) == 1
    said = capsys.readouterr().out
    assert said.startswith("cannot be simulated: ")
    assert f"my_app.py:{len(server.read_text().splitlines())}: the server starts a process" in said


@pytest.mark.slow
def test_the_search_finds_the_race_and_its_story_names_the_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = next(
        line.split()[1:]
        for line in DOCUMENT.read_text().splitlines()
        if "patchstorm explore" in line
    )
    assert main([*command, "--jobs", "1"]) == 1
    came = capsys.readouterr().out
    (path,) = (folder / "patchstorm-runs").glob("*/failure.json")
    story = read_failure(path).story
    assert len(story) <= LINES_MAX
    deed = [line for line in story if "done on what had changed" in line]
    append = (folder / "my_app.py").read_text().splitlines().index("        file.write(body)")
    assert any(f"(my_app.py:{append})" in line for line in deed)  # where the file is closed
    assert came.splitlines()[-1].startswith("patchstorm replay ")
    again = replay(read_failure(path))
    assert again.reproduced and again.exact

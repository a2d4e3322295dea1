"""``target new`` writes a file that can be filled in, and never over one that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.commands.target import new
from patchstorm.errors import UsageError
from patchstorm.target.load import load_target


@pytest.mark.parametrize(
    ("asked", "file"), [("mine", "mine.toml"), ("sub/its.toml", "sub/its.toml")]
)
def test_the_skeleton_is_a_target_of_that_name(
    asked: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("sub").mkdir()
    assert new(asked) == 0
    target = load_target(Path(file))
    assert target.name == Path(file).stem
    assert target.reading == "sequential"
    assert f"patchstorm target check {file}" in capsys.readouterr().out


def test_every_remark_in_the_skeleton_is_right_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new("mine")
    path = Path("mine.toml")
    used = []
    for line in path.read_text().splitlines():
        bare = line.removeprefix("# ")
        optional = line.startswith("# ") and ("=" in bare or bare.startswith("["))
        used.append(bare if optional and not bare.startswith(("by ", "line ")) else line)
    path.write_text("\n".join(line for line in used if not line.startswith("# ")))
    target = load_target(path)
    assert target.files.read == "get"
    assert target.start.lifetime and target.phases and target.wire.headers
    assert not target.wire.chunked


def test_a_file_that_is_there_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        new("mine")
    assert Path("mine.toml").read_text() == "precious"


def test_a_directory_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        new("/no/such/place/mine")


def test_the_place_it_tells_steers_no_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "\x1b[31mred"
    place.mkdir()
    assert new(str(place / "mine")) == 0
    said = capsys.readouterr().out
    assert r"\x1b[31mred/mine.toml" in said and "\x1b" not in said

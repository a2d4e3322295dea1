"""A correct server in another language, and its twin without the lock: nobody accused, and somebody."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from patchstorm.cli import main

from .mounts import mounts
from .storms import HERE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The target files of both, beside the program."""
    with mounts():
        pass
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: install it to build tests/fuse/locked.go")
    folder = tmp_path_factory.mktemp("go")
    subprocess.run([go, "build", "-o", folder / "locked", HERE / "locked.go"], check=True)
    text = (HERE / "locked.toml").read_text()
    (folder / "locked.toml").write_text(text)
    twin = text.replace('"{port}"]', '"{port}", "unlocked"]').replace("locked-go", "unlocked-go")
    (folder / "unlocked.toml").write_text(twin)
    return folder


@pytest.mark.parametrize("world", ["fuse", "processes"])
def test_who_holds_the_lock_is_accused_of_nothing(
    servers: Path, world: str, capsys: pytest.CaptureFixture[str]
) -> None:
    storms = ["conflicting", "replaying", "crash-receiving"]
    target = ["--target", str(servers / "locked.toml"), "--out", str(servers / world)]
    assert main(["run", *storms, "--world", world, *target, "--schedules", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["runs"]
    assert {one["verdict"] for one in found} == {"safe"}


def test_the_twin_without_a_lock_is_convicted_made_small_and_replayed(
    servers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--target", str(servers / "unlocked.toml"), "--out", str(servers / "twin")]
    asked = ["explore", "conflicting", "--world", "fuse", "--schedules", "12", "--json"]
    assert main([*asked, *target]) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert {one["checker"] for one in found["findings"]} >= {"conflict"}
    assert len(json.loads(Path(found["failure"]).read_text())["schedule"]["choices"]) == 1
    assert main(["replay", "--times", "3", found["failure"]]) == 1

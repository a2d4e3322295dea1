"""Servers by storms, with a row from the world ``fuse``: after how many runs its search found something."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from patchstorm.cli import main

from .mounts import mounts
from .storms import HERE, target_text


@pytest.mark.slow
def test_a_row_counts_runs_until_something_was_found_and_tells_the_story(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounts():
        pass
    mine = tmp_path / "bare.toml"
    mine.write_text(target_text("bare").replace("{here}", str(HERE)))
    junit = tmp_path / "junit.xml"
    asked = ["matrix", "--targets", str(mine), "--storms", "conflicting", "--conducted", "12"]
    asked += ["--schedules", "0", "--out", str(tmp_path / "table"), "--junit", str(junit)]
    assert main([*asked, "--json", "--quiet"]) == 1
    live, conducted = json.loads(capsys.readouterr().out)["rows"]
    assert (live["world"], conducted["world"]) == ("processes", "fuse")
    (found,) = conducted["cells"]
    assert found["verdict"] == "violated" and found["violated"] == 1
    assert 1 < found["runs"] <= 12  # the plain order is safe
    assert found["steps"]
    assert any(line.lstrip().startswith("-> step") for line in found["story"])
    assert any("came back in" in line for line in found["story"])
    assert found["command"].startswith("patchstorm explore conflicting --world fuse --target")
    names = {one.get("classname", "") for one in Xml.parse(junit).iter("testcase")}
    assert any("fuse" in name for name in names)
    (page,) = (tmp_path / "table" / "servers").glob("*-in-fuse.md")
    assert "<- changed meanwhile" in page.read_text()

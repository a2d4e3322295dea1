"""A storm that did not come to its point, in each command: exit code 2, JUnit's error, and the way out."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from patchstorm.cli import main
from sampled import one_in
from scenario.storm_texts import NEVER

WAYS = {
    "run in processes": ["run", "never.toml", "--world", "processes"],
    "run in sim": ["run", "never.toml", "--world", "sim", "--schedules", "2"],
    "explore": ["explore", "never.toml", "--schedules", "2"],
    "matrix": ["matrix", "--targets", "reference", "--storms", "never.toml", "--repeat", "2"],
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never.toml").write_text(NEVER)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("way", one_in(2, WAYS))
def test_it_is_unknown_unless_that_is_allowed(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(WAYS[way]) == 2
    assert "never triggered: after_requests 100000" in " ".join(capsys.readouterr().out.split())
    assert main([*WAYS[way], "--allow-unreached", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verdict"] == "safe"


def test_junit_has_it_as_an_error_and_json_point_by_point(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = WAYS["run in processes"]
    assert main([*asked, "--schedules", "2", "--junit", "junit.xml", "--json"]) == 2
    suite = Xml.parse("junit.xml").getroot()[0]
    assert (suite.attrib["errors"], suite.attrib["failures"]) == ("1", "0")
    error = suite[0].find("error")
    assert error is not None and error.attrib["message"].startswith("not reached: crash-0")
    points = json.loads(capsys.readouterr().out)["runs"][0]["points"]
    assert [(one["name"], one["reached"]) for one in points] == [
        ("served", True), ("crash-0", False),
    ]  # fmt: skip

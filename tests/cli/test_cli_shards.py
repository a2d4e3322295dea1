"""A share of the storms with nothing to run fails no job, and nothing takes it for safe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from patchstorm.cli import main

SIM = ("--world", "sim", "--schedules", "1", "--jobs", "1", "--no-corpus")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def shares(
    capsys: pytest.CaptureFixture[str], of: int, *asked: str
) -> list[tuple[int, dict[str, Any]]]:
    """What each of so many shares ended with, and what it printed for programs."""
    ended = []
    for number in range(1, of + 1):
        code = main(["run", *asked, *SIM, "--shard", f"{number}/{of}", "--json"])
        ended.append((code, json.loads(capsys.readouterr().out)))
    return ended


def test_of_more_shares_than_storms_the_surplus_are_empty_and_no_failure(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = shares(capsys, 4, "sequential", "zero-bytes")
    assert [code for code, _ in ended] == [0, 0, 0, 0]
    assert [said["verdict"] for _, said in ended] == ["safe", "safe", "unknown", "unknown"]
    ran, nothing = [said for _, said in ended[:2]], [said for _, said in ended[2:]]
    assert [run["scenario"] for said in ran for run in said["runs"]] == ["sequential", "zero-bytes"]
    assert all("nothing" not in said for said in ran)
    assert [said["runs"] for said in nothing] == [[], []]
    assert nothing[0]["nothing"] == "nothing to run in this share: 3/4 of 2 storms is empty"


def test_an_empty_share_is_one_line_and_its_files_say_of_nothing_that_it_is_safe(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    files = ("--out", "out", "--junit", "junit.xml", "--badge", "badge.json")
    assert main(["run", "sequential", *SIM, "--shard", "2/2", *files]) == 0
    said = capsys.readouterr().out
    assert said == "nothing to run in this share: 2/2 of 1 storm is empty\n"
    assert main(["report", "out"]) == 0
    assert capsys.readouterr().out == said
    assert main(["report", "out", "-o", "page.html"]) == 0
    assert Xml.parse("junit.xml").getroot().findall(".//testcase") == []
    told = ("badge.json", "summary.md", "page.html")
    texts = {name: (tmp_path / name).read_text(encoding="utf-8") for name in told}
    assert json.loads(texts["badge.json"])["message"] == "nothing ran"
    assert "nothing to run in this share" in texts["summary.md"]
    body = texts["page.html"].partition("<body>")[2]
    assert "nothing to run in this share" in body and "Nothing was left out" not in body
    assert not any("safe" in text.partition("<body>")[2] or "✅" in text for text in texts.values())


def test_a_share_of_skipped_storms_alone_is_nothing_to_run_where_others_have_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = shares(capsys, 2, "sequential", "real-client-tuspy")
    assert [code for code, _ in ended] == [0, 0]
    assert [said["verdict"] for _, said in ended] == ["safe", "unknown"]
    _, said = ended[1]
    assert said["runs"][0]["skipped"]
    assert said["nothing"] == (
        "nothing to run in this share: what 2/2 of 2 storms has is skipped, "
        "and other shares have storms that are run"
    )


def test_where_no_share_has_a_storm_that_is_run_all_of_them_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    ended = shares(capsys, 2, "real-client-tuspy", "real-client-tus-js")
    assert [code for code, _ in ended] == [2, 2]
    assert all("nothing" not in said for _, said in ended)


def test_storms_for_which_time_was_over_are_no_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = shares(capsys, 2, "sequential", "zero-bytes", "--seconds", "0.000001")[1]
    assert code == 2 and "nothing" not in said


def test_what_matches_no_storm_at_all_stays_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "no-such-*", *SIM, "--shard", "1/2"]) == 2
    assert "no-such-*" in capsys.readouterr().err

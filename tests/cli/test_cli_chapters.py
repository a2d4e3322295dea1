"""A storm that names a chapter of conformance cases is for these: without one of them it tried nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patchstorm.cli import main

STORM = """
title = "What the protocol says of one thing"
why   = "A server is held to one chapter."

[[upload]]
size = "64B"

[[client]]
kind    = "conformance"
chapter = "{chapter}"
"""


@pytest.mark.parametrize(
    ("chapter", "code", "verdict"), [("minted", 2, "unknown"), ("termination", 0, "safe")]
)
def test_a_chapter_of_which_no_case_applies_makes_nothing_safe(
    chapter: str, code: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storm = tmp_path / "one.toml"
    storm.write_text(STORM.format(chapter=chapter))
    arguments = ["--target", "innocent:server-named", "--world", "sim", "--schedules", "1"]
    assert main(["run", str(storm), *arguments, "--no-corpus", "--json"]) == code
    run: dict[str, Any] = json.loads(capsys.readouterr().out)["runs"][0]
    assert run["verdict"] == verdict
    points = {point["name"]: point["reached"] for point in run["points"]}
    assert points[f"chapter {chapter}"] is (code == 0)
    assert (f"chapter {chapter}" in (run["unknown"] or "")) is (code == 2)

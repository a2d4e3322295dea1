"""People's own tests storm: a marker says which storm, and the test asks what it likes of what came."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest_plugins = "pytester"

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "pytest.md"

BEGIN = """
import pytest
import patchstorm
from patchstorm import api
"""
SIMULATED = """
@patchstorm.storm("sequential", target="reference", world="sim", seed=3, schedules=2)
def test_mine(storm):
    assert isinstance(storm, api.Explored)
    assert (storm.report.seed, storm.report.schedules) == (3, 2)
"""
UNASKED = """
@patchstorm.storm("sequential", target="bug:chunks-left", world="sim", schedules=1)
def test_that_looks_at_nothing():
    pass
"""
EXPECTED = """
@pytest.mark.storm("sequential", target="bug:chunks-left", world="sim", schedules=1, verdict="violated")
def test_that_the_bug_is_found(storm):
    assert storm.report.findings[0].checker == "residue"

@pytest.mark.storm("sequential", target="bug:chunks-left", world="sim", schedules=1, verdict=None)
def test_that_judges_by_itself(storm):
    assert storm.report.verdict == "violated"
"""
OWN = """
TARGET = api.Target(
    name="never", capabilities=("sequential", "creation"), start=api.Start(command=("never",)),
    wire=api.Wire(path="/files"),
)

def build(port, root):
    return api.WholeRequests(lambda request: api.Response(status=503, headers=(("Retry-After", "1"),)))

@patchstorm.storm("sequential", target=api.subject(TARGET, build), schedules=1, verdict=None)
def test_of_a_store_in_this_file(storm):
    assert storm.report.target == "never" and storm.report.world == "sim"
"""
REAL = """
@patchstorm.storm("sequential")
def test_with_real_processes(storm):
    assert isinstance(storm, api.StormResult) and storm.report.world == "processes"
    assert [one.call.kind for one in storm.history.operations]
"""


def passing(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(BEGIN + text)
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *arguments)


@pytest.mark.parametrize("text", [SIMULATED, EXPECTED, OWN], ids=["simulated", "expected", "own"])
def test_a_test_asks_what_it_likes_of_what_came(pytester: pytest.Pytester, text: str) -> None:
    result = passing(pytester, text)
    result.assert_outcomes(passed=text.count("def test_"))


def test_a_storm_that_was_violated_fails_a_test_that_looks_at_nothing(
    pytester: pytest.Pytester,
) -> None:
    """The test, not its setup: who counts failures would not see it there."""
    result = passing(pytester, UNASKED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["sequential against bug:chunks-left in sim*", "patchstorm replay *"]
    )
    assert result.stdout.str().count("\npatchstorm replay ") == 1, "the story is told once"


def test_the_options_say_against_what_and_real_processes_give_their_history(
    pytester: pytest.Pytester,
) -> None:
    result = passing(
        pytester, REAL, "--patchstorm-target", "reference", "--patchstorm-scenarios", "replaying",
        "-k", "test_with_real_processes",
    )  # fmt: skip
    result.assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    ("mark", "remedy"),
    [
        ("", "*the fixture `storm` needs a storm. Write @patchstorm.storm(*"),
        ('@pytest.mark.storm("sequential")', "*names no target, and --patchstorm-target is not*"),
        ('@pytest.mark.storm("sequential", wrld="sim")', "*'wrld'*"),
        ('@pytest.mark.storm("sequentail", target="reference")', "*sequential*"),
        ('@pytest.mark.storm("sequential", target="reference", verdict="ok")', "*is none of safe*"),
        ('@pytest.mark.storm("sequential", target="reference", world="simm")', "*Worlds: sim*"),
    ],
)
def test_a_wrong_marker_is_told_with_the_remedy(
    pytester: pytest.Pytester, mark: str, remedy: str
) -> None:
    result = passing(pytester, f"{mark}\ndef test_it(storm):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"UsageError: {remedy}"])
    assert not any("Traceback" in line for line in result.outlines)


def test_the_examples_of_the_document_pass(pytester: pytest.Pytester) -> None:
    shown = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    text = "\n".join(shown)
    assert text.count("def test_") == 3
    passing(pytester, text).assert_outcomes(passed=3)

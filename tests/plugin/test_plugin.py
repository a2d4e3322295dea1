"""The pytest plugin, in pytest runs of its own: items, skips, failures worth reading, and nothing unasked."""

from __future__ import annotations

import json

import pytest

from sampled import one_in
from scenario.storm_texts import NEVER

pytest_plugins = "pytester"

QUIET = ("-p", "no:cacheprovider")
STORM = ("--patchstorm-target", "reference", "--patchstorm-scenarios", "sequential")
WRONG = ("--patchstorm-target", "bug:no-offset", "--patchstorm-scenarios", "sequential")

BROKEN_SERVER = """
name = "broken"
capabilities = ["sequential", "creation"]

[start]
command = ["{python}", "-c", "raise SystemExit('no configuration')", "{port}"]

[wire]
path = "/files"
"""


def items(result: pytest.RunResult) -> list[str]:
    return [line for line in result.outlines if line.startswith("patchstorm::")]


def test_without_the_option_nothing_is_collected_or_imported(
    pytester: pytest.Pytester, loaded_as_installed: None
) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_of_somebody_else():
            loaded = {name for name in sys.modules if name.startswith("patchstorm")}
            assert loaded <= {"patchstorm", "patchstorm.pytest_plugin"}
        """
    )
    result = pytester.runpytest_subprocess(*QUIET)
    result.assert_outcomes(passed=1)


def test_every_storm_and_seed_is_an_item(
    pytester: pytest.Pytester, loaded_as_installed: None
) -> None:
    result = pytester.runpytest_subprocess(
        *QUIET, "--collect-only", "-q",
        "--patchstorm-target", "reference",
        "--patchstorm-scenarios", "sequential,replaying",
        "--patchstorm-seeds", "2",
    )  # fmt: skip
    assert items(result) == [
        "patchstorm::sequential[reference-1]",
        "patchstorm::sequential[reference-2]",
        "patchstorm::replaying[reference-1]",
        "patchstorm::replaying[reference-2]",
    ]


@pytest.mark.slow
def test_items_can_be_chosen_with_k(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(
        *QUIET, "--collect-only", "-q", "-k", "replaying and not crash",
        "--patchstorm-target", "reference",
    )  # fmt: skip
    assert items(result) == ["patchstorm::replaying[reference-1]"]


@pytest.mark.slow
def test_a_correct_server_passes_and_leaves_nothing(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*QUIET, *STORM)
    result.assert_outcomes(passed=1)
    assert not (pytester.path / "patchstorm-runs").exists()


def test_a_wrong_server_fails_with_a_story_and_its_replay(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS")
    result = pytester.runpytest_subprocess(*QUIET, *WRONG)
    result.assert_outcomes(failed=1)
    said = result.outlines
    command = [line for line in said if line.startswith("patchstorm replay ")]
    assert len(command) == 1
    assert (pytester.path / command[0].removeprefix("patchstorm replay ")).is_file()
    end = said.index(command[0]) + 1
    assert said[end].startswith("="), "the command is the last line of the failure"
    assert len(list(pytester.path.glob(".patchstorm/failures/*.json"))) == 1, "it is kept"
    assert not any("pytest_plugin.py" in line for line in said), "a story, not a traceback"


@pytest.mark.slow
def test_what_failed_before_is_tried_first_and_kept_by_every_worker(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS")
    first = pytester.runpytest_subprocess(*QUIET, "-n", "2", *WRONG, "--patchstorm-seeds", "2")
    first.assert_outcomes(failed=2)
    kept = {
        json.loads(path.read_text())["seed"]: path
        for path in pytester.path.glob(".patchstorm/failures/*")
    }
    assert sorted(kept) == [1, 2], "nobody lost anything"
    kept[1].unlink()
    second = pytester.runpytest_subprocess(*QUIET, *WRONG)
    second.assert_outcomes(failed=1)
    second.stdout.fnmatch_lines(["sequential against bug:no-offset in processes, seed 2: *"])
    assert list(pytester.path.glob(".patchstorm/failures/*")) == [kept[2]]


def test_a_server_that_does_not_start_fails_as_unknown(pytester: pytest.Pytester) -> None:
    (pytester.path / "broken.toml").write_text(BROKEN_SERVER)
    result = pytester.runpytest_subprocess(
        *QUIET,
        "--patchstorm-target", "broken.toml", "--patchstorm-scenarios", "sequential",
    )  # fmt: skip
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*sequential against broken *: unknown: *", "*no configuration*"])


def test_a_storm_that_cannot_run_here_is_skipped_with_the_reason(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_subprocess(
        *QUIET, "-rs",
        "--patchstorm-target", "reference", "--patchstorm-scenarios", "power-loss",
    )  # fmt: skip
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*power-loss can be brought about in sim*"])


@pytest.mark.slow
def test_storms_run_under_xdist(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(*QUIET, "-n", "2", *STORM, "--patchstorm-seeds", "2")
    result.assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    one_in(
        2,
        [
            (["--patchstorm-target", "refrence"], "*reference*"),
            ([*STORM[:3], "sequentail"], "*sequential*"),
            ([*STORM[:3], ","], "*name at least one storm*"),
            ([*STORM, "--patchstorm-seeds", "0"], "*from 1 on*"),
        ],
    ),
)
def test_a_wrong_option_is_a_usage_error(
    pytester: pytest.Pytester, arguments: list[str], remedy: str
) -> None:
    result = pytester.runpytest_subprocess(*QUIET, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {remedy}"])


@pytest.mark.slow
def test_a_storm_that_did_not_come_to_its_point_fails_unless_that_is_allowed(
    pytester: pytest.Pytester,
) -> None:
    pytester.makefile(".toml", never=NEVER)
    asked = ("--patchstorm-target", "reference", "--patchstorm-scenarios", "never.toml")
    result = pytester.runpytest_subprocess(*QUIET, *asked)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*unknown: not reached: crash-0 (never triggered: *"])
    allowed = pytester.runpytest_subprocess(*QUIET, *asked, "--patchstorm-allow-unreached")
    allowed.assert_outcomes(passed=1)

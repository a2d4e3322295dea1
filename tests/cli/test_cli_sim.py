"""``run``, ``explore``, ``shrink`` and ``replay`` in the simulator: verdicts, stories, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
from cli_fakes import PROGRAM, patchstorm

from patchstorm.cli import main
from patchstorm.history import read_history

RACE = ("replaying", "--target", "reference:append")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A directory in which the simulator caught the racing variant, and what the command printed."""
    folder = tmp_path_factory.mktemp("found")
    done = patchstorm("run", *RACE, "--world", "sim", "--junit", "junit.xml", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return folder, done.stdout.splitlines()


def failure_of(lines: list[str]) -> str:
    assert lines[-1].startswith("patchstorm replay ")
    return lines[-1].split()[-1]


def test_a_race_is_told_step_by_step_on_one_screen(found: tuple[Path, list[str]]) -> None:
    _, lines = found
    assert lines[0].split() == ["scenario", "verdict", "schedules", "steps", "seconds", "remark"]
    assert lines[1].split()[:2] == ["replaying", "violated"]
    story = lines[lines.index("replaying against reference:append in sim, seed 1: violated") :]
    assert any(line.startswith("  bytes: ") for line in story)
    assert [line for line in story if line.startswith("  -> step ")], "the causal steps are marked"
    assert len(story) <= 40
    assert failure_of(lines).startswith("patchstorm-runs/replaying-reference-append-sim-1-")


def test_junit_and_the_failure_file_hold_the_same_steps(found: tuple[Path, list[str]]) -> None:
    folder, lines = found
    steps = [line.strip() for line in lines if " step " in line]
    case = Xml.parse(folder / "junit.xml").getroot().find("testsuite/testcase/failure")
    assert case is not None and case.text is not None
    assert [line.strip() for line in case.text.splitlines() if " step " in line] == steps
    kept = json.loads((folder / failure_of(lines)).read_text())
    assert [line.strip() for line in kept["story"]] == steps
    assert read_history((folder / failure_of(lines)).with_name("history.jsonl")).events


def test_a_replay_in_another_process_is_the_same_bit_for_bit(
    found: tuple[Path, list[str]],
) -> None:
    folder, lines = found
    done = patchstorm("replay", failure_of(lines), cwd=folder, PYTHONHASHSEED="4242")
    assert done.returncode == 1, done.stdout + done.stderr
    again = done.stdout.splitlines()
    assert again[0] == "The violation came back, bit for bit."
    assert [line for line in again if " step " in line] == [
        line for line in lines if " step " in line
    ]
    assert again[-1] == lines[-1]


def test_a_replay_that_finds_nothing_ends_with_zero(
    found: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lines = found
    failure = json.loads((folder / failure_of(lines)).read_text())
    failure["schedule"]["choices"] = []  # nobody is held up any more
    del failure["mark"]  # as if it had been recorded so
    dull = tmp_path / "dull.json"
    dull.write_text(json.dumps(failure))
    assert main(["replay", str(dull), "--near", "0"]) == 0
    assert capsys.readouterr().out.startswith("The violation did not come back")


@pytest.mark.parametrize("command", ["replay", "shrink"])
def test_steps_that_meant_something_else_are_refused(
    command: str,
    found: tuple[Path, list[str]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, lines = found
    failure = json.loads((folder / failure_of(lines)).read_text())
    failure["schedule"]["version"] = 999
    old = tmp_path / "old.json"
    old.write_text(json.dumps(failure))
    more = ["-o", str(tmp_path / "small.json")] if command == "shrink" else []
    assert main([command, str(old), *more]) == 2
    assert "version 999" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [old]


def test_a_shrunk_failure_replays(
    found: tuple[Path, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, lines = found
    small = tmp_path / "small.json"
    assert main(["shrink", str(folder / failure_of(lines)), "-o", str(small)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"patchstorm replay {small}"
    assert any(line.startswith("  -> step ") for line in said)
    assert main(["replay", str(small)]) == 1
    assert read_history(tmp_path / "small.jsonl").operations


@pytest.mark.slow
def test_a_storm_in_both_worlds_is_one_row(tmp_path: Path) -> None:
    done = patchstorm("run", "sequential", "power-loss", "--schedules", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["scenario", "sim", "processes", "seconds", "remark"]
    assert lines[1].split()[:5] == ["sequential", "safe", "2", "safe", "2"]
    assert lines[2].split()[:4] == ["power-loss", "safe", "2", "skipped"]
    assert any(line.startswith("Skipped in processes: power-loss (") for line in lines)
    assert "sim: 2 safe; processes: 1 of 1 that apply safe, 1 skipped in " in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_storage_that_only_a_model_has_skips_the_real_processes(tmp_path: Path) -> None:
    asked = ("run", "sequential", "--storage", "nfs4", "--schedules", "2", "--json")
    done = patchstorm(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    simulated, real = json.loads(done.stdout)["runs"]
    assert (simulated["world"], simulated["verdict"], simulated["schedules"]) == ("sim", "safe", 2)
    assert real["verdict"] is None and "nfs4" in real["skipped"]


def test_a_program_is_no_store_to_simulate(tmp_path: Path) -> None:
    (tmp_path / "program.toml").write_text(PROGRAM)
    asked = ("run", "sequential", "--target", "program.toml", "--json")
    both = patchstorm(*asked, cwd=tmp_path)
    simulated, real = json.loads(both.stdout)["runs"]
    assert simulated["verdict"] is None and "simulator" in simulated["skipped"]
    assert real["verdict"] == "unknown", "it was started, and does not start"
    alone = patchstorm(*asked, "--world", "sim", cwd=tmp_path)
    assert alone.returncode == 2 and alone.stdout == ""
    assert "not a Python store that the simulator knows" in alone.stderr


def explored(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, object]]:
    code = main(["explore", *arguments, "--json"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return code, run


def test_what_a_search_tells_does_not_depend_on_how_many_processes_took_part(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = ("sequential", "--schedules", "20", "--jobs")
    one, several = explored(capsys, *asked, "1"), explored(capsys, *asked, "2")
    assert one[0] == several[0] == 0
    assert one[1]["digest"] is not None
    for run in (one[1], several[1]):
        del run["seconds"]
    assert one == several


def test_another_seed_is_another_search(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("sequential", "--schedules", "2", "--jobs", "1", "--seed")
    assert explored(capsys, *asked, "1")[1]["digest"] != explored(capsys, *asked, "2")[1]["digest"]


def test_seconds_bound_a_search(capsys: pytest.CaptureFixture[str]) -> None:
    code, run = explored(capsys, "sequential", "--seconds", "0.2", "--jobs", "1")
    assert code == 0
    assert isinstance(run["schedules"], int) and run["schedules"] >= 1


def test_a_search_says_what_it_covered(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", "sequential", "--schedules", "3", "--jobs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["sequential", "safe", "3"]
    assert any(" distinct; " in line for line in lines)


@pytest.mark.slow
def test_a_search_ends_at_the_first_violation_or_collects(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = (*RACE, "--schedules", "12", "--jobs", "1", "--out", str(tmp_path))
    code, first = explored(capsys, *asked)
    assert code == 1
    assert isinstance(first["schedules"], int) and first["schedules"] < 12
    assert Path(str(first["failure"])).is_relative_to(tmp_path) and first["story"]
    code, all_of_them = explored(capsys, *asked, "--collect")
    assert code == 1
    assert all_of_them["schedules"] == 12
    assert all_of_them["failure"] == first["failure"]


def test_what_a_target_does_not_claim_is_judged_only_when_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    asked = ("lock-loss", "--schedules", "1", "--jobs", "1", "--out", str(tmp_path))
    code, skipped = explored(capsys, *asked)
    assert (code, skipped["verdict"]) == (2, None)
    assert "not claimed" in str(skipped["skipped"])
    assert explored(capsys, *asked, "--unclaimed")[1]["verdict"] is not None

"""The self-test finds what is planted, accuses nobody else, and fails where either is not so."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign.hunting import Hunt
from patchstorm.campaign.suspects import drawn, suspects
from patchstorm.catalog import publishing, table
from patchstorm.catalog.model import Bug, Innocent
from patchstorm.cli import main
from patchstorm.report.selftest import Trial

SAMPLE = ("chunks-left", "lock-per-process", "innocent:sequential", "reference on nfs4.2")
SMALL = ("--seeds", "2", "--schedules", "6", "--jobs", "1")

Captured = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def only(*names: str) -> list[str]:
    return [word for name in names for word in ("--only", name)]


def selftest(captured: Captured, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON object."""
    code = main(["selftest", "--json", *SMALL, *arguments])
    return code, json.loads(captured.readouterr().out)


def plant(monkeypatch: Patch, bug: Bug) -> None:
    """Make ``bug`` the whole catalogue."""
    monkeypatch.setattr(table, "BUGS", (bug,))
    monkeypatch.setattr(table, "BY_NAME", {bug.name: bug})
    twin = {} if bug.twin is None else {bug.name: bug.twin}
    monkeypatch.setattr(table, "INNOCENTS", twin)


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_seconds(one) for key, one in value.items() if key != "seconds"}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


def test_planted_bugs_are_found_and_innocents_are_not_accused(
    capsys: Captured, folder: Path
) -> None:
    code, result = selftest(capsys, *only(*SAMPLE))

    assert (code, result["verdict"]) == (0, "passed")
    bugs = {bug["name"]: bug for bug in result["bugs"]}
    left, lock = bugs["chunks-left"], bugs["lock-per-process"]
    assert (left["verdict"], left["checker"]) == ("found", "residue")
    assert (lock["storm"], lock["verdict"]) == ("parallel", "found")
    assert [trial["seed"] for trial in lock["trials"]] == [1, 2]
    for trial in lock["trials"]:
        assert 1 < trial["schedules"] == trial["index"] + 1, "it takes a race to see it"
        assert 0 < trial["choices"] <= 12
    assert [one["verdict"] for one in result["innocents"]] == ["innocent", "innocent"]
    assert [one["schedules"] for one in result["innocents"]] == [6, 6]
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_the_result_is_the_same_in_one_process_and_in_two(capsys: Captured) -> None:
    sample = [name for name in SAMPLE if name != "lock-per-process"]  # whose race is long to shrink
    results = [selftest(capsys, *only(*sample), "--jobs", jobs) for jobs in ("1", "2")]

    assert without_seconds(results[0][1]) == without_seconds(results[1][1])


def test_a_bug_that_is_none_is_missed(capsys: Captured, monkeypatch: Patch) -> None:
    plant(
        monkeypatch,
        Bug(
            name="nothing-wrong", says="", stands_for="", storms=("parallel",),
            caught_by=("bytes", "durability"),
            deed="client PATCH",
        ),
    )  # fmt: skip

    code, result = selftest(capsys, *only("nothing-wrong"), "--budget", "12")

    assert (code, result["verdict"]) == (1, "failed")
    (bug,) = result["bugs"]
    assert (bug["verdict"], bug["checker"], bug["schedules"]) == ("missed", None, 12)


def test_a_bug_entered_as_an_innocent_is_accused(capsys: Captured, monkeypatch: Patch) -> None:
    twin = Innocent(says="repaired, as somebody believes", store=publishing.ChunksLeft)
    plant(monkeypatch, dataclasses.replace(table.BY_NAME["chunks-left"], twin=twin))

    code, result = selftest(capsys, *only("innocent:chunks-left"))

    assert (code, result["verdict"]) == (1, "failed")
    (innocent,) = result["innocents"]
    assert (innocent["verdict"], innocent["checkers"]) == ("accused", ["residue"])
    assert main(["replay", innocent["failure"]]) == 1


def test_a_bug_found_by_somebody_who_must_not_speak_is_not_found(
    capsys: Captured, monkeypatch: Patch
) -> None:
    real = table.BY_NAME["chunks-left"]
    plant(monkeypatch, dataclasses.replace(real, caught_by=("durability",), also=("bytes",)))

    code, result = selftest(capsys, *only("chunks-left"))

    assert (code, result["verdict"]) == (1, "failed")
    (bug,) = result["bugs"]
    assert (bug["verdict"], bug["checker"]) == ("wrong-checker", "residue")
    assert bug["trials"][0]["unexpected"] == ["residue"]
    assert main(["replay", bug["trials"][0]["failure"]]) == 1


def test_whoever_may_speak_does_not_end_the_hunt(capsys: Captured, monkeypatch: Patch) -> None:
    real = table.BY_NAME["chunks-left"]
    plant(monkeypatch, dataclasses.replace(real, caught_by=("durability",), also=("residue",)))

    code, result = selftest(capsys, *only("chunks-left"), "--budget", "4")

    assert code == 1
    assert [trial["verdict"] for trial in result["bugs"][0]["trials"]] == ["missed", "missed"]


@pytest.mark.slow
def test_blind_hunts_go_through_all_storms(capsys: Captured) -> None:
    code, result = selftest(capsys, *only("status-counts-chunks"), "--blind", "--seeds", "1")

    assert code == 0
    (trial,) = result["bugs"][0]["trials"]
    assert trial["verdict"] == "found"
    assert trial["schedules"] > trial["index"] + 1, "other storms had their turn"


def test_the_failures_are_kept_on_demand(capsys: Captured, folder: Path) -> None:
    code, result = selftest(capsys, *only("chunks-left"), "--out", "kept")

    assert code == 0
    failures = [trial["failure"] for trial in result["bugs"][0]["trials"]]
    assert len(set(failures)) == 2
    for failure in failures:
        assert main(["replay", failure]) == 1


def test_the_table_tells_what_is_wrong_and_how_to_look(
    capsys: Captured, monkeypatch: Patch
) -> None:
    nothing = Bug(
        name="nothing-wrong", says="", stands_for="", storms=("sequential",), caught_by=("bytes",),
        deed="client PATCH",
        twin=Innocent(says="not repaired at all", store=publishing.ChunksLeft),
    )  # fmt: skip
    plant(monkeypatch, nothing)

    arguments = ("--budget", "2", "--schedules", "5", "--seeds", "1", "--jobs", "1")
    assert main(["selftest", *only("nothing-wrong", "innocent:nothing-wrong"), *arguments]) == 1

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert ["nothing-wrong", "sequential", "missed", "1", "of", "1"] in [
        line.split()[:6] for line in lines
    ]
    assert (
        "patchstorm explore sequential --target bug:nothing-wrong --seed 1 --schedules 2" in lines
    )
    assert lines[-1].startswith("patchstorm replay patchstorm-runs/sequential-innocent-nothing")
    summary = next(line for line in lines if "planted bugs found" in line)
    assert summary.startswith(
        "0 of 1 planted bugs found; 1 of 1 innocents accused in 1 schedules; "
    )
    assert said.err.splitlines()[0].startswith("[1/2] nothing-wrong: missed, 2 schedules")


def test_names_that_nobody_has_are_refused(capsys: Captured) -> None:
    assert main(["selftest", "--only", "chunk-left"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert 'did you mean "chunks-left"?' in said.err


def test_a_stopped_self_test_goes_on_where_it_was(
    capsys: Captured, folder: Path, monkeypatch: Patch
) -> None:
    state = folder / "state.jsonl"
    asked = (*only("chunks-left"), "--state", str(state))
    whole = selftest(capsys, *asked)
    lines = state.read_text().splitlines(keepends=True)
    state.write_text("".join(lines[:2]) + lines[2][:20])  # stopped within its last line
    hunted: list[int] = []
    hunt = Hunt.run

    def counted(self: Hunt) -> Trial:
        hunted.append(self.seed)
        return hunt(self)

    monkeypatch.setattr(Hunt, "run", counted)
    again = selftest(capsys, *asked)

    assert (hunted, len(lines)) == ([2], 3)
    assert without_seconds(again[1]) == without_seconds(whole[1])
    assert state.read_text().count("\n") == 3


def test_a_state_of_other_options_or_of_none_is_refused(capsys: Captured, folder: Path) -> None:
    state = ("--state", str(folder / "state.jsonl"))
    assert selftest(capsys, *only("chunks-left"), *state)[0] == 0

    assert main(["selftest", "--budget", "7", *only("chunks-left"), *state]) == 2
    assert "was begun with `--budget 3000`, and this is `--budget 7`" in capsys.readouterr().err
    (folder / "state.jsonl").write_text("nothing\n")
    assert main(["selftest", *only("chunks-left"), *state]) == 2
    assert "is no state of a self-test" in capsys.readouterr().err


def test_a_sample_is_drawn_by_the_seed() -> None:
    bugs = suspects(table.BUGS)
    samples = [tuple(bug.name for bug in drawn(bugs, 20, seed)) for seed in (1, 1, 2)]

    assert samples[0] == samples[1] != samples[2]
    assert [len(set(names)) for names in samples] == [20, 20, 20]
    assert drawn(bugs, 10_000, 1) == bugs

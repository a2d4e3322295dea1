"""A replay that does not violate says whether it was the same run, and looks at the schedules nearby."""

import json
import shutil
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from patchstorm.campaign import pinned, single
from patchstorm.campaign.concluded import StormResult
from patchstorm.campaign.explore import explore
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.ran import replayed
from patchstorm.campaign.replay_target import replay_target
from patchstorm.campaign.schedules import Search, Session
from patchstorm.campaign.single import Replayed
from patchstorm.check.model import Finding
from patchstorm.check.weight import same_cause
from patchstorm.cli import main
from patchstorm.commands import replay, replay_corpus
from patchstorm.report.model import RunReport
from patchstorm.scenario import library
from sampled import one_in


@pytest.fixture(scope="module")
def found(appending_failure: Path) -> Path:
    return appending_failure


def edited(found: Path, folder: Path, change: Any) -> Path:
    failure = json.loads(found.read_text())
    change(failure)
    path = folder / "edited.json"
    path.write_text(json.dumps(failure))
    return path


def shifted(by: int) -> Any:
    def change(failure: dict[str, Any]) -> None:
        for choice in failure["schedule"]["choices"]:
            choice[1] += by

    return change


def test_what_comes_back_is_one(found: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", str(found)]) == 1
    said = capsys.readouterr().out
    assert "bit for bit" in said
    assert said.rstrip().endswith(f"patchstorm replay {found}")


def test_a_race_that_moved_is_met_nearby(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after a half fix: the recorded switch comes where it no longer matters, and the race is still
    there.
    """
    path = edited(found, tmp_path, shifted(+30))
    assert main(["replay", str(path), "--near", "0"]) != 1
    capsys.readouterr()
    assert main(["replay", str(path)]) == 1
    said = capsys.readouterr().out
    nearby = tmp_path / "nearby.json"
    assert "near it is violated" in said
    assert said.rstrip().endswith(f"patchstorm replay {nearby}")
    assert main(["replay", str(nearby)]) == 1
    assert "bit for bit" in capsys.readouterr().out


@pytest.mark.slow
def test_a_store_that_is_mended_is_zero_or_cannot_be_told(
    found: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["replay", str(found), "--target", "reference"])
    said = capsys.readouterr()
    assert "replayed against reference, found in reference:append" in said.err
    assert "None of 300 schedules near it is violated." in said.out
    followed = "every recorded choice found its step" in said.out
    assert code == (0 if followed else 2)


def test_against_another_target_the_command_that_is_printed_names_it(
    found: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it the line would replay the failure against the target that the file names."""
    assert main(["replay", str(found), "--target", "reference:append"]) == 1
    said = capsys.readouterr().out.rstrip()
    assert said.endswith(f"patchstorm replay {found} --target reference:append")


@pytest.mark.parametrize("what", ["step", "kind", "task"])
def test_a_choice_that_finds_no_step_cannot_tell(
    what: str, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(failure: dict[str, Any]) -> None:
        choice = failure["schedule"]["choices"][0]
        place = ("task", "step", "kind").index(what)
        choice[place] = 999 if what == "step" else "swich"

    path = edited(found, tmp_path, change)
    assert main(["replay", str(path), "--near", "0"]) == 2
    said = capsys.readouterr().out
    assert "0 of 1 choices found their step" in said
    assert "Cannot tell" in said
    assert "patchstorm explore replaying --target reference:append" in said


def test_a_schedule_whose_choices_were_deleted_cannot_tell(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that are left find their step, which is not to be taken for the violation being gone."""
    path = edited(found, tmp_path, lambda failure: failure["schedule"].update(choices=[]))
    assert main(["replay", str(path), "--near", "0"]) == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "somebody has changed them" in said
    assert "Cannot tell" in said


@pytest.mark.parametrize("key", ["choises", None])
def test_a_schedule_without_choices_is_refused(
    key: str | None, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(failure: dict[str, Any]) -> None:
        choices = failure["schedule"].pop("choices")
        if key is not None:
            failure["schedule"][key] = choices

    assert main(["replay", str(edited(found, tmp_path, change)), "--near", "0"]) == 2
    assert "choices" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["schedule", "plan"])
def test_an_unknown_key_below_is_refused(
    place: str, found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(found, tmp_path, lambda failure: failure[place].update(sped=1))
    assert main(["replay", str(path)]) == 2
    assert "sped" in capsys.readouterr().err


def test_an_unknown_key_is_refused(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = edited(found, tmp_path, lambda failure: failure.update(scedule=None))
    assert main(["replay", str(path)]) == 2
    said = capsys.readouterr().err
    assert str(path) in said and "scedule" in said


@pytest.fixture
def of_a_file(tmp_path: Path) -> tuple[Path, Path]:
    """A failure in a server that a file of one's own describes; both below one folder."""
    text = (resources.files("patchstorm.target") / "bundled" / "reference.toml").read_text()
    target = tmp_path / "project" / "mine.toml"
    target.parent.mkdir()
    target.write_text(text.replace('name = "reference"', 'name = "mine"', 1))
    explored = explore(
        "replaying", f"{target}:append", seed=1, schedules=50, jobs=1,
        out_dir=tmp_path / "project" / "runs",
    )  # fmt: skip
    return target, explored.failures[0]


@pytest.mark.slow
def test_a_failure_names_no_path_of_the_machine(
    of_a_file: tuple[Path, Path], tmp_path: Path
) -> None:
    target, path = of_a_file
    kept = json.loads(path.read_text())
    assert str(tmp_path) not in json.dumps({**kept, "plan": None})
    assert kept["target_text"] == target.read_text()
    assert kept["made_by"].keys() == {"python", "patchstorm"}


BESIDE = """
name = "gone"
capabilities = ["sequential", "creation"]
[start]
command = ["python", "{here}/gone.py", "{port}"]
[wire]
path = "/files"
[files]
published = "{id}"
"""


@pytest.mark.parametrize("text", one_in(2, [BESIDE, BESIDE.replace("{here}/", "")]))
def test_who_starts_what_lies_beside_a_file_that_is_gone_is_told_how_to_name_it(
    text: str, of_a_file: tuple[Path, Path]
) -> None:
    failure = read_failure(of_a_file[1])
    gone = msgspec.structs.replace(failure, target="./gone.toml", target_text=text)
    said = replay_target(gone, None)[1]
    assert said is not None
    assert ("--target" in said) == ("{here}" in text)


def test_a_failure_goes_with_its_target_or_without(
    of_a_file: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, path = of_a_file
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "project", moved)
    there = moved / path.relative_to(tmp_path / "project")
    assert main(["replay", str(there)]) == 1
    assert "bit for bit" in capsys.readouterr().out
    alone = tmp_path / "alone.json"
    alone.write_bytes(there.read_bytes())
    assert main(["replay", str(alone)]) == 1
    said = capsys.readouterr()
    assert "is not here" in said.err and "bit for bit" in said.out
    text = moved / target.name
    text.write_text(text.read_text() + "\n# another word\n")
    assert main(["replay", str(there)]) == 1
    assert "has changed since" in capsys.readouterr().err


def test_what_was_made_elsewhere_is_named_where_it_matters(
    found: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(failure: dict[str, Any]) -> None:
        shifted(500)(failure)
        failure["made_by"] = {"python": "CPython 3.99.0", "patchstorm": "9.9"}

    assert main(["replay", str(edited(found, tmp_path, change)), "--near", "0"]) == 2
    assert "CPython 3.99.0 by patchstorm 9.9" in capsys.readouterr().out


@pytest.mark.parametrize("near", ["-1", "1000000"])
def test_a_number_that_cannot_be_is_refused(near: str, found: Path) -> None:
    assert main(["replay", str(found), "--near", near]) == 2


@pytest.mark.parametrize("storm", ["power-loss", "crash-committing", "pause", "composed"])
def test_a_recorded_schedule_is_the_run_that_it_was_recorded_of(storm: str) -> None:
    """Tasks that sleep, wake and sleep again at one step of theirs, and die there, are told apart."""
    session = Session.of(Search(scenario=library.load(storm), target="reference", seed=1))
    for index in range(8):
        first = session.recorded(index)
        again = replayed(first.plan, session.subject, first.schedule, session.workers)
        assert (again.digest, again.unplaced) == (first.digest, ()), index
        assert again.outcome.choices == first.outcome.choices


def test_runs_that_could_not_tell_are_not_counted_as_safe(
    found: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five of five that could not tell were told as "came back in 0 of 5 runs"."""
    failure = read_failure(found)
    lost = RunReport(scenario="s", target="t", world="processes", seed=1, verdict="unknown")
    safe = msgspec.structs.replace(lost, verdict="safe")
    for reports, code, said in (
        ((lost, lost), 2, "Nobody can say whether the violation is gone."),
        ((lost, safe, safe), 0, "The violation came back in 0 of 2 runs."),
    ):
        results = tuple(StormResult(report=one) for one in reports)
        replayed = Replayed(repeats=len(results), reproduced=0, results=results)
        monkeypatch.setattr(single, "replay_live", lambda *_, _told=replayed, **__: _told)
        assert replay._live(failure, found, None, None, 2, None) == code
        assert said in capsys.readouterr().out


def test_real_processes_that_are_violated_otherwise_are_not_mended(
    found: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A half fix that traded lost bytes for a missing file was told as "0 of 5", with exit code 0."""
    failure = read_failure(found)
    safe = RunReport(scenario="s", target="t", world="processes", seed=1, verdict="safe")
    missing = (Finding(checker="durability", summary="no file stands under its name"),)
    assert not same_cause(failure.findings, missing)
    other = msgspec.structs.replace(safe, verdict="violated", findings=missing)
    results = tuple(StormResult(report=one) for one in (safe, other))
    done = Replayed(repeats=2, reproduced=0, results=results)
    for room in (single, pinned):
        monkeypatch.setattr(room, "replay_live", lambda *_, **__: done)
    assert replay._live(failure, found, None, None, 2, None) == 1
    said = capsys.readouterr().out
    assert "The violation came back in 0 of 2 runs." in said
    assert "Violated otherwise than it was: 1 of 2." in said
    assert "no file stands under its name" in said

    lived = msgspec.structs.replace(failure, world="processes")
    monkeypatch.setattr(pinned, "read_failure", lambda _: lived)
    back = pinned.came_back(found, times=2, near=0)
    assert back is not None and back.findings == missing
    entry = SimpleNamespace(failure=failure)
    kept = ("STILL FAILS", "otherwise than it did, 1 of 2")
    assert replay_corpus._live(entry, None, 2, None) == kept  # type: ignore[arg-type]

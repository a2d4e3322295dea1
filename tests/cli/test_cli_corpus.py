"""What failed before is tried first, listed by ``replay``, and left alone where nothing fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patchstorm.cli import main

STORM = ("replaying", "--world", "sim", "--schedules", "12")
RACE = (*STORM, "--target", "reference:append")
SEARCH = (
    "explore",
    "replaying",
    "--target",
    "reference:append",
    "--schedules",
    "12",
    "--jobs",
    "1",
)
ALONE = ("--world", "processes", "--replicas", "1")
KEPT = Path(".patchstorm/failures")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and the corpus as users have it."""
    monkeypatch.delenv("PATCHSTORM_NO_CORPUS")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def entry(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The name and the text of what a run against the appending store keeps."""
    folder = tmp_path_factory.mktemp("entry")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PATCHSTORM_NO_CORPUS")
        patch.chdir(folder)
        assert main(["run", *RACE]) == 1
        (path,) = KEPT.iterdir()
        assert {one.name for one in folder.iterdir()} == {".patchstorm", "patchstorm-runs"}
        return path.name, path.read_text()


def put(entry: tuple[str, str], **changes: object) -> Path:
    name, text = entry
    KEPT.mkdir(parents=True)
    (KEPT / name).write_text(json.dumps(json.loads(text) | changes))
    return KEPT / name


def runs(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    main([*arguments, "--json"])
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    return dict(run)


@pytest.mark.parametrize("command", [("run", *RACE), SEARCH])
def test_what_failed_before_is_tried_first(
    command: tuple[str, ...], entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    put(entry)
    run = runs(capsys, *command)
    assert (run["verdict"], run["schedules"]) == ("violated", 1)
    assert run["notes"] == ["failed before and was tried first"]
    assert run["story"] == json.loads(entry[1])["story"]
    assert main(["replay", str(run["failure"])]) == 1
    assert "bit for bit" in capsys.readouterr().out
    assert [path.name for path in KEPT.iterdir()] == [entry[0]], "the same failure, kept once"


def test_a_storm_that_failed_before_is_begun_before_the_others(
    entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    put(entry)
    both = ("sequential", "replaying", "--world", "sim", "--target", "reference:append")
    assert main(["run", *both, "-x", "--jobs", "1", "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)["runs"]
    assert (first["scenario"], first["verdict"]) == ("sequential", None)
    assert "not begun: replaying in sim was violated" in first["skipped"]
    assert (second["scenario"], second["verdict"]) == ("replaying", "violated")


def test_without_the_corpus_it_is_searched_anew_and_nothing_is_kept(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runs(
        capsys,
        "explore",
        "sequential",
        "--target",
        "bug:chunks-left",
        "--no-corpus",
        "--schedules",
        "6",
    )
    assert run["verdict"] == "violated"
    assert "failed before and was tried first" not in list(run["notes"])  # type: ignore[call-overload]
    assert [path.name for path in here.iterdir()] == ["patchstorm-runs"]


@pytest.mark.slow
def test_the_corpus_goes_where_it_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = (*SEARCH, "--corpus", "mine", "--out", "runs")
    assert runs(capsys, *asked)["schedules"] != 1
    assert runs(capsys, *asked)["schedules"] == 1
    assert {path.name for path in here.iterdir()} == {"mine", "runs"}
    assert main(["replay", "--corpus", "mine", "--near", "0"]) == 1


@pytest.mark.slow
def test_a_correct_store_is_judged_as_ever_and_leaves_nothing(
    here: Path, entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = runs(capsys, "run", *STORM)
    assert before["verdict"] == "safe" and list(here.iterdir()) == []
    put(entry, target="reference")
    after = runs(capsys, "run", *STORM)
    assert {**before, "seconds": 0} == {**after, "seconds": 0}, "the digest included"
    assert [path.name for path in here.iterdir()] == [".patchstorm"]


def test_replay_without_a_path_tells_what_still_fails(
    entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(entry)
    assert main(["replay"]) == 1
    said = capsys.readouterr().out
    summary = json.loads(entry[1])["findings"][0]["summary"]
    assert said.splitlines() == [
        "STILL FAILS: replaying against reference:append in sim",
        f"  bytes: {summary}",
        f"  patchstorm replay {path}",
        "",
        "1 still fails",
    ]


def test_what_fails_against_another_target_is_told_with_the_command_that_names_it(
    entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = put(entry, target="reference")
    assert main(["replay", "--target", "reference:append", "--near", "0"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "STILL FAILS: replaying against reference:append in sim"
    assert told[2] == f"  patchstorm replay {path} --target reference:append"


def test_replay_without_a_path_tells_what_is_fixed(
    entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = json.loads(entry[1])["schedule"] | {"choices": []}  # nobody is held up any more
    put(entry, schedule=schedule, target="reference", mark=None)
    assert main(["replay"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("FIXED: replaying against reference in sim\n  bytes: ")
    assert said.endswith("1 fixed\n")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"target": "reference"}, "choices found their step, and none of 20 near it fails"),
        ({"target": "reference", "mark": "0" * 16}, "its choices were changed in the file"),
        ({"target": "refrence"}, "no such target"),
        ({"schedule": {"version": 999, "choices": []}}, "version 999"),
        ({"version": 99}, "version 99"),
    ],
)
def test_replay_without_a_path_tells_what_no_longer_fits(
    changes: dict[str, object],
    says: str,
    entry: tuple[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(entry, **changes)
    assert main(["replay", "--near", "20"]) == 2
    said = capsys.readouterr().out
    assert said.startswith("NO LONGER FITS: ") and says in said
    assert said.endswith("1 no longer fits\n")


@pytest.mark.slow
def test_what_no_longer_fits_stops_no_run(
    entry: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    put(entry, schedule={"version": 999, "choices": []})
    run = runs(capsys, *SEARCH)
    assert run["verdict"] == "violated" and run["schedules"] != 1


@pytest.mark.slow
def test_real_processes_run_the_plan_again_and_say_how_often_it_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    wrong = ("sequential", *ALONE, "--target", "bug:no-offset")
    assert runs(capsys, "run", *wrong, "--seed", "7")["verdict"] == "violated"
    assert runs(capsys, "run", *wrong)["seed"] == 7, "the plan that failed, not that of seed 1"
    assert main(["replay", "--times", "1"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("STILL FAILS 1 of 1: sequential against bug:no-offset in processes\n")
    assert main(["replay", "--times", "1", "--target", "reference"]) == 0
    assert capsys.readouterr().out.startswith("FIXED: sequential against reference")


@pytest.mark.slow
def test_what_comes_back_is_confirmed_by_its_own_plan(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("sequential", *ALONE, "--target", "bug:no-offset")
    assert runs(capsys, "run", *wrong, "--seed", "7")["verdict"] == "violated"
    again = runs(capsys, "run", *wrong, "--confirm", "2")
    assert again["seed"] == 7
    assert again["rate"] == {"violated": 3, "runs": 3}


@pytest.mark.parametrize("command", [("replay",), ("replay", "--corpus", "nowhere")])
def test_nothing_to_replay_is_said(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command]) == 2
    assert "holds no failures to replay" in capsys.readouterr().err


def test_a_corpus_that_is_a_file_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "file").touch()
    assert main([*SEARCH, "--corpus", "file"]) == 2
    assert "--corpus file: is no directory" in capsys.readouterr().err


@pytest.mark.slow
def test_a_corpus_that_cannot_be_written_changes_no_verdict(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").touch()
    assert main([*SEARCH, "--corpus", "file/below"]) == 1
    assert "was not kept in the corpus" in capsys.readouterr().err

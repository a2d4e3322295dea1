"""A project's file gives the defaults of ``run``; JSON Schemas say what files may hold; JUnit everywhere."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
import tomlkit

from patchstorm.cli import main
from patchstorm.commands import settings
from patchstorm.commands.schema import KINDS
from patchstorm.errors import UsageError
from patchstorm.scenario.schema import parse
from sampled import one_in

STORMS = Path(__file__).resolve().parents[2] / "scenarios"
OWN = 'scenarios = ["sequential"]\nworld = "sim"\nschedules = 2\nseed = 7\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def runs(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["run", *arguments, "--json"]) == 0
    return list(json.loads(capsys.readouterr().out)["runs"])


@pytest.mark.parametrize(
    ("name", "text"),
    one_in(
        2,
        [
            ("patchstorm.toml", OWN),
            ("pyproject.toml", f"[tool.patchstorm]\n{OWN}\n[tool.other]\nkey = 1\n"),
        ],
    ),
)
def test_what_is_not_typed_the_projects_file_says(
    name: str, text: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / name).write_text(text)
    (run,) = runs(capsys)
    asked = ("scenario", "world", "schedules", "seed")
    assert [run[key] for key in asked] == ["sequential", "sim", 2, 7]
    (run,) = runs(capsys, "replaying", "--seed", "3", "--schedules", "1")
    assert [run[key] for key in asked] == ["replaying", "sim", 1, 3]


def test_its_own_file_counts_and_a_project_without_a_table_says_nothing(here: Path) -> None:
    (here / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert settings.defaults() == {}
    (here / "pyproject.toml").write_text("[tool.patchstorm]\nseed = 1\njobs = 2\n")
    assert settings.defaults() == {"seed": 1, "jobs": 2}
    (here / "patchstorm.toml").write_text("seed = 2\nallow-unreached = true\nexitfirst = true\n")
    assert settings.defaults() == {"seed": 2, "allow_unreached": True, "first": True}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("patchstorm.toml", "sed = 1", 'patchstorm.toml: sed: unknown key; did you mean "seed"?'),
        ("patchstorm.toml", "allow_unreached = true", 'did you mean "allow-unreached"?'),
        ("patchstorm.toml", "seed = 'one'", "patchstorm.toml: seed: Expected `int`"),
        ("patchstorm.toml", "exclude = ['a', 1]", "patchstorm.toml: exclude[1]: Expected `str`"),
        ("patchstorm.toml", "seed = ", "patchstorm.toml: not valid TOML"),
        ("patchstorm.toml", "seed = -1", "--seed"),
        (
            "pyproject.toml",
            "[tool.patchstorm]\nworlds = 'sim'",
            'pyproject.toml: tool.patchstorm.worlds: unknown key; did you mean "world"?',
        ),
        ("pyproject.toml", "[tool]\npatchstorm = 'sim'", "pyproject.toml: tool.patchstorm: is no table"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_and_key(
    name: str, text: str, says: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / name).write_text(text)
    assert main(["run"]) == 2
    assert says in capsys.readouterr().err
    assert main(["list", "worlds"]) == 0, "it is about `run` alone"


def test_a_value_that_an_option_refuses_is_told_with_the_file_that_it_stands_in(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "patchstorm.toml").write_text("seed = -1\n")
    assert main(["run", "sequential"]) == 2
    said = capsys.readouterr().err
    assert "--seed -1: give a number" in said and "`seed` stands in patchstorm.toml." in said
    assert main(["run", "sequential", "--seed", "-2"]) == 2
    assert "patchstorm.toml" not in capsys.readouterr().err, "that one was typed"


def test_what_a_project_leaves_out_can_be_named_and_other_storms_can_be_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = 'exclude = ["crash-*"]\nworld = "sim"\nschedules = 1\nallow-unreached = true\n'
    (here / "patchstorm.toml").write_text(project)
    named = runs(capsys, "sequential", "crash-creating", "crash-pub*", "*tial")
    assert [run["scenario"] for run in named] == ["sequential", "crash-creating"]
    (run,) = runs(capsys, "sequential")
    assert run["scenario"] == "sequential"
    assert main(["run", "crash-creating", "--exclude", "crash-*"]) == 2, "typed, it counts"


def test_every_key_is_an_option_of_run(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["run", "--help"]) == 0
    said = capsys.readouterr().out
    keys = set(settings.Settings.__struct_encode_fields__) - {"scenarios"}
    assert {key for key in keys if f"--{key} " not in said} == set()


def schema_of(kind: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["schema", kind]) == 0
    return dict(json.loads(capsys.readouterr().out))


def refused(schema: dict[str, Any], document: object) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema")
    return [one.message for one in jsonschema.Draft202012Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_a_schema(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = schema_of(kind, capsys)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert refused(schema, {"never": 1})


def test_an_unknown_schema_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "targt"]) == 2
    assert 'did you mean "target"?' in capsys.readouterr().err


def test_the_schema_of_targets_takes_all_that_are_bundled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = schema_of("target", capsys)
    folder = resources.files("patchstorm.target") / "bundled"
    texts = [one.read_text() for one in folder.iterdir() if one.name.endswith(".toml")]
    assert texts
    for text in texts:
        assert refused(schema, tomllib.loads(text)) == []
    assert refused(schema, tomllib.loads(texts[0]) | {"tilte": "x"})
    assert refused(schema, tomllib.loads(texts[0]) | {"here": "/"}), "the loader's own"


def test_the_schema_of_storms_takes_all_that_are_bundled_and_refuses_what_the_reader_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = schema_of("scenario", capsys)
    storms = [tomllib.loads(path.read_text()) for path in STORMS.glob("*.toml")]
    assert storms
    for storm in storms:
        assert refused(schema, storm) == []
    crash = next(one for one in storms if one.get("fault", [{}])[0].get("kind") == "crash")
    fault, client, upload = crash["fault"][0], crash["client"][0], crash["upload"][0]
    for wrong in (
        {"tilte": "x"},
        {"fault": [fault | {"kind": "crush"}]},
        {"fault": [fault | {"whom": "nobody"}]},
        {"fault": [fault | {"when": {"never": 1}}]},
        {"client": [client | {"kind": "replayng"}]},
        {"client": [client | {"never": 1}]},
        {"upload": [upload | {"size": "64 KB"}]},
        {"expect": {"reaches": ["the moon"]}},
        {"fleet": {"storage": ""}},
    ):
        assert refused(schema, crash | wrong), wrong
        with pytest.raises(UsageError):
            parse(tomlkit.dumps(crash | wrong), name="wrong", file="wrong.toml")


def test_the_schema_of_the_project_file_takes_one_and_refuses_mistakes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    schema = schema_of("config", capsys)
    assert refused(schema, tomllib.loads(OWN)) == []
    assert refused(schema, {"sed": 1}) and refused(schema, {"seed": "one"})


def test_an_exploration_writes_junit_and_what_its_schema_says(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("sequential", "--target", "bug:chunks-left", "--schedules", "12", "--jobs", "1")
    assert main(["explore", *asked, "--junit", "junit.xml", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    (case,) = Xml.parse(here / "junit.xml").getroot().iter("testcase")
    assert case.get("name") == "sequential[seed=1]"
    failure = case.find("failure")
    assert failure is not None and "patchstorm replay " in str(failure.text)
    assert refused(schema_of("report", capsys), report) == []
    kept = json.loads(Path(report["runs"][0]["failure"]).read_text())
    assert refused(schema_of("failure", capsys), kept) == []


@pytest.mark.slow
def test_a_matrix_writes_junit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--targets", "reference", "--storms", "sequential,power-loss", "--repeat", "2")
    assert main(["matrix", *asked, "--junit", "junit.xml", "--json"]) == 0
    matrix = json.loads(capsys.readouterr().out)
    suite = Xml.parse(here / "junit.xml").getroot().find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("skipped"), suite.get("failures")) == ("2", "1", "0")
    assert refused(schema_of("matrix", capsys), matrix) == []


@pytest.mark.parametrize("command", [("explore", "sequential"), ("matrix",)])
def test_junit_that_cannot_be_written_is_refused_before_anything_runs(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--junit", "nowhere/junit.xml"]) == 2
    assert "--junit nowhere/junit.xml: cannot be written" in capsys.readouterr().err

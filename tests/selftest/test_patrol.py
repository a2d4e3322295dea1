"""The patrol accuses nobody who did nothing, accuses who did, and can be cut into parts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chunkstore.variants import AppendStore
from patchstorm.campaign.patrol import counts, every_cell
from patchstorm.catalog import table
from patchstorm.catalog.model import Innocent
from patchstorm.cli import main

Captured = pytest.CaptureFixture[str]
NAMES = ("reference", *(f"innocent:{name}" for name in table.INNOCENTS))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def patrol(captured: Captured, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the JSON object."""
    code = main(["patrol", "--json", "--jobs", "1", *arguments])
    return code, json.loads(captured.readouterr().out)


def without_seconds(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_seconds(one) for key, one in value.items() if key != "seconds"}
    return [without_seconds(one) for one in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.parametrize(
    ("share", "least", "most"),
    [
        ("3/16", 10, 15),
        *(pytest.param(f"{one}/4", 40, 50, marks=pytest.mark.slow) for one in range(1, 5)),
    ],
)
def test_a_sample_of_all_innocents_storms_and_storages_accuses_nobody(
    share: str, least: int, most: int, capsys: Captured, folder: Path
) -> None:
    code, result = patrol(capsys, "--schedules", "200", "--share", share)

    assert (code, result["verdict"]) == (0, "innocent"), result
    assert [row["name"] for row in result["innocents"]] == list(NAMES)
    assert least <= result["schedules"] <= most
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_every_cell_that_applies_gets_a_schedule_and_all_others_a_reason() -> None:
    applying, skipped = every_cell(NAMES, 1)
    schedules = len(applying) + 1_000
    given = counts(applying, schedules, seed=1)

    assert len(given) == len(applying) and sum(given.values()) == schedules
    assert max(given.values()) - min(given.values()) <= 1
    assert all(reason for _, reason in skipped)
    everywhere = {cell.target for cell in applying if cell.storage == "worst-posix"}
    assert {"reference", "innocent:server-named", "innocent:pooled"} <= everywhere


def test_a_sample_is_drawn_from_the_seed() -> None:
    applying, _ = every_cell(NAMES[:1], 1)

    samples = [set(counts(applying, 50, seed)) for seed in (1, 1, 2)]
    assert samples[0] == samples[1] != samples[2]
    assert [len(one) for one in samples] == [50, 50, 50]


@pytest.mark.slow
def test_parts_are_the_same_as_the_whole(capsys: Captured) -> None:
    sample = ("--only", "innocent:sequential", "--schedules", "9")
    whole = patrol(capsys, *sample)[1]
    parts = [patrol(capsys, *sample, "--share", f"{k}/2")[1] for k in (1, 2)]

    assert sum(part["schedules"] for part in parts) == whole["schedules"] == 9
    assert sum(part["cells"] for part in parts) == whole["cells"]


@pytest.mark.slow
def test_the_result_is_the_same_in_one_process_and_in_two(capsys: Captured) -> None:
    sample = ("--only", "reference", "--schedules", "6", "--seed", "3")
    results = [patrol(capsys, *sample, "--jobs", jobs)[1] for jobs in ("1", "2")]

    assert without_seconds(results[0]) == without_seconds(results[1])


@pytest.mark.slow
def test_a_guilty_store_is_accused_and_its_failure_replays(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    guilty = Innocent(says="two requests read one size and both append", store=AppendStore)
    monkeypatch.setitem(table.INNOCENTS, "sequential", guilty)

    code, result = patrol(capsys, "--only", "innocent:sequential", "--schedules", "8")

    assert (code, result["verdict"]) == (1, "accused")
    (row,) = result["innocents"]
    first = row["accused"][0]
    assert first["checkers"] and first["storm"] and first["storage"]
    assert main(["replay", first["failure"]]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--share", "3/2"), "--share 3/2: give K/N"),
        (("--share", "half"), "--share half: give K/N"),
        (("--only", "innocent:sequentiel"), "there is no such innocent"),
        (("--schedules", "0"), "--schedules 0"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: tuple[str, ...], said: str, capsys: Captured
) -> None:
    assert main(["patrol", *arguments]) == 2
    assert said in capsys.readouterr().err

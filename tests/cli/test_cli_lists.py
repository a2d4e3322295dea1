"""``patchstorm list``: names with one line each, for people and as JSON."""

from __future__ import annotations

import json

import pytest

from patchstorm.cli import main
from patchstorm.scenario import library

EXPECTED = {
    "scenarios": {"replaying", "sequential"},
    "targets": {"reference", "reference:append", "bug:NAME"},
    "checks": {"bytes", "durability", "conflict"},
    "faults": {"crash", "response-lost"},
    "storages": {"tmpfs", "dir:PATH"},
    "bugs": {"conflict-accepted"},
}


@pytest.mark.parametrize("what", EXPECTED)
def test_a_list_says_one_line_for_each_name(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what]) == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows} >= EXPECTED[what]
    assert all(len(row) == 2 for row in rows)


@pytest.mark.parametrize("what", EXPECTED)
def test_a_list_is_one_json_object_too(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", what, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document) == [what]
    assert {entry["name"] for entry in document[what]} >= EXPECTED[what]


def test_every_shipped_storm_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "scenarios"])
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == list(library.names())

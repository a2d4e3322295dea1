"""Damage of records: every way changes something, and most of them leave what still parses."""

from __future__ import annotations

import json

import pytest

from patchstorm.choice.chooser import SeededChooser
from patchstorm.run.spoiling import spoilt

SIZE = 4096
RECORD = json.dumps({"size": SIZE, "sum": "01ab23", "ranges": [[0, 512], [1024, 1536]]}).encode()
WAYS = ["flipped", "cut", "emptied", "zeroed", "swapped", "copied", "moved", "filled"]


def damaged(way: str, seed: int) -> bytes:
    return spoilt(RECORD, way, SeededChooser("damage", seed).draw, size=SIZE)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_changes_the_record_and_draws_the_same_twice(way: str) -> None:
    assert all(damaged(way, seed) != RECORD for seed in range(40))
    assert [damaged(way, seed) for seed in range(40)] == [damaged(way, seed) for seed in range(40)]


@pytest.mark.parametrize("way", ["flipped", "swapped", "copied", "moved", "filled"])
def test_numbers_change_where_the_whole_still_parses(way: str) -> None:
    changed = 0
    for seed in range(40):
        try:
            told = json.loads(damaged(way, seed))
        except ValueError:
            continue
        changed += told.get("sum") == "01ab23" and told != json.loads(RECORD)

    assert changed >= 20


@pytest.mark.parametrize("way", WAYS)
def test_an_empty_record_stays_empty(way: str) -> None:
    assert spoilt(b"", way, SeededChooser("damage").draw, size=SIZE) == b""

"""The story of each planted bug names the deed; here a sample of every kind, all in `selftest --stories`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from patchstorm.campaign.deeds import Deed
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.hunting import Hunt
from patchstorm.campaign.suspects import Suspect, suspects
from patchstorm.catalog import table
from patchstorm.catalog.table import BUGS
from patchstorm.cli import main
from patchstorm.scenario.faults import FAULTS

SAMPLE = {
    "write-before-compare": "fault crash",
    "refused-and-kept": "sweeper unlink **",
    "head-cacheable": "answer 204",
    "revived": "client STATUS",
    "unknown-checksum-ignored": "client PATCH checksum wrong",
    "live-bodies-swept": "sweeper unlink **/info.json",
    "announced-too-early": "sweeper unlink u0.bin",
    "sweeper-looks-away": "fault power-loss",
    "no-directory-fsync": "fault crash",
    "read-once": "fault short-write",
    "published-unverified": "fault eio",
    "listed-before-lock": "fault stale-attributes",
    "append-recorded-elsewhere": "request write u0.bin",
    "locked-over-body": "fault crash",
}
"""Bugs whose failures are found and shrunk at once, with a deed that is not theirs."""
LONG = (
    "unknown-checksum-ignored", "no-directory-fsync", "read-once", "published-unverified",
    "listed-before-lock", "live-bodies-swept", "locked-over-body",
)  # fmt: skip
"""What takes longest; others of their kind stay."""


def suspect(name: str) -> Suspect:
    return next(one for one in suspects(BUGS) if one.name == name)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in LONG else []) for name in SAMPLE],
)
def test_the_story_names_the_deed_and_no_other(name: str, tmp_path: Path) -> None:
    mine = suspect(name)
    trial = Hunt(
        suspect=mine, seed=0, budget=400, keep=True, stories=True, out_dir=tmp_path
    ).run()  # fmt: skip
    assert (trial.verdict, trial.told) == ("found", True)
    assert trial.failure is not None
    story = read_failure(Path(trial.failure)).story
    assert Deed.told(mine.deed, story)
    assert not Deed.of(SAMPLE[name]).told_in(story), "\n".join(story)


def test_the_sample_has_every_kind_of_deed() -> None:
    kinds = {bug.deed.partition(" ")[0] for bug in BUGS}
    assert {suspect(name).deed.partition(" ")[0] for name in SAMPLE} == kinds


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_entry_has_a_deed_that_can_be_told(bug: table.Bug) -> None:
    for deed in Deed.all_of(bug.deed):
        if deed.who == "fault":
            lines = [f"-> step 1  fault {kind}" for kind in FAULTS]
            assert Deed("fault", deed.what, "").told_in(lines)


@pytest.mark.parametrize("text", ["", "fault", "nobody unlink", "fault eio somewhere"])
def test_what_is_no_deed_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no deed"):
        Deed.of(text)


def test_a_fault_that_ends_is_not_the_deed() -> None:
    over = ["   step   10  replica 0  fault pause ends: replica 0 goes on"]
    begun = ["-> step    1  replica 0  fault pause: replica 0 stands still"]
    assert not Deed.of("fault pause").told_in(over)
    assert Deed.of("fault pause").told_in(begun)
    assert not Deed.of("fault crash").told_in(["-> step    1  replica 0  fault crash-all: gone"])


@pytest.mark.parametrize(("deed", "code"), [("request link u0.bin", 0), ("fault crash", 1)])
def test_a_wrong_deed_fails_the_self_test(
    deed: str,
    code: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    bug = dataclasses.replace(table.BY_NAME["chunks-left"], deed=deed)
    monkeypatch.setattr(table, "BUGS", (bug,))
    asked = [
        "selftest",
        "--stories",
        "--json",
        "--only",
        "chunks-left",
        "--seeds",
        "1",
        "--jobs",
        "1",
    ]
    assert main(asked) == code
    (trial,) = json.loads(capsys.readouterr().out)["bugs"][0]["trials"]
    assert trial["told"] is (code == 0)
    assert (trial["failure"] is not None) is (code == 1)


def test_deeds_are_not_asked_of_hunts_that_know_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "--stories", "--blind"]) == 2
    assert "Leave one of the two out" in capsys.readouterr().err

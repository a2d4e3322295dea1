"""A search without storms named: all of them, and composed ones get the larger share of the budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign import explore as searching
from patchstorm.campaign.explored import Explored
from patchstorm.cli import main
from patchstorm.commands.explore import COMPOSED_PERMILLE, TOGETHER_DEFAULT, Request, shares_of
from patchstorm.errors import UsageError
from patchstorm.scenario import library


def request(**asked: int | float) -> Request:
    usual = {
        "scenarios": (), "target": "reference", "storage": None, "schedules": None, "seconds": None,
        "strategy": "portfolio", "jobs": None, "cluster": None, "seed": 1, "replicas": None, "collect": False,
        "unclaimed": False, "allow_unreached": False, "out": None, "junit": None, "corpus": None,
        "no_corpus": True,
        "json": False,
    }  # fmt: skip
    return Request(**{**usual, **asked})  # type: ignore[arg-type]


def test_every_storm_has_a_share_and_the_composed_one_the_largest() -> None:
    storms = library.load_all()
    shares = {one.name: share for one, share in shares_of(request(schedules=10_000), storms)}

    assert set(shares) == {one.name for one in storms}
    assert shares["composed"].schedules == 10 * COMPOSED_PERMILLE
    others = [share.schedules or 0 for name, share in shares.items() if name != "composed"]
    assert min(others) > 0 and sum(others) < 5_000


def test_seconds_are_shared_likewise_and_without_a_budget_there_is_one() -> None:
    storms = library.load_all()
    timed = [share.seconds or 0.0 for _, share in shares_of(request(seconds=600.0), storms)]
    assert timed[0] == 600 * COMPOSED_PERMILLE / 1000
    assert abs(sum(timed) - 600) < 1
    assert all(share.schedules is None for _, share in shares_of(request(seconds=1.0), storms))

    usual = [share.schedules or 0 for _, share in shares_of(request(), storms)]
    assert usual[0] == TOGETHER_DEFAULT * COMPOSED_PERMILLE // 1000


@pytest.mark.parametrize("target", ["reference:append", "reference"])
def test_a_cluster_that_is_gone_at_the_next_storm_takes_nothing_of_those_before(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = "--cluster s.json: no scheduler answers there within 15 s"
    here = searching.explore

    def search(scenario: Any, *given: Any, cluster: str | None, **asked: Any) -> Explored:
        if scenario.name != "replaying":
            raise UsageError(gone)
        return here(scenario, *given, **asked)

    monkeypatch.setattr(searching, "explore", search)
    monkeypatch.chdir(tmp_path)
    storms = ("replaying", "sequential", "parallel")
    options = ("--target", target, "--schedules", "3", "--jobs", "1", "--cluster", "s.json")
    code = main(["explore", *storms, *options, "--json"])
    first, second, third = json.loads(capsys.readouterr().out)["runs"]
    assert code == {"violated": 1, "safe": 2}[first["verdict"]]
    assert first["schedules"] == 3
    assert (second["verdict"], second["unknown"]) == ("unknown", gone)
    assert third["skipped"] == "not begun, as sequential could not be"
    assert main(["explore", "sequential", *options]) == 2
    assert gone in capsys.readouterr().err, "where it was never there, that was asked wrongly"

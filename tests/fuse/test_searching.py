"""Searches over real servers: what is aimed at, found, shrunk, told and repeated; and nobody else accused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from patchstorm.check import judge
from patchstorm.choice.replay import STRIKE
from patchstorm.choice.strategy import PROCESS_DIES, Dull
from patchstorm.cli import main
from patchstorm.history.events import Fault
from patchstorm.worlds.fuse.aiming import aimed
from patchstorm.worlds.fuse.choosing import HOLD, Deciding, Repeating
from patchstorm.worlds.fuse.outcome import FuseOutcome

from .mounts import mounts
from .storms import HERE, STORM, mini, run, storm, target_text


@pytest.fixture(autouse=True)
def _can_mount() -> None:
    with mounts():
        pass


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The small storm and the small servers as a user has them: in files."""
    text = STORM.format(
        kind="conflicting", replicas=2, fleet="", size="2KiB", chunk="1KiB", faults="", closing=""
    )
    (tmp_path / "small.toml").write_text(text)
    (tmp_path / "mini.py").write_text((HERE / "mini.py").read_text())
    for mood in ("bare", "locked"):
        (tmp_path / f"{mood}.toml").write_text(target_text(mood))
    return tmp_path


def accused(ran: FuseOutcome) -> bool:
    return any(one.findings for one in judge(ran.history))


def test_the_first_order_that_is_aimed_at_convicts_a_store_without_a_lock() -> None:
    plain = run(storm(), mini("bare"), Deciding(Dull()))
    orders = list(aimed(plain, deadly=False))
    assert {choice.kind for order in orders for choice in order} == {HOLD}
    ran = run(storm(), mini("bare"), Repeating(orders[0]))
    assert not ran.unplaced
    assert accused(ran)


def test_where_replicas_may_die_they_die_at_each_call_that_changes_something() -> None:
    plan = storm("sequential")
    plain = run(plan, mini("locked"), Deciding(Dull()))
    deaths = [order for order in aimed(plain, deadly=True) if order[0].kind == STRIKE]
    places = {order[0].task for order in deaths}
    assert "r0 write <u0> at 0" in places or "r1 write <u0> at 0" in places
    assert not any(" lookup " in place or " read " in place for place in places)
    before = next(one for one in deaths if len(one) == 1 and " write <u0>" in one[0].task)
    after = next(one for one in deaths if len(one) == 2 and " write <u0>" in one[0].task)
    for order in (before, after):
        ran = run(plan, mini("locked"), Repeating(order))
        assert not ran.unplaced
        assert ran.choices[0].value == PROCESS_DIES
        assert [one.fault for one in ran.history.events if isinstance(one, Fault)] == ["crash"] * 2
        assert not accused(ran)


def test_a_search_finds_shrinks_tells_and_repeats(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["explore", str(files / "small.toml"), "--world", "fuse", "--schedules", "6", "--json"]
    out = files / "out"
    assert main([*asked, "--target", str(files / "bare.toml"), "--out", str(out)]) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert found["world"] == "fuse"
    assert found["schedules"] <= 3
    assert {one["checker"] for one in found["findings"]} >= {"conflict"}
    assert any("->" in line and "write" in line for line in found["story"])
    failure = json.loads(Path(found["failure"]).read_text())
    assert len(failure["schedule"]["choices"]) == 1
    assert main(["replay", "--times", "3", found["failure"]]) == 1
    assert "came back in 3 of 3 runs" in capsys.readouterr().out


@pytest.mark.slow
def test_what_a_search_finds_does_not_depend_on_how_many_runs_are_under_way(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["explore", str(files / "small.toml"), "--world", "fuse", "--schedules", "5", "--json"]
    seen = []
    for jobs in ("1", "3"):
        out = ["--jobs", jobs, "--out", str(files / jobs)]
        assert main([*asked, "--target", str(files / "bare.toml"), *out]) == 1
        (found,) = json.loads(capsys.readouterr().out)["runs"]
        failure = json.loads(Path(found["failure"]).read_text())
        seen.append((found["schedules"], failure["schedule"]["choices"]))
    assert seen[0] == seen[1]


@pytest.mark.slow
def test_a_search_accuses_nobody_who_holds_a_lock(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["explore", str(files / "small.toml"), "--world", "fuse", "--schedules", "12", "--json"]
    assert main([*asked, "--target", str(files / "locked.toml")]) == 0
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert found["verdict"] == "safe"
    assert found["schedules"] == 12


@pytest.mark.slow
def test_a_failure_with_many_choices_is_made_smaller(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(files / "out")
    asked = ["explore", str(files / "small.toml"), "--world", "fuse", "--strategy", "random-walk"]
    bare = ["--target", str(files / "bare.toml"), "--schedules", "60", "--json", "--out", out]
    assert main([*asked, *bare]) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    choices = json.loads(Path(found["failure"]).read_text())["schedule"]["choices"]
    assert len(choices) <= 3


def test_a_world_in_which_nothing_can_be_searched_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["explore", "sequential", "--world", "processes"]) == 2
    assert "patchstorm run --world processes --schedules N" in capsys.readouterr().err

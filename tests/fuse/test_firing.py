"""Each fault of the storage convicts a server that is not up to it, and nobody who is."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

import pytest

from patchstorm.check import judge
from patchstorm.choice.prng import Prng
from patchstorm.choice.random_walk import RandomWalk
from patchstorm.choice.strategy import Dull
from patchstorm.cli import main
from patchstorm.telling.record import SWEEPER
from patchstorm.worlds.fuse.chains import OWN
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.run import run_conducted
from patchstorm.worlds.fuse.story import account_of

from .mounts import mounts
from .storms import mini, run, served, storm

FAULT = """
[[fault]]
kind = "{kind}"
whom = "all"
times = 1
when = {{ after_bytes = 0 }}
{more}
"""
NFS = 'storage = "nfs4"'
SWEEP = {"stat "}
"""Of the storage's root, as listdir(3) begins."""
ALIKE_MIN = 7  # of eight: what threads of a server do is the machine's to decide
MISSED_MAX = 20
"""A fault of 50 ms, a server that looks every 10, and some looks before it is known for that."""
RECORD = 'path = "*.at.said"'


def struck(
    kind: str, mood: str, *, client: str = "sequential", fleet: str = "", more: str = ""
) -> FuseOutcome:
    """The plainest order under the fault, which has to hit something."""
    faults = FAULT.format(kind=kind, more=more)
    ran = run(storm(client, fleet=fleet, faults=faults), mini(mood), Deciding(Dull()))
    assert not ran.idle
    return ran


def plain(mood: str, *, client: str = "sequential", fleet: str = "") -> FuseOutcome:
    return run(storm(client, fleet=fleet), mini(mood), Deciding(Dull()))


def accused(ran: FuseOutcome) -> set[str]:
    return {finding.checker for one in judge(ran.history) for finding in one.findings}


def test_who_believes_an_old_size_forgets_what_it_acknowledged() -> None:
    assert {"durability", "offsets"} <= accused(struck("stale-attributes", "bare", fleet=NFS))
    assert not accused(plain("bare", fleet=NFS))


@pytest.mark.slow
def test_who_opens_a_file_before_it_asks_how_long_it_is_is_told_nothing_old() -> None:
    assert not accused(struck("stale-attributes", "fresh", fleet=NFS))


def test_who_believes_that_a_name_is_missing_forgets_what_it_acknowledged() -> None:
    assert {"durability", "offsets"} <= accused(struck("stale-entries", "marks", fleet=NFS))
    assert not accused(plain("marks", fleet=NFS))


@pytest.mark.slow
def test_a_record_that_is_found_under_an_old_name_is_read_anew() -> None:
    assert not accused(struck("stale-entries", "recorded", fleet=NFS))


def test_who_takes_bytes_back_for_a_rename_that_was_made_after_all_loses_them() -> None:
    ran = struck("lost-reply", "undoes", more=RECORD)
    (hit,) = [step for step in ran.trace if step.fault]
    assert (hit.fault, hit.result) == ("lost-reply", "ENOENT")
    assert {"bytes", "durability"} <= accused(ran)
    assert not accused(plain("undoes"))


@pytest.mark.slow
def test_who_leaves_the_bytes_where_they_are_loses_nothing_to_a_lost_reply() -> None:
    assert not accused(struck("lost-reply", "recorded", more=RECORD))


def test_who_believes_that_nothing_is_there_while_a_record_is_replaced_stores_bytes_twice() -> None:
    ran = struck("silly-rename", "holds", client="conflicting")
    hits = [(step.fault, step.result) for step in ran.trace if step.fault]
    assert hits == [("silly-rename", "waits"), ("silly-rename", "")]
    assert {"bytes", "conflict"} <= accused(ran)
    assert not accused(plain("holds", client="conflicting"))


def test_who_looks_again_for_a_record_that_is_missing_finds_it() -> None:
    ran = struck("silly-rename", "waits", client="conflicting")
    assert not accused(ran)
    missed = [one for one in ran.trace if one.result == "ENOENT" and ".at.said" in one.told]
    assert (
        len(missed) <= MISSED_MAX
    )  # the fault ends by the clock, and not by the server's patience


@pytest.mark.slow
def test_a_sweep_comes_at_its_own_time_and_moves_nothing_that_is_done_for_clients() -> None:
    """A request that waits for what a sweep has got hold of goes on where it stood."""
    openers: set[str] = set()
    _, *ran = (_with(openers, Deciding(Dull())) for _ in range(9))
    assert openers == SWEEP
    alike = Counter((tuple(served(one)), tuple(_changes(one))) for one in ran)
    assert alike.most_common(1)[0][1] >= ALIKE_MIN, alike
    assert not any(accused(one) for one in ran)


@pytest.mark.slow
def test_a_sweep_that_is_chosen_halfway_keeps_no_request_from_its_answer() -> None:
    openers = set(SWEEP)
    ran = [_with(openers, Deciding(RandomWalk(Prng("sweeps", at)))) for at in range(2)]
    assert any(f"{OWN} " in name for one in ran for name in one.order)
    tasks = {step.task for one in ran for step in account_of(one).steps if step.call == "list"}
    assert tasks and all(task.endswith(SWEEPER) for task in tasks)
    for one in ran:
        assert not accused(one)
        assert all(status is not None for _, status in served(one))


def _changes(ran: FuseOutcome) -> list[str]:
    return [name for name in ran.order if " write " in name or " fsync " in name]


def _with(openers: set[str], chooser: Deciding) -> FuseOutcome:
    with mounts():
        pass
    with tempfile.TemporaryDirectory(prefix="patchstorm-logs-") as folder:
        return run_conducted(
            storm(), mini("sweeps"), chooser, out_dir=Path(folder), openers=openers
        )


@pytest.mark.slow
def test_a_store_that_trusts_its_disk_is_convicted_of_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mounts():
        pass
    asked = ["run", "damage", "--world", "fuse", "--target", "bug:published-unverified", "--json"]
    assert main([*asked, "--schedules", "4", "--allow-unreached", "--out", str(tmp_path)]) == 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert "bytes" in {one["checker"] for one in found["findings"]}

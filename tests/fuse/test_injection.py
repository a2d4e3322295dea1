"""Faults of single calls and damage, under a real server: each one is met, and shows in what it does."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from patchstorm.campaign.single import run_storm
from patchstorm.check import judge
from patchstorm.choice.strategy import Dull
from patchstorm.history.events import Damage as Damaged
from patchstorm.history.recorder import Recorder
from patchstorm.run.damage import Damage
from patchstorm.run.script import header_of
from patchstorm.run.truth import ROOT, find, make_root
from patchstorm.scenario.plan import FaultPlan, Trigger
from patchstorm.storage import pages
from patchstorm.storage.constants import O_CREAT, O_RDWR
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.target.places import Places
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.injection import OF
from patchstorm.worlds.fuse.outcome import FuseOutcome

from .mounts import mounts
from .storms import mini, run, storm

FAULT = """
[[fault]]
kind = "{kind}"
whom = "{whom}"
times = 1
when = {{ after_bytes = 0 }}
{more}
"""
STORED = 'path = "*"'


def struck(
    kind: str, mood: str = "locked", *, fleet: str = "", more: str = "", whom: str = "all"
) -> FuseOutcome:
    faults = FAULT.format(kind=kind, whom=whom, more=more)
    return run(storm("sequential", fleet=fleet, faults=faults), mini(mood), Deciding(Dull()))


def accused(ran: FuseOutcome) -> set[str]:
    return {finding.checker for one in judge(ran.history) for finding in one.findings}


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("enospc", "ENOSPC"),
        ("edquot", "EDQUOT"),
        ("eio", "EIO"),
        ("estale", "ESTALE"),
        ("enolck", "ENOLCK"),
    ],
)
def test_a_call_that_fails_fails_once_and_the_server_lives_with_it(kind: str, answer: str) -> None:
    ran = struck(kind)
    (hit,) = [step for step in ran.trace if step.fault]
    assert (hit.fault, hit.result) == (kind, answer)
    assert not ran.idle
    assert not accused(ran)


@pytest.mark.parametrize("of", ["write", "sync", "open", "stat"])
def test_only_calls_that_do_what_the_fault_names_fail(of: str) -> None:
    ran = struck("eio", more=f'of = "{of}"')
    (hit,) = [step for step in ran.trace if step.fault]
    assert hit.told.partition(" ")[0] in OF[of]
    assert not accused(ran)


def test_a_write_takes_half_and_who_goes_on_loses_nothing() -> None:
    ran = struck("short-write")
    (hit,) = [step for step in ran.trace if step.fault]
    assert hit.told == "write <u0> 0+1024"
    assert "write <u0> 512+512" in [step.told for step in ran.trace]
    assert not accused(ran)


def test_who_does_not_look_how_much_was_taken_is_convicted() -> None:
    assert accused(struck("short-write", "hasty"))
    assert not accused(run(storm("sequential"), mini("hasty"), Deciding(Dull())))


def test_a_read_gives_half() -> None:
    ran = struck("short-read", more='path = "*.said"')
    (hit,) = [step for step in ran.trace if step.fault]
    assert hit.told.startswith("read ")
    asked, given = int(hit.told.rpartition("+")[2]), int(hit.result.partition(" ")[0])
    assert 0 < given <= asked // 2


def test_time_goes_by_before_a_slow_call() -> None:
    ran = struck("slow", more='for = "500ms"\ncall = "70ms"')
    slow = [at for at, step in enumerate(ran.trace) if step.fault == "slow"]
    assert slow
    assert all(ran.trace[at].time_ns - ran.trace[at - 1].time_ns >= 70_000_000 for at in slow if at)


def test_who_does_not_answer_after_an_fsync_that_failed_loses_nothing_with_the_power() -> None:
    power = """
[[fault]]
kind = "power-loss"
whom = "all"
when = { after_bytes = "1KiB" }
"""
    faults = FAULT.format(kind="eio", whom="all", more=STORED) + power
    plan = storm("sequential", fleet='storage = "ext4"', faults=faults)
    ran = run(plan, mini("locked"), Deciding(Dull()))
    assert any(step.fault == "eio" for step in ran.trace)
    assert not accused(ran)


class Somebody:
    """Places in which everything is stored bytes of one upload."""

    def stored(self, path: str) -> tuple[str, int] | None:
        return ("u0", 4)


@pytest.mark.parametrize("way", ["overwritten", "cut", "removed"])
def test_damage_is_written_down_and_done(way: str) -> None:
    server = Server(parse_flavour("tmpfs"), clock=ManualClock(0))
    make_root(server)
    plan = storm("sequential")
    recorder = Recorder(
        header_of(plan, mini(), world="fuse", storage="tmpfs", clock="virtual", epoch_ns=0)
    )
    damage = Damage(
        server, cast(Places, Somebody()), recorder, lambda: 1, lambda _, kind, n: n // 2
    )
    fault = FaultPlan(
        id="f", kind="damage", whom="storage", trigger=Trigger(kind="step"),
        options={"way": way, "length": 2},
    )  # fmt: skip
    assert not damage.strike(fault)
    client = server.mount("r0")
    client.write(client.open(f"{ROOT}/x", O_CREAT | O_RDWR, 0o600), b"abcdefgh")
    assert damage.strike(fault)
    (one,) = [event for event in recorder.history().events if isinstance(event, Damaged)]
    assert (one.upload, one.offset, one.length) == ("u0", 4, 8)
    inode = find(server, "x")
    left = None if inode is None else pages.read(inode.pages, inode.size, 0, inode.size)
    flipped = bytes(byte ^ 0xFF for byte in b"ef")
    assert left == {"overwritten": b"abcd" + flipped + b"gh", "cut": b"abcd", "removed": None}[way]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["damage", "failing-disk", "lost-replies", "stale-mount"])
def test_the_reference_is_safe_in_the_storms_that_use_them(name: str, tmp_path: Path) -> None:
    with mounts():
        pass
    # Whether a call comes that a fault was drawn for is a matter of the run.
    result = run_storm(
        name, "reference", seed=1, world="fuse", out_dir=tmp_path, allow_unreached=True
    )
    assert result.report.skipped is None
    assert result.report.verdict == "safe", result.report

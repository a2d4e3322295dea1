"""Storms over mounts: each order is chosen, races are brought about by name, faults strike between calls."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from patchstorm.check import judge
from patchstorm.choice.replay import SWITCH
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull
from patchstorm.errors import InconclusiveError
from patchstorm.history.events import Fault
from patchstorm.live.replica import Replica
from patchstorm.live.warden import marked
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock
from patchstorm.worlds.fuse import conductor, resting
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.choosing import Deciding, Repeating
from patchstorm.worlds.fuse.deadline import Deadline, in_line_s
from patchstorm.worlds.fuse.holding import Holding
from patchstorm.worlds.fuse.loop import Selector
from patchstorm.worlds.fuse.member import Member
from patchstorm.worlds.fuse.outcome import NO_STEP, FuseOutcome
from patchstorm.worlds.fuse.rest import Watch

from .mounts import mounts
from .storms import mini, run, served, storm

OVERTAKES = Choice("r1 write <u0> at 0", 0, SWITCH, 1, "c0.1 to r0#0")
"""Before replica 1 writes, having compared the offset, replica 0 does all that it was asked for."""


def accused(ran: FuseOutcome) -> set[str]:
    return {finding.checker for one in judge(ran.history) for finding in one.findings}


def test_the_plainest_order_serves_one_request_after_the_other_and_is_always_the_same() -> None:
    first, second = (run(storm(), mini("bare"), Deciding(Dull())) for _ in range(2))
    assert first.order == second.order
    assert served(first) == served(second)
    assert not first.choices
    assert not accused(first)
    written = [one.told for one in first.trace if one.told.startswith("write <u0>")]
    assert written == ["write <u0> 0+1024", "write <u0> 1024+1024"]


def test_an_order_that_is_asked_for_by_name_convicts_a_store_without_a_lock() -> None:
    for _ in range(2):
        ran = run(storm(), mini("bare"), Repeating([OVERTAKES]))
        assert not ran.unplaced
        assert "conflict" in accused(ran)
        assert served(ran).count(("append", 204)) >= 2


def test_the_same_order_finds_nothing_where_a_lock_is_held() -> None:
    ran = run(storm(), mini("locked"), Repeating([OVERTAKES]))
    assert not ran.unplaced
    assert not accused(ran)
    assert any(one.result == "waits" for one in ran.trace if "flock" in one.told)


def test_a_choice_that_cannot_be_made_is_told() -> None:
    strange = Choice("r0 rename <u0>", 0, SWITCH, 1, "c0.1 to r0#0")
    ran = run(storm(), mini("bare"), Repeating([strange]))
    assert ran.unplaced == (strange,)


CRASH = '[[fault]]\nkind = "crash"\nwhom = "acting"\nwhen = { op = "write", path = "*" }'


def test_a_replica_dies_at_the_very_call_that_a_fault_waits_for() -> None:
    ran = run(storm("sequential", faults=CRASH), mini("locked"), Deciding(Dull()))
    deaths = [one for one in ran.history.events if isinstance(one, Fault) and not one.ends]
    assert [one.fault for one in deaths] == ["crash"]
    written = [one for one in ran.trace if one.told == "write <u0> 0+1024"]
    assert [one.time_ns > deaths[0].time_ns for one in written] == [
        True
    ]  # not by the one that died
    assert not accused(ran)
    assert ran.unknown is None


class Cut(Dull):
    """Of what was not synced nothing survives."""

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        if kind.startswith("power."):
            return 1 if kind.startswith("power.file") else n - 1
        return 0


POWER = '[[fault]]\nkind = "power-loss"\nwhom = "storage"\nwhen = { after_requests = 2 }'


@pytest.mark.parametrize(("mood", "found"), [("bare", True), ("locked", False)])
def test_a_loss_of_power_takes_what_was_acknowledged_and_not_synced(mood: str, found: bool) -> None:
    plan = storm("sequential", fleet='storage = "ext4"', faults=POWER)
    ran = run(plan, mini(mood), Deciding(Cut()))
    assert bool(accused(ran) & {"durability", "bytes", "offsets"}) is found
    assert ran.unknown is None


class Believing(Dull):
    """Every cache is believed for as long as its mount allows."""

    def value(self, steps: int, task: str, local: int, kind: str, n: int) -> int:
        return 1 if kind.startswith("nfs.attributes") else 0


def test_a_stale_size_on_nfs_is_seen_by_a_real_server() -> None:
    ran = run(storm(fleet='storage = "nfs4"'), mini("bare"), Deciding(Believing()))
    assert any(choice.kind == "nfs.attributes" for choice in ran.choices)
    again = run(storm(fleet='storage = "nfs4"'), mini("bare"), Repeating(ran.choices))
    assert not again.unplaced
    assert served(again) == served(ran)


def test_a_paused_replica_does_nothing_until_it_goes_on() -> None:
    pause = '[[fault]]\nkind = "pause"\nwhom = "acting"\nwhen = { op = "write", path = "*" }'
    ran = run(storm("sequential", faults=pause), mini("locked"), Deciding(Dull()))
    assert [one.ends for one in ran.history.events if isinstance(one, Fault)] == [False, True]
    assert not accused(ran)


PROGRAM = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from patchstorm.choice.strategy import Dull
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.keeping import Keeping
from tests.fuse.storms import mini, storm

class Telling(Dull):
    def armed(self, steps):
        print("armed", flush=True)
        sys.stdin.read()

keeping = Keeping()
target = mini(stateless={kept})
keeping.run(storm(), target, Deciding(Dull()), out_dir=Path({out!r}))
keeping.run(storm(), target, Deciding(Telling()), out_dir=Path({out!r}))
"""


@pytest.mark.parametrize("kept", [False, True])
def test_a_harness_killed_in_a_storm_leaves_no_process_no_mount_and_no_directory(
    tmp_path: Path, kept: bool
) -> None:
    with mounts():
        pass  # or the reason why there can be none
    place = tmp_path / "t"
    place.mkdir()
    harness = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(path=sys.path, out=str(tmp_path), kept=kept)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TMPDIR": str(place), "OF_THIS_TEST": str(tmp_path)},
    )
    assert harness.stdout is not None and harness.stdin is not None
    assert harness.stdout.readline() == "armed\n"
    assert list(place.iterdir())
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    harness.stdin.close()
    harness.stdout.close()
    deadline = time.monotonic() + 90
    while marked(f"OF_THIS_TEST={tmp_path}") or _served_from(tmp_path) or list(place.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert str(place) not in Path("/proc/self/mountinfo").read_text()


def _served_from(place: Path) -> list[str]:
    """Processes whose command names a path below ``place``: the environment of servers is their own."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        try:
            command = (one / "cmdline").read_bytes()
        except OSError:
            continue
        if str(place).encode() in command and b"pytest" not in command:
            found.append(one.name)
    return found


def test_a_server_that_never_rests_cannot_be_conducted_and_is_gone_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resting, "REST_S_MAX", 0.5)
    with pytest.raises(InconclusiveError, match="did not come to rest"):
        run(storm("sequential"), mini("busy"), Deciding(Dull()))
    assert not [one for one in _commands() if "mini.py" in one and one.endswith("busy")]


def test_a_server_that_spins_while_its_lock_is_held_goes_on_with_what_it_waits_for() -> None:
    comes = Choice("r0 write <u0> at 0", 0, SWITCH, 1, "c0.1 to r0#0")
    ran = run(storm(replicas=1), mini("spins"), Repeating([comes]))
    assert not ran.unplaced
    assert any("r0 kept a processor busy" in note for note in ran.notes)
    assert not accused(ran)


def _commands() -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found.append((one / "cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace"))
    return found


def test_a_process_that_waits_is_at_rest_and_one_that_runs_is_not() -> None:
    waits = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    runs = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    assert waits.stdin is not None and waits.stdout is not None
    try:
        waits.stdin.write(b"x")
        waits.stdin.flush()
        assert waits.stdout.read(1) == b"x"  # it is cat by now
        watch, other = Watch(waits.pid), Watch(runs.pid)
        while not watch.at_rest():
            time.sleep(0.001)
        assert not other.at_rest()
        watch.close()
        other.close()
    finally:
        for one in (waits, runs):
            one.kill()
            one.wait()
        waits.stdin.close()
        waits.stdout.close()


EXCHANGED = """
import sys, threading
def waits():
    print("waits", flush=True)
    sys.stdin.readline()
def runs():
    print("runs", flush=True)
    while True: pass
first = threading.Thread(target=waits, daemon=True)
first.start()
first.join()
threading.Thread(target=runs, daemon=True).start()
threading.Event().wait()
"""


def test_a_thread_in_place_of_another_is_looked_at() -> None:
    command = [sys.executable, "-S", "-c", EXCHANGED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdin is not None and process.stdout is not None
            assert process.stdout.readline() == b"waits\n"
            watch = Watch(process.pid)
            while not watch.at_rest():
                time.sleep(0.001)
            assert watch.at_rest()
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert process.stdout.readline() == b"runs\n"
            assert not any(watch.at_rest() for _ in range(20))
            watch.close()
        finally:
            process.kill()


def test_what_nobody_can_tell_the_moment_of_is_told_and_is_no_step() -> None:
    ran = run(storm(), mini("bare"), Deciding(Dull()))
    passed = {one.told.partition(" ")[0] for one in ran.trace if one.number == NO_STEP}
    assert passed == {"close", "lookup", "open", "read", "stat"}
    steps = [name.partition("#")[0].split(" ")[:3] for name in ran.order]
    assert not [step for step in steps if "close" in step]
    assert ["r0", "stat", "<u0>"] in steps or ["r1", "stat", "<u0>"] in steps


def test_a_look_is_a_step_once_another_replica_has_asked_to_change_what_it_looks_at() -> None:
    ran = run(storm(), mini("bare"), Deciding(Dull()))
    storm_steps = ran.trace[ran.storm_from :]
    written = next(at for at, one in enumerate(storm_steps) if one.told.startswith("write <u0>"))
    writer = storm_steps[written].replica
    looks = [
        (one.replica == writer or at < written, one.number == NO_STEP)
        for at, one in enumerate(storm_steps)
        if one.told == "stat <u0>"
    ]
    assert (False, False) in looks
    assert (False, True) not in looks
    assert (True, True) in looks
    said = [one for one in storm_steps if one.told.startswith("read <u0>.said")]
    assert len({one.replica for one in said}) == 2  # read by all, changed by nobody
    assert all(one.number == NO_STEP for one in said)


def test_on_nfs_a_close_is_a_step_since_it_sends_what_was_written() -> None:
    ran = run(storm(fleet='storage = "nfs4"'), mini("bare"), Deciding(Dull()))
    assert [one for one in ran.order if " close <u0>" in one]
    assert not [one for one in ran.trace if one.number == NO_STEP]


def test_a_close_for_which_a_fault_waits_is_a_step() -> None:
    faults = CRASH.replace('"write"', '"close"')
    ran = run(storm("sequential", faults=faults), mini("locked"), Deciding(Dull()))
    assert [one.fault for one in ran.history.events if isinstance(one, Fault)] == ["crash"] * 2
    assert [one for one in ran.order if " close " in one]


def test_a_replica_that_is_killed_is_offered_to_no_client_from_that_moment_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Replica, "alive", True)  # as it is until the system has taken it away
    holding, replica = Holding.__new__(Holding), Replica.__new__(Replica)
    replica.index = 0
    for dying in (False, True):
        holding.members = [cast(Member, SimpleNamespace(dying=dying))]
        assert holding.offers(replica) is not dying


@pytest.mark.parametrize(
    ("took_s", "in_line_s", "over"),
    [(179, 0, False), (181, 0, True), (500, 400, False), (500, 300, True), (901, 890, True)],
)
def test_time_in_which_a_storm_stood_in_line_for_a_processor_is_not_its_own_up_to_an_end(
    took_s: float, in_line_s: float, over: bool
) -> None:
    now, line = [7.0], [3.0]
    deadline = Deadline(180, 900, now_s=lambda: now[0], in_line_s=lambda: line[0])
    now[0] += took_s
    line[0] += in_line_s
    assert deadline.over is over


def test_the_kernel_says_for_how_long_a_thread_stood_in_line() -> None:
    assert 0 <= in_line_s() <= time.monotonic()


def test_a_storm_that_takes_too_long_names_who_kept_a_processor_busy() -> None:
    clock = ManualClock(0)
    model = Server(parse_flavour("tmpfs"), clock=clock)
    with contextlib.closing(Selector()) as selector:
        late = conductor.Conductor(model, clock, selector, Chains())
        with contextlib.closing(late):
            late.deadline = Deadline(0, 0)
            late.conduct(None)
            assert str(late.failure) == "the storm did not end in time"
            late.failure = None
            late.spun = {"r2", "r0"}
            late.conduct(None)
    assert isinstance(late.failure, InconclusiveError)
    assert "r0, r2 kept a processor busy" in str(late.failure)

"""Servers that go from storm to storm: proved to keep nothing, on a storage that is new each time."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import msgspec
import pytest

from patchstorm.check import judge
from patchstorm.choice.replay import SWITCH
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull
from patchstorm.errors import TargetError
from patchstorm.history.events import Fault
from patchstorm.history.model import History
from patchstorm.live.storage import UnavailableStorage
from patchstorm.scenario.plan import Plan
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target
from patchstorm.worlds.fuse import keeping as keeping_module
from patchstorm.worlds.fuse.bridge import Bridge
from patchstorm.worlds.fuse.choosing import Deciding, Repeating
from patchstorm.worlds.fuse.ground import Ground, unfinished
from patchstorm.worlds.fuse.keeping import First, Keeping, Kept, unlike
from patchstorm.worlds.fuse.outcome import FuseOutcome

from .mounts import mounts, start, until_ended, until_said
from .storms import HERE, mini, run, served, storm, target_text

OVERTAKES = Choice("r1 write <u0> at 0", 0, SWITCH, 1, "c0.1 to r0#0")
CRASH = '[[fault]]\nkind = "crash"\nwhom = "acting"\nwhen = { op = "write", path = "*" }'
PAUSE = '[[fault]]\nkind = "pause"\nwhom = "acting"\nwhen = { op = "write", path = "*" }'


@pytest.fixture
def keeping() -> Iterator[Keeping]:
    found = Keeping()
    yield found
    found.close()


def kept(
    keeping: Keeping, plan: Plan, target: Target, chooser: Deciding | Repeating | None = None
) -> FuseOutcome:
    with tempfile.TemporaryDirectory(prefix="patchstorm-logs-") as folder:
        try:
            return keeping.run(plan, target, chooser or Deciding(Dull()), out_dir=Path(folder))
        except UnavailableStorage as missing:
            pytest.skip(str(missing))


def processes(keeping: Keeping) -> list[int]:
    """The leaders of the servers that wait for the next storm."""
    return [pid for one in keeping.idle for pid in one.ground.pids]


def touched(ran: FuseOutcome) -> list[tuple[str, ...]]:
    """By what names strategies know the files that were written."""
    return [one.footprint.writes for one in ran.trace if one.told.startswith("write")]


def test_servers_that_keep_nothing_serve_storm_after_storm_and_each_finds_an_empty_storage(
    keeping: Keeping,
) -> None:
    target = mini("bare", stateless=True)
    fresh = run(storm(), target, Repeating([OVERTAKES]))
    first = kept(keeping, storm(), target)
    pids = processes(keeping)
    assert len(pids) == 2
    again = kept(keeping, storm(), target, Repeating([OVERTAKES]))
    assert processes(keeping) == pids
    assert not again.unplaced and not again.notes
    assert again.order == fresh.order
    assert unlike(fresh.history, again.history) is None
    third = kept(keeping, storm(), target)
    assert processes(keeping) == pids
    assert third.order == first.order
    assert touched(third) == touched(first)


def test_a_server_that_remembers_is_found_out_and_started_for_each_storm(keeping: Keeping) -> None:
    target = mini("remembers", stateless=True)
    first = kept(keeping, storm("sequential"), target)
    second = kept(keeping, storm("sequential"), target)
    assert not first.notes
    assert ["mini-remembers says `stateless` and is not" in note for note in second.notes] == [True]
    assert served(second) == served(first)
    assert not processes(keeping)


@pytest.mark.parametrize(
    ("used", "fresh", "refused"),
    [
        ("A", "", False),  # on the servers that served it: the same
        ("BP", "PC", False),  # fresh servers do not do it again either, but the plainest order
        ("BPA", "PA", False),
        ("BQ", "P", True),
        ("BPBBB", "PAAA", True),  # fresh servers always do it again, those never
    ],
)
def test_a_server_that_does_not_repeat_itself_is_tried_in_the_plainest_order(
    used: str, fresh: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, plan = mini("bare", stateless=True), storm()
    ran = run(plan, target, Deciding(Dull()))
    came = {True: list(used), False: list(fresh)}

    def conducted(plan: Plan, target: Target, chooser: object, **more: object) -> FuseOutcome:
        made = came[more["ground"] is not None].pop(0)
        assert isinstance(chooser, Deciding) is (made in "PQ")
        return replace(ran, history=cut(ran, made))

    monkeypatch.setattr(keeping_module, "run_conducted", conducted)
    keeping = Keeping()
    kept = Kept((target, 2, None), cast(Ground, object()))
    keeping._prove(kept, First(plan, (OVERTAKES,), cut(ran, "A")), target, None)
    assert (keeping.refused is not None) is refused
    assert came == {True: [], False: []}


def cut(ran: FuseOutcome, name: str) -> History:
    """As many histories that differ as there are names: of one, all but so many of the last operations."""
    operations = ran.history.operations
    left = len(operations) - "ABCPQ".index(name)
    return msgspec.structs.replace(ran.history, operations=operations[:left])


def test_a_target_that_does_not_say_so_gets_servers_for_each_storm(keeping: Keeping) -> None:
    kept(keeping, storm("sequential"), mini("bare"))
    assert not processes(keeping)


def test_of_the_servers_only_those_are_started_anew_that_a_fault_hit(keeping: Keeping) -> None:
    target = mini(stateless=True)
    kept(keeping, storm("sequential"), target)
    before = processes(keeping)
    ran = kept(keeping, storm("sequential", faults=CRASH), target)
    (struck,) = {one.replica for one in ran.history.events if isinstance(one, Fault)}
    after = processes(keeping)
    assert [at for at, pid in enumerate(before) if pid not in after] == [struck]
    ran = kept(keeping, storm("sequential", faults=PAUSE), target)
    (struck,) = {one.replica for one in ran.history.events if isinstance(one, Fault)}
    assert struck in unfinished(ran.history, 2)
    assert processes(keeping) == [pid for at, pid in enumerate(after) if at != struck]
    last = kept(keeping, storm("sequential"), target)
    assert len(processes(keeping)) == 2
    assert not last.notes


def test_another_number_of_replicas_gets_other_servers_and_the_old_ones_end(
    keeping: Keeping,
) -> None:
    target = mini(stateless=True)
    kept(keeping, storm("sequential"), target)
    before = processes(keeping)
    kept(keeping, storm("sequential", replicas=3), target)
    assert len(processes(keeping)) == 3
    assert not [pid for pid in before if os.path.exists(f"/proc/{pid}")]


def test_when_all_is_over_no_server_is_left() -> None:
    keeping = Keeping()
    kept(keeping, storm("sequential"), mini(stateless=True))
    before = processes(keeping)
    assert before
    keeping.close()
    assert not [pid for pid in before if os.path.exists(f"/proc/{pid}")]


HOLDS = """
here = os.open(root, os.O_RDONLY)
os.mkdir("sub")
inside = os.open("sub", os.O_RDONLY)
file = os.open("file", os.O_RDWR | os.O_CREAT)
os.write(file, b"old")
print("open", flush=True)
sys.stdin.read()
for call in (
    lambda: os.pread(file, 3, 0), lambda: os.pwrite(file, b"new", 0), lambda: os.fsync(file),
    lambda: os.fstat(file), lambda: os.ftruncate(file, 0), lambda: os.listdir(here),
    lambda: os.stat("x", dir_fd=inside), lambda: os.mkdir("y", dir_fd=inside),
):
    try:
        call()
        print("done")
    except OSError as error:
        print(errno.errorcode[error.errno])
print(os.path.exists("file"), os.listdir(root))
open("file", "x").close()
print(os.listdir(root), os.stat("file").st_size)
"""


def test_what_is_open_of_the_old_storage_is_stale_and_the_new_one_has_nothing_of_it() -> None:
    with mounts() as (one,), mounts() as (other,):
        process = start(one, HOLDS, stdin=subprocess.PIPE)
        assert process.stdout is not None and process.stdin is not None
        until_said(one, process)
        server = other.server
        user = (os.getuid(), os.getgid())
        one.bridge = Bridge(server.mount("again"), lambda: server.tree.root, user, storm=1)
        process.stdin.close()
        process.stdin = None
        said = until_ended([one], process)[0].splitlines()
        assert said == ["ESTALE"] * 8 + ["False []", "['file'] 0"]
        assert list(server.tree.root.entries or {}) == ["file"]


def test_logs_of_servers_that_are_kept_are_named_where_they_stay(
    keeping: Keeping, tmp_path: Path
) -> None:
    text = target_text("locked", stateless=True).replace("mini.py", "nothing.py")
    target = parse_target(text, source="mini.toml", here=str(HERE))
    with mounts(), pytest.raises(TargetError) as failed:
        keeping.run(storm(), target, Deciding(Dull()), out_dir=tmp_path)
    said = re.search(r"\((/\S+\.log)\)", str(failed.value))
    assert said is not None and Path(said[1]).parent == tmp_path
    assert "nothing.py" in Path(said[1]).read_text()


def test_who_ended_by_itself_is_told_with_a_log_that_stays(
    keeping: Keeping, tmp_path: Path
) -> None:
    text = target_text("ends", stateless=True)
    target = parse_target(text, source="mini.toml", here=str(HERE))
    with mounts():
        ran = keeping.run(storm("sequential"), target, Deciding(Dull()), out_dir=tmp_path)
    (note, *_) = [note for note in ran.notes if "ended by itself" in note]
    assert str(tmp_path / "replica-") in note
    assert "enough" in Path(note.rpartition("see ")[2]).read_text()


def preloading(target: Target) -> Target:
    start = msgspec.structs.replace(target.start, preload=True)
    return msgspec.structs.replace(target, start=start)


@pytest.mark.slow
def test_python_servers_of_many_storms_are_forked_and_do_the_same_also_after_a_death(
    keeping: Keeping,
) -> None:
    target = preloading(mini("locked"))
    plain = [kept(keeping, storm(), target, Repeating([OVERTAKES])) for _ in range(3)]
    (nursery,) = keeping.nurseries
    assert nursery.forks == 0
    forked = kept(keeping, storm(), target, Repeating([OVERTAKES]))
    assert nursery.why_not is None
    assert nursery.forks == 2
    assert unlike(plain[0].history, forked.history) is None
    died = kept(keeping, storm("sequential", faults=CRASH), target)
    assert any(isinstance(one, Fault) and one.deadly for one in died.history.events)
    assert nursery.forks == 5  # both replicas, and the one that died once more
    assert not [one for each in judge(died.history) for one in each.findings]


@pytest.mark.slow
def test_servers_of_a_target_that_does_not_want_it_are_never_forked(keeping: Keeping) -> None:
    target = mini("locked")
    for _ in range(4):
        kept(keeping, storm("sequential"), target)
    (nursery,) = keeping.nurseries
    assert nursery.starts == 8
    assert nursery.forks == 0

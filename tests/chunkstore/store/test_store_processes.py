"""Real replicas in processes of their own, with real signals, over a directory in memory."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import storehammer
from storescene import DATA, World, claims_for, count_calls

from chunkstore.errors import Busy
from chunkstore.port import OsPort
from chunkstore.store import Store

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="reads process states from /proc"
)
PATIENCE_S = 60.0

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["storehammer"])


@contextmanager
def running(target: Callable[..., None], *args: object) -> Iterator[BaseProcess]:
    """A process that is gone afterwards, whatever happened."""
    process = context.Process(target=target, args=args)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(PATIENCE_S)
        process.close()


def pid_of(process: BaseProcess) -> int:
    assert process.pid is not None
    return process.pid


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.001)


def require_stored(root: Path, size: int, acknowledged: set[int]) -> None:
    """A new replica still has every acknowledged byte; a client completes; one sweep tidies up."""
    claims, data = storehammer.storm_claims(size), storehammer.payload(size)
    store = Store(OsPort(), str(root))
    for gap in store.status(claims).missing_ranges:
        span = range(gap.offset, gap.offset + gap.length)
        assert not acknowledged.intersection(span), "acknowledged bytes are missing"
        storehammer.patiently(store, claims, gap.offset, data[span.start : span.stop])
    assert store.view(claims).state == "published"
    assert (root / "storm.bin").read_bytes() == data
    assert store.sweep() == []
    assert {path.name for path in (root / ".upload" / "storm").iterdir()} == {"info.json", ".lock"}
    assert {path.name for path in root.iterdir()} == {".upload", "storm.bin"}


def test_processes_that_are_killed_at_any_moment_lose_nothing(world: World) -> None:
    """Four replicas hammer one session with every boundary there is; some die each few milliseconds."""
    size, chunk, kills = 60_000, 500, 16
    drawn = random.Random(20)
    logs = world.root.parent / f"{world.root.name}-logs"
    logs.mkdir()
    try:
        acknowledged: set[int] = set()
        for turn in range(kills // 4):
            spawned = []
            for lane in range(4):
                log = logs / f"{turn}-{lane}"
                args = (str(world.root), str(log), size, chunk, 10 * turn + lane)
                process = context.Process(target=storehammer.hammer, args=args)
                process.start()
                spawned.append(process)
            came = storehammer.acknowledged if turn == 0 else Path.exists
            wait_until(lambda came=came, turn=turn: any(map(came, logs.glob(f"{turn}-*"))))  # type: ignore[misc]
            for process in drawn.sample(spawned, len(spawned)):
                time.sleep(drawn.uniform(0.0, 0.02))
                process.kill()
                process.join(PATIENCE_S)
                process.close()
            for log in logs.glob(f"{turn}-*"):
                acknowledged |= storehammer.acknowledged(log)
        assert acknowledged, "the storm never got where it had to"
        require_stored(world.root, size, acknowledged)
    finally:
        for log in logs.iterdir():
            log.unlink()
        logs.rmdir()


def test_processes_that_live_complete_the_upload_together(world: World) -> None:
    size, chunk = 40_000, 1_000
    args = [(str(world.root), os.devnull, size, chunk, seed) for seed in range(4)]
    spawned = [context.Process(target=storehammer.hammer, args=one) for one in args]
    for process in spawned:
        process.start()
    try:
        for process in spawned:
            process.join(PATIENCE_S)
            assert process.exitcode == 0
        assert (world.root / "storm.bin").read_bytes() == storehammer.payload(size)
        require_stored(world.root, size, set(range(size)))
    finally:
        for process in spawned:
            process.kill()
            process.join(PATIENCE_S)


@pytest.mark.parametrize("trigger", ["body_", "stage_"])
def test_killed_when_a_file_of_this_kind_appears(world: World, trigger: str) -> None:
    """Triggered by what is on disk: while a body comes in, while a file is assembled."""
    size, chunk, log = 12_000_000, 4_000_000, world.root / "log"
    for attempt in range(5):
        root = world.root / str(attempt)
        root.mkdir()
        args = (str(root), str(log), size, chunk, attempt)
        with running(storehammer.hammer, *args) as process:
            struck = killed_at_sight(process, root / ".upload" / "storm", trigger)
        acknowledged = storehammer.acknowledged(log)
        log.unlink(missing_ok=True)
        require_stored(root, size, acknowledged)
        if struck:
            return
    pytest.skip(f"no {trigger} file was seen in time on this machine, in five uploads")


def killed_at_sight(process: BaseProcess, session: Path, prefix: str) -> bool:
    """SIGKILL the process as soon as such a name is in the directory; False when it ended before."""
    while process.is_alive():
        names = os.listdir(session) if session.exists() else []
        if any(name.startswith(prefix) for name in names):
            process.kill()
            process.join(PATIENCE_S)
            return True
    return False


@pytest.mark.parametrize("pattern", ["replace /info_", "replace /body_", "link /stage_"])
def test_killed_with_the_new_name_in_hand(world: World, pattern: str) -> None:
    """The file of this kind is there, written and synced, and has not got its final name yet."""
    arguments = (str(world.root), 0, signal.SIGKILL, pattern)
    with running(storehammer.scripted, *arguments) as process:
        process.join(PATIENCE_S)
        assert process.exitcode == -signal.SIGKILL
    kind = pattern.partition("/")[2]
    assert any(name.startswith(kind) for name in os.listdir(world.session(claims_for())))
    world.finish(claims_for(), DATA)
    world.sweep_clean()


def test_sigkill_before_any_call(world: World) -> None:
    """Death as the kernel deals it, at a sample of the calls that are tried one by one elsewhere."""
    for number in range(3, count_calls(claims_for()), 17):
        root = world.root / str(number)
        root.mkdir()
        with running(storehammer.scripted, str(root), number, signal.SIGKILL, "") as process:
            process.join(PATIENCE_S)
            assert process.exitcode == -signal.SIGKILL
        inner = World(root)
        inner.finish(claims_for(), DATA)
        inner.sweep_clean()


def test_a_replica_stopped_with_the_lock_in_hand_makes_others_busy_not_stuck(world: World) -> None:
    claims, other = claims_for(), claims_for("other", target="other")
    pattern = "replace /info_"
    with running(storehammer.scripted, str(world.root), 0, signal.SIGSTOP, pattern) as process:
        wait_until(lambda: storehammer.state_of(pid_of(process)) == "T")
        store = world.replica()
        for _ in range(3):
            with pytest.raises(Busy):
                store.view(claims)
        assert store.sweep() == []
        world.patch(store, other, 0, DATA)
        os.kill(pid_of(process), signal.SIGCONT)
        process.join(PATIENCE_S)
        assert process.exitcode == 7
    assert world.published(claims) == DATA
    world.sweep_clean()


def test_an_assembler_stopped_for_long_finds_the_work_done(world: World) -> None:
    claims = claims_for()
    target = world.root / claims.target
    pattern = "pwrite /stage_"
    with running(storehammer.scripted, str(world.root), 0, signal.SIGSTOP, pattern) as process:
        wait_until(lambda: storehammer.state_of(pid_of(process)) == "T")
        store = world.replica()
        with pytest.raises(Busy):
            store.view(claims)
        assert world.patiently(lambda: store.view(claims)).state == "published"
        published = (target.stat().st_ino, target.read_bytes())
        assert store.sweep() == []
        os.kill(pid_of(process), signal.SIGCONT)
        process.join(PATIENCE_S)
        assert process.exitcode == 7
    assert (target.stat().st_ino, target.read_bytes()) == published
    assert published[1] == DATA
    world.sweep_clean()

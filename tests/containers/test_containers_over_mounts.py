"""Containers of an image in world ``fuse``: storage that this kernel has none of, every call chosen."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fuse.storms import HERE, STORM, served, storm

from patchstorm.campaign.failure import read_failure
from patchstorm.check import judge
from patchstorm.choice.strategy import Dull
from patchstorm.cli import main
from patchstorm.history.events import Fault
from patchstorm.live import nsholder
from patchstorm.live.docker import labels
from patchstorm.live.docker.engine import Engine, engine
from patchstorm.live.docker.images import own_image
from patchstorm.live.storage import UnavailableStorage
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target
from patchstorm.worlds.fuse import boxes
from patchstorm.worlds.fuse.choosing import Deciding
from patchstorm.worlds.fuse.doctor import rows
from patchstorm.worlds.fuse.keeping import Keeping
from patchstorm.worlds.fuse.outcome import FuseOutcome
from patchstorm.worlds.fuse.run import run_conducted
from patchstorm.worlds.fuse.shown import Mount, mounts_of, shown

from .contained import patchstorm, reason_not_to, things

PATIENCE_S = 90
ENDLESS = "500"
BOXED = Path(__file__).parent / "boxed.toml"
SERVER = '"{python}", "-I", "-S", "{here}/mini.py", "{root}", "{port}", "locked"'
CHILD = """\
"{python}", "-c", "import subprocess, sys; subprocess.run(sys.argv[1:], check=True)", \
"{python}", "-I", "-S", "{here}/mini.py", "{root}", "{port}", "locked"\
"""
MINI = """
name = "boxed-mini"
capabilities = ["sequential", "creation", "completes-unattended", "survives-power-loss"]
[start]
stateless = true
[container]
image = "{{patchstorm}}"
command = [{command}]
[wire]
path = "/files"
[files]
published = "{{id}}"
internal = ["*.said"]
leftovers = ["*.said"]
"""
CRASH = '[[fault]]\nkind = "crash"\nwhom = "acting"\nwhen = {{ op = "write", path = "*" }}\n{more}'


def missing() -> str | None:
    """Why this machine cannot run them for a test; None if it can."""
    try:
        boxes.reachable()
        with tempfile.TemporaryDirectory(prefix="patchstorm-") as folder:
            shown(Path(folder)).close()
    except UnavailableStorage as reason:
        return str(reason)
    return reason_not_to()


pytestmark = pytest.mark.skipif(missing() is not None, reason=missing() or "")


def mini(command: str = SERVER) -> Target:
    """The small server of the tests of ``fuse``, in the harness's image."""
    text = MINI.replace("{command}", command).replace("{{", "{").replace("}}", "}")
    return parse_target(text, source="boxed-mini.toml", here=str(HERE))


@pytest.fixture(scope="module", autouse=True)
def _image() -> None:
    asyncio.run(own_image(engine()))


def ran(faults: str = "", command: str = SERVER, keeping: Keeping | None = None) -> FuseOutcome:
    plan = storm("sequential", faults=faults)
    run = run_conducted if keeping is None else keeping.run
    with tempfile.TemporaryDirectory(prefix="patchstorm-logs-") as folder:
        return run(plan, mini(command), Deciding(Dull()), out_dir=Path(folder))


def nothing_is_left(pid: int | None = None) -> bool:
    """Of this process, or of another harness."""
    number = str(os.getpid() if pid is None else pid)
    found = things(engine(), lambda marks: marks[labels.OWNER].split(" ")[2] == number)
    return not found and not mounts_by(number)


def mounts_by(number: str) -> list[str]:
    return [
        where
        for where, mount in mounts_of("self").items()
        if mount.kind == nsholder.FUSE_KIND and mount.source.split(":")[1] == number
    ]


def alike(one: FuseOutcome, other: FuseOutcome) -> bool:
    return one.order == other.order and served(one) == served(other)


def test_a_storm_in_containers_is_done_twice_alike_and_as_by_processes() -> None:
    first, second = ran(), ran()
    assert alike(first, second)
    assert not any(one.findings for one in judge(first.history))
    assert {one.call.replica for one in first.history.operations} == {0, 1}
    assert nothing_is_left()


def test_containers_are_kept_from_storm_to_storm_where_nothing_is_kept_in_them() -> None:
    with contextlib.closing(Keeping()) as keeping:
        first, second, third = (ran(keeping=keeping) for _ in range(3))
        (kept,) = keeping.idle
        assert keeping.refused is None
        assert kept.ground.storms == 4, "and one that proved it"
        assert len(kept.ground.pids) == 2
    assert served(first) == served(second) == served(third)
    assert nothing_is_left()


@pytest.mark.parametrize("command", [SERVER, CHILD], ids=["leader", "child"])
def test_a_container_dies_at_the_very_call_and_comes_back(command: str) -> None:
    """Also where the one who calls is no leader: all that the container runs is waited for, and dies."""
    done = ran(CRASH.format(more='for = "10ms"'), command)
    assert [one.fault for one in done.history.events if isinstance(one, Fault)] == ["crash"] * 2
    assert not any(one.findings for one in judge(done.history))
    assert done.unknown is None
    assert 204 in {status for _, status in served(done)}
    assert nothing_is_left()


def asked(tmp_path: Path, target: str, *more: str) -> list[str]:
    file = tmp_path / "contested.toml"
    text = STORM.format(
        kind="conflicting", replicas=2, fleet="", size="4KiB", chunk="2KiB", faults="", closing=""
    )
    file.write_text(text, encoding="utf-8")
    where = ["--world", "fuse", "--storage", "nfs4", "--out", str(tmp_path / "out")]
    return ["explore", str(file), "--target", f"{BOXED}{target}", *where, "--json", *more]


def explored(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_an_image_that_loses_acknowledged_bytes_on_nfs_is_convicted_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(tmp_path, ":append", "--schedules", "6")) == 1
    found = explored(capsys)
    assert read_failure(Path(found["failure"])).plan.storage == "nfs4"
    assert {"bytes", "conflict"} <= {one["checker"] for one in found["findings"]}
    assert any("upload.part" in json.dumps(line) for line in found["story"])
    assert main(["replay", found["failure"]]) == 1
    assert "5 of 5 runs" in capsys.readouterr().out
    assert nothing_is_left()


@pytest.mark.slow
def test_the_reference_in_its_image_is_not_accused_of_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(asked(tmp_path, "", "--schedules", "4")) == 0
    assert explored(capsys)["verdict"] == "safe"
    assert nothing_is_left()


@pytest.fixture
def endless(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Storms without end, fresh containers each time; whatever a failed test leaves running is ended."""
    file = tmp_path / "fresh.toml"
    file.write_text(BOXED.read_text(encoding="utf-8").replace("stateless = true", ""), "utf-8")
    running = patchstorm(
        *("run", "sequential", "--world", "fuse", "--target", str(file), "--schedules", ENDLESS),
        *("--storage", "nfs4"),
        folder=tmp_path,
    )
    yield running
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def containers_of(daemon: Engine, pid: int) -> int:
    return len(things(daemon, lambda marks: marks[labels.OWNER].split(" ")[2] == str(pid)))


@pytest.mark.parametrize("moment", ["mounted", "created", "running"])
def test_a_harness_that_is_killed_leaves_no_container_and_no_mount(
    moment: str, endless: subprocess.Popen[str]
) -> None:
    daemon = engine()
    wait_for(lambda: mounts_by(str(endless.pid)))
    if moment != "mounted":
        wait_for(lambda: containers_of(daemon, endless.pid))
    if moment == "running":
        wait_for(lambda: containers_of(daemon, endless.pid) >= 3)
        time.sleep(1)  # somewhere in a storm: starting, or asking
    endless.kill()
    endless.wait()
    wait_for(lambda: nothing_is_left(endless.pid))


def test_ctrl_c_leaves_nothing_either(endless: subprocess.Popen[str], tmp_path: Path) -> None:
    daemon = engine()
    wait_for(lambda: containers_of(daemon, endless.pid))
    os.killpg(endless.pid, signal.SIGINT)
    _, err = endless.communicate(timeout=PATIENCE_S)
    assert endless.returncode == 130, err
    assert "Traceback" not in err
    assert nothing_is_left(endless.pid)


def test_a_mount_that_the_daemon_does_not_see_is_a_reason_to_skip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = boxes.mounts_of

    def another(pid: str) -> dict[str, Mount]:
        return {where: mount._replace(device="0:0") for where, mount in real(pid).items()}

    monkeypatch.setattr(boxes, "mounts_of", another)
    with pytest.raises(UnavailableStorage, match="does not see what is mounted here"):
        ran()
    assert nothing_is_left()


@pytest.mark.parametrize(
    ("what", "says"), [("daemon", "no Docker daemon answers"), ("root", "need root here")]
)
def test_where_something_is_missing_storms_are_skipped_and_the_doctor_says_it(
    what: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    if what == "daemon":
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    else:
        monkeypatch.setattr(boxes.os, "geteuid", lambda: 1000)
    arguments = ["run", "sequential", "--world", "fuse", "--target", str(BOXED), "--json"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) != 1
    (found,) = json.loads(capsys.readouterr().out)["runs"]
    assert says in found["skipped"]

    async def told() -> list[str]:
        return [row.says async for row in rows("world fuse") if row.what.endswith("images")]

    (row,) = asyncio.run(told())
    assert says in row

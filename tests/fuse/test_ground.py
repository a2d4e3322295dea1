"""Mounts of one's own: where they are seen, and that nothing is left of them, however the harness ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.fuse.mounts import alive, is_mounted, mounts, run, start

from patchstorm.worlds.fuse import device

HARNESS = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.fuse.mounts import mounts, start
with mounts(2) as served:
    waits = [start(one, "import os; os.stat('x')") for one in served]
    print(*(one.device._holder.pid for one in served), *(w.pid for w in waits),
          served[0].device.where, flush=True)
    time.sleep(600)  # nobody answers: both programs are held in their call
"""


def test_two_replicas_see_one_storage_each_through_a_mount_of_its_own():
    with mounts(2) as (first, second):
        run(first, "open('x', 'wb').write(b'abc')")
        assert run(second, "print(open('x', 'rb').read())") == "b'abc'\n"
        assert not is_mounted(str(first.device.where))
        assert not os.listdir(first.device.where)


def test_a_closed_mount_is_gone_and_whoever_waited_in_it_is_let_go():
    with mounts() as (one,):
        waiting = start(one, "os.stat('x')")
        holder = one.device._holder.pid
        assert is_mounted(str(one.device.where), holder)
        one.device.close()
        assert waiting.wait(timeout=90) != 0
        assert not alive(holder)
        waiting.communicate()


def test_a_harness_that_is_killed_leaves_no_mount_and_no_process_that_hangs():
    with mounts():
        pass  # or the reason why there can be none
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS.format(path=sys.path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert harness.stdout is not None
    *pids, where = harness.stdout.readline().split()
    assert all(alive(int(pid)) for pid in pids)
    harness.send_signal(signal.SIGKILL)
    harness.wait()
    harness.stdout.close()
    deadline = time.monotonic() + 90
    while any(alive(int(pid)) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert not is_mounted(where)
    os.rmdir(where)  # a directory of the test's own; nothing lies on it


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_has_mounts_too(tmp_path):
    """In a namespace where /dev/fuse has the mode that distributions give it."""
    with mounts():
        pass
    program = tmp_path / "p.py"
    program.write_text(
        f"import sys; sys.path[:0] = {sys.path!r}\n"
        "from tests.fuse.mounts import mounts, run\n"
        "with mounts() as (one,):\n"
        '    print(run(one, \'open("x", "w"); print(os.getuid(), os.listdir())\'))\n'
    )
    somebody = "setpriv --reuid=65534 --regid=65534 --clear-groups"
    script = (
        f"mknod -m 666 {tmp_path}/fuse c 10 229 && mount --bind {tmp_path}/fuse /dev/fuse && "
        f"exec {somebody} {_python_for_all(somebody.split())} {program}"
    )
    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o055)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True, text=True, cwd="/", check=False,
        env={**os.environ, "TMPDIR": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    if "mknod" in done.stderr or "unshare" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout.split()[:3] == ["65534", "['x']"], done.stderr


def _python_for_all(somebody: list[str]) -> str:
    """A Python of the same version as this one that others may run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        asked = [*somebody, "sh", "-c", f"{python} -c pass"]
        if subprocess.run(asked, capture_output=True, check=False, cwd="/").returncode == 0:
            return python
    pytest.skip(f"no Python {version} that other users may run")


def test_a_machine_without_the_device_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(device.nsholder, "FUSE_DEVICE", "/dev/no-such-device")
    assert "modprobe fuse" in device.cannot("whatever")


def test_a_machine_that_forbids_the_mount_is_told_why():
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("/dev/fuse may not be opened here")
    assert "(mount: Operation not permitted)" in device.cannot("mount: Operation not permitted")

"""Mounts that others see: what is left of them, however the harness ends, and how that is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from patchstorm.live import nsholder
from patchstorm.live.storage import UnavailableStorage
from patchstorm.worlds.fuse import shown as module
from patchstorm.worlds.fuse.shown import Shown, left_mounts, mounts_of, shown, shows

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts where others see it")
HARNESS = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from patchstorm.live import nsholder
from patchstorm.live.guard import guard
from patchstorm.worlds.fuse.shown import shown
where = Path({where!r})
if {noted}:
    guard.adopt_call("mounts", [sys.executable, "-I", "-S", nsholder.__file__, "detach", str(where)])
one = shown(where)
print("mounted", flush=True)
time.sleep(600)
"""


def opened(where: Path) -> Shown:
    where.mkdir()
    try:
        return shown(where)
    except UnavailableStorage as missing:
        pytest.skip(str(missing))


def killed(where: Path, *, noted: bool) -> None:
    """A harness that has mounted something dies."""
    text = HARNESS.format(path=sys.path, where=str(where), noted=noted)
    with subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, text=True
    ) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "mounted\n"
        assert str(where) in mounts_of("self")
        harness.kill()


def test_a_mount_is_seen_by_others_and_gone_when_it_is_closed(tmp_path: Path) -> None:
    where = tmp_path / "with a space"
    one = opened(where)
    try:
        mount = mounts_of("self")[str(where)]
        assert mount.kind == nsholder.FUSE_KIND
        assert shows(os.getpid(), str(where), mount.device)
        assert not shows(os.getpid(), str(where), "0:0")
        assert not shows(os.getpid(), str(tmp_path), mount.device)
        assert str(where) not in left_mounts(), "its harness lives"
    finally:
        one.close()
    assert str(where) not in mounts_of("self")


def test_the_warden_takes_away_what_a_killed_harness_had_mounted(tmp_path: Path) -> None:
    where = tmp_path / "there"
    opened(where).close()
    killed(where, noted=True)
    deadline = time.monotonic() + 90
    while str(where) in mounts_of("self"):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_not_even_a_warden_took_away_is_found_by_its_source(tmp_path: Path) -> None:
    where = tmp_path / "there"
    opened(where).close()
    killed(where, noted=False)
    try:
        assert str(where) in left_mounts()
    finally:
        nsholder.detach(str(where))
    assert str(where) not in left_mounts()


def test_where_it_is_forbidden_the_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: str) -> int:
        raise PermissionError(1, "mount: Operation not permitted")

    monkeypatch.setattr(module.nsholder, "attach", forbidden)
    with pytest.raises(UnavailableStorage):
        shown(tmp_path)

"""A storage that servers have filled with links, pipes and locks: nothing outside it is read or changed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.errors import UnreadableError
from patchstorm.live import tree
from patchstorm.live.beneath import no_link, opened
from patchstorm.live.storage import remove
from patchstorm.live.view import DirectoryView
from patchstorm.live.watch import Tree

SECRET = b"nobody's business"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "victim").write_bytes(SECRET)
    made = tmp_path / "root"
    made.mkdir()
    return made


def view_of(root: Path) -> DirectoryView:
    return DirectoryView(root, bytes_max=1 << 20)


@pytest.mark.parametrize("path", ["link", "dir/victim", "../outside/victim", "/etc/passwd", "a\0b"])
def test_links_and_names_that_leave_the_root_are_refused(root: Path, path: str) -> None:
    (root / "link").symlink_to("../outside/victim")
    (root / "dir").symlink_to("../outside")
    for look in (
        lambda: view_of(root).look(path),
        lambda: view_of(root).begin_of(path, 10),
        lambda: view_of(root).identified(path, 0, {}),
    ):
        with pytest.raises(UnreadableError):
            look()


LEASING = """
import fcntl, os, signal, sys
fd = os.open(sys.argv[1], os.O_RDONLY)
asked = lambda *_: (fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK), sys.exit())
signal.signal(signal.SIGIO, asked)
try:
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
except OSError:
    print("none", flush=True)
else:
    print("leased", flush=True)
    signal.pause()
"""


def test_a_file_that_somebody_has_a_lease_of_is_opened_once_it_is_given_back(root: Path) -> None:
    """As an NFS server gives one to a client: a delegation."""
    (root / "leased").write_bytes(b"before")
    command = [sys.executable, "-c", LEASING, str(root / "leased")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        if holder.stdout.readline() != "leased\n":
            pytest.skip("this file system gives no leases")
        with opened(root, "leased", os.O_RDWR) as file:
            assert file is not None
            assert os.pwrite(file, b"after!", 0) == 6


def test_a_root_that_has_become_a_link_is_not_followed(root: Path) -> None:
    root.rmdir()
    root.symlink_to("outside")
    with pytest.raises(UnreadableError):
        view_of(root).look("victim")
    assert view_of(root).paths() == ()


def test_what_is_no_regular_file_is_no_file(root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as sock:
        here = Path.cwd()
        os.chdir(root)
        sock.bind("socket")
        os.chdir(here)
    for name in ("fifo", "directory", "socket", "nothing", "nothing/below", "n" * 300, "\ud800"):
        assert view_of(root).look(name) is None
        assert view_of(root).begin_of(name, 10) is None
        assert view_of(root).identified(name, 0, {}) is None


def test_of_an_endless_file_only_as_much_is_read_as_an_upload_could_have(root: Path) -> None:
    with open(root / "file", "wb") as file:
        file.truncate(1 << 40)
    found = view_of(root).identified("file", 0, {})
    assert found is not None
    size, runs = found
    assert size == 1 << 40
    assert [(run.offset, run.length) for run in runs] == [(0, 1 << 20), (1 << 20, size - (1 << 20))]


def test_names_that_are_no_text_are_spelt_out(root: Path) -> None:
    (Path(os.fsdecode(os.fsencode(root) + b"/\xff-name"))).write_bytes(b"")
    assert tree.paths(root) == ("\\xff-name",)
    watched = Tree(root)
    (Path(os.fsdecode(os.fsencode(root) + b"/\xfe-name"))).write_bytes(b"")
    assert {change.path for change in watched.changes()} == {"\\xfe-name"}
    watched.close()


def nested(top: Path, depth: int) -> None:
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_thousands_of_nested_directories_are_walked_in_part_and_removed_whole(root: Path) -> None:
    nested(root, 3_000)
    assert 100 <= len(tree.paths(root)) <= 110
    Tree(root).close()
    Tree(root, poll_only=True).close()
    remove(root, tries=1)
    assert not root.exists()


@pytest.mark.skipif(os.getuid() == 0, reason="root may list and remove whatever it likes")
def test_a_locked_directory_counts_as_empty_and_is_removed(root: Path) -> None:
    locked = root / "locked"
    locked.mkdir()
    (locked / "file").write_bytes(b"")
    locked.chmod(0)
    assert tree.paths(root) == ("locked",)
    remove(root, tries=1)
    assert not root.exists()


def test_removing_a_tree_changes_nothing_that_its_links_lead_to(root: Path, tmp_path: Path) -> None:
    victim = tmp_path / "outside" / "victim"
    victim.chmod(0o444)
    (root / "locked").mkdir()
    (root / "locked" / "link").symlink_to(victim)
    (root / "locked" / "directory").symlink_to(tmp_path / "outside")
    (root / "locked").chmod(0o500)
    remove(root, tries=1)
    assert not root.exists()
    assert victim.read_bytes() == SECRET
    assert victim.stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("planted", ["link", "pipe"])
def test_a_file_of_the_harness_is_not_written_through_what_was_planted(
    planted: str, tmp_path: Path
) -> None:
    victim, log = tmp_path / "victim", tmp_path / "replica.log"
    victim.write_bytes(b"mine")
    if planted == "link":
        log.symlink_to(victim)
    else:
        os.mkfifo(log)
    with pytest.raises(OSError), open(log, "ab", opener=no_link):
        pass
    assert victim.read_bytes() == b"mine"

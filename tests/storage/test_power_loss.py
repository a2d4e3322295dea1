"""Power loss: every state that comes back is legal, and everything legal can come back."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from patchstorm.storage import Client, Faults, Server
from patchstorm.storage import constants as c
from patchstorm.storage.litmus.flavours import DISKS
from patchstorm.storage.litmus.runner import Odometer

Choose = Callable[[str, int], int]


def enumerate_states(flavour: str, storm: Callable[[Client], None]) -> Iterator[dict[str, bytes]]:
    """Every state after ``storm`` and a power loss."""
    odometer = Odometer()
    while True:
        server = Server(flavour, choose=odometer.choose)
        storm(server.mount("a"))
        server.power_loss()
        yield server.files()
        if not odometer.turn():
            return


def put(client: Client, path: str, data: bytes, sync: bool = False) -> None:
    fd = client.open(path, c.O_WRONLY | c.O_CREAT | c.O_TRUNC)
    client.write(fd, data)
    if sync:
        client.fsync(fd)
    client.close(fd)


def sync_directory(client: Client, path: str) -> None:
    fd = client.open(path, c.O_RDONLY)
    client.fsync(fd)
    client.close(fd)


@pytest.mark.parametrize("disk", DISKS)
def test_what_was_synced_with_its_directory_always_comes_back(disk: str) -> None:
    def storm(client: Client) -> None:
        client.mkdir("/d")
        put(client, "/d/f", b"x" * 9000, sync=True)
        sync_directory(client, "/d")
        sync_directory(client, "/")
        put(client, "/d/g", b"y" * 9000)

    states = list(enumerate_states(disk, storm))
    assert all(state["/d/f"] == b"x" * 9000 for state in states)
    assert any("/d/g" not in state for state in states)
    assert any(state.get("/d/g") == b"y" * 9000 for state in states)


@pytest.mark.parametrize("disk", DISKS)
def test_a_name_in_a_directory_that_was_never_synced_can_go(disk: str) -> None:
    def storm(client: Client) -> None:
        client.mkdir("/d")
        put(client, "/d/f", b"x", sync=True)
        sync_directory(client, "/d")

    lost = any("/d/f" not in state for state in enumerate_states(disk, storm))
    assert lost == (disk == "worst-posix")


def test_sectors_tear_only_when_asked_for() -> None:
    def storm(client: Client) -> None:
        put(client, "/f", b"o" * 1024, sync=True)
        sync_directory(client, "/")
        fd = client.open("/f", c.O_WRONLY)
        client.pwrite(fd, b"n" * 1024, 0)

    torn = b"o" * 512 + b"n" * 512
    assert torn not in [state["/f"] for state in enumerate_states("ext4", storm)]
    assert torn in [state["/f"] for state in enumerate_states("ext4,torn=512", storm)]


def test_pages_of_one_write_tear() -> None:
    def storm(client: Client) -> None:
        put(client, "/f", b"o" * 8192, sync=True)
        sync_directory(client, "/")
        fd = client.open("/f", c.O_WRONLY)
        client.pwrite(fd, b"n" * 8192, 0)

    found = {state["/f"] for state in enumerate_states("xfs", storm)}
    assert found == {
        first * 4096 + second * 4096 for first in (b"o", b"n") for second in (b"o", b"n")
    }


def test_worst_posix_can_lose_either_half_of_a_rename() -> None:
    def storm(client: Client) -> None:
        put(client, "/t", b"x", sync=True)
        sync_directory(client, "/")
        client.rename("/t", "/f")

    names = {tuple(state) for state in enumerate_states("worst-posix", storm)}
    assert names == {("/f",), ("/t",), ("/f", "/t"), ()}
    ordered = {tuple(state) for state in enumerate_states("ext4", storm)}
    assert ordered == {("/f",), ("/t",)}


def test_a_hard_link_is_one_file_again() -> None:
    server = Server("ext4")
    client = server.mount("a")
    put(client, "/f", b"x")
    client.link("/f", "/g")
    client.sync()
    server.power_loss()
    client = server.mount("a")
    assert client.stat("/f").st_nlink == 2
    assert client.stat("/f").st_ino == client.stat("/g").st_ino


def test_a_failed_fsync_is_told_once_and_its_data_are_not_safe() -> None:
    """The second fsync succeeds, and the data can be lost all the same (fsync(2), Linux)."""
    contents = set()
    odometer = Odometer()
    while True:
        server = Server("ext4")
        client = server.mount("a")
        put(client, "/f", b"old!", sync=True)
        fd = client.open("/f", c.O_WRONLY)
        client.write(fd, b"new!")
        server.faults = Faults(eio_fsync=True)
        server.choose = lambda kind, count: int(kind == "fault.eio_fsync")
        with pytest.raises(OSError, match="Input/output") as caught:
            client.fsync(fd)
        assert caught.value.errno == errno.EIO
        server.faults = None
        client.fsync(fd)
        server.choose = odometer.choose
        server.power_loss()
        contents.add(server.files()["/f"])
        if not odometer.turn():
            break
    assert contents == {b"old!", b"new!"}


def grown_where_fsync_failed(disk: str, again: bytes, at: int) -> set[bytes]:
    """What is in a file that failed to grow to 9,000 bytes, once ``again`` is written and synced."""
    contents = set()
    odometer = Odometer()
    while True:
        server = Server(disk)
        client = server.mount("a")
        put(client, "/f", b"", sync=True)
        sync_directory(client, "/")
        fd = client.open("/f", c.O_WRONLY)
        client.write(fd, b"x" * 9000)
        server.faults = Faults(eio_fsync=True)
        server.choose = lambda kind, count: int(kind == "fault.eio_fsync")
        with pytest.raises(OSError, match="Input/output"):
            client.fsync(fd)
        server.faults = None
        client.pwrite(fd, again, at)
        client.fsync(fd)
        server.choose = odometer.choose
        server.power_loss()
        contents.add(server.files()["/f"])
        if not odometer.turn():
            return contents


@pytest.mark.parametrize("disk", DISKS)
def test_what_is_written_again_after_a_failed_fsync_is_safe_with_its_length(disk: str) -> None:
    assert grown_where_fsync_failed(disk, b"x" * 9000, 0) == {b"x" * 9000}


def test_and_of_what_is_not_written_again_the_length_is_not_safe_either() -> None:
    """The first page is, since it was written again as a whole; the others may be gone."""
    assert b"x" * 4096 in grown_where_fsync_failed("ext4", b"x" * 4096, 0)


def test_all_processes_die_and_locks_are_gone() -> None:
    server = Server("ext4")
    client = server.mount("a")
    put(client, "/l", b"", sync=True)
    fd = client.open("/l", c.O_RDWR)
    client.flock(fd, c.LOCK_EX)
    server.power_loss()
    with pytest.raises(OSError, match="Bad file descriptor"):
        client.fstat(fd)
    other = server.mount("b")
    other.flock(other.open("/l", c.O_RDWR), c.LOCK_EX | c.LOCK_NB)


def test_tmpfs_forgets_everything() -> None:
    server = Server("tmpfs")
    put(server.mount("a"), "/f", b"x", sync=True)
    server.power_loss()
    assert server.files() == {}
    assert server.mount("a").listdir("/") == []


STEPS = hs.lists(
    hs.one_of(
        hs.tuples(hs.just("put"), hs.sampled_from("abc"), hs.sampled_from((b"x", b"y" * 5000))),
        hs.tuples(hs.just("append"), hs.sampled_from("abc"), hs.sampled_from((b"z", b"w" * 5000))),
        hs.tuples(hs.just("sync"), hs.sampled_from("abc"), hs.none()),
        hs.tuples(hs.just("rename"), hs.sampled_from("abc"), hs.sampled_from("abc")),
        hs.tuples(hs.just("link"), hs.sampled_from("abc"), hs.sampled_from("abc")),
        hs.tuples(hs.just("unlink"), hs.sampled_from("abc"), hs.none()),
        hs.tuples(hs.just("truncate"), hs.sampled_from("abc"), hs.sampled_from((0, 3, 6000))),
        hs.tuples(hs.just("syncdir"), hs.none(), hs.none()),
    ),
    max_size=12,
)


def _do(client: Client, step: tuple[str, Any, Any]) -> None:
    verb, name, value = step
    try:
        if verb == "put":
            put(client, f"/{name}", value)
        elif verb == "append":
            fd = client.open(f"/{name}", c.O_WRONLY | c.O_CREAT | c.O_APPEND)
            client.write(fd, value)
            client.close(fd)
        elif verb == "sync":
            fd = client.open(f"/{name}", c.O_RDONLY)
            client.fsync(fd)
            client.close(fd)
        elif verb == "rename":
            client.rename(f"/{name}", f"/{value}")
        elif verb == "link":
            client.link(f"/{name}", f"/{value}")
        elif verb == "unlink":
            client.unlink(f"/{name}")
        elif verb == "truncate":
            client.truncate(f"/{name}", value)
        else:
            sync_directory(client, "/")
    except OSError:
        return


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, disk=hs.sampled_from(DISKS))
def test_the_dull_power_loss_loses_nothing(steps: list[Any], disk: str) -> None:
    server = Server(disk)
    client = server.mount("a")
    for step in steps:
        _do(client, step)
    before = server.files()
    server.power_loss()
    assert server.files() == before


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, disk=hs.sampled_from(DISKS), data=hs.data())
def test_what_came_back_is_on_disk(steps: list[Any], disk: str, data: hs.DataObject) -> None:
    """A second power loss, with nothing done in between, takes nothing; nor does one after sync."""

    def choose(kind: str, count: int) -> int:
        return data.draw(hs.integers(0, count - 1), label=kind)

    server = Server(disk)
    for step in steps:
        _do(server.mount("a"), step)
    server.choose = choose
    server.power_loss()
    after = server.files()
    server.choose = lambda kind, count: count - 1
    server.power_loss()
    assert server.files() == after
    _do(server.mount("a"), ("put", "a", b"more"))
    server.mount("a").sync()
    synced = server.files()
    server.power_loss()
    assert server.files() == synced


@settings(max_examples=50, deadline=None)
@given(steps=STEPS, disk=hs.sampled_from(DISKS), data=hs.data())
def test_a_synced_file_keeps_its_bytes_wherever_its_name_is(
    steps: list[Any], disk: str, data: hs.DataObject
) -> None:
    server = Server(disk)
    client = server.mount("a")
    for step in steps:
        _do(client, step)
    put(client, "/kept", b"k" * 5000, sync=True)
    sync_directory(client, "/")
    for step in steps:
        _do(client, step)
    server.choose = lambda kind, count: data.draw(hs.integers(0, count - 1), label=kind)
    server.power_loss()
    assert server.files()["/kept"] == b"k" * 5000


def test_space_and_size_are_those_of_what_survived() -> None:
    server = Server("ext4", capacity_bytes=1 << 20, choose=lambda kind, count: count - 1)
    client = server.mount("a")
    free = server.statvfs().f_bfree
    put(client, "/f", b"x" * 40960)
    assert server.statvfs().f_bfree == free - 10
    server.power_loss()
    assert server.statvfs().f_bfree == free


def test_a_long_log_is_taken_for_written_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("patchstorm.storage.oplog.ENTRIES_MAX", 10)
    server = Server("worst-posix", choose=lambda kind, count: count - 1)
    client = server.mount("a")
    fd = client.open("/f", c.O_RDWR | c.O_CREAT)
    for _ in range(12):
        client.write(fd, b"x")
    server.power_loss()
    assert 9 <= len(server.files()["/f"]) < 12

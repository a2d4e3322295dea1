"""The local client: locks, death, waiting, faults, space."""

from __future__ import annotations

import errno

import pytest

from patchstorm.storage import Faults, ManualClock, Server, WouldBlock
from patchstorm.storage import constants as c


def test_a_blocking_lock_waits_and_is_woken() -> None:
    server = Server()
    a, b = server.mount("a"), server.mount("b")
    held, wanted = a.open("/l", c.O_RDWR | c.O_CREAT), b.open("/l", c.O_RDWR)
    a.flock(held, c.LOCK_EX)
    with pytest.raises(BlockingIOError):
        b.flock(wanted, c.LOCK_EX | c.LOCK_NB)
    with pytest.raises(WouldBlock) as caught:
        b.flock(wanted, c.LOCK_EX)
    assert caught.value.reason == "lock"
    assert server.take_wakes() == []
    a.flock(held, c.LOCK_UN)
    assert server.take_wakes() == [caught.value.key]
    b.flock(wanted, c.LOCK_EX)


def test_death_of_a_process_drops_its_locks_and_descriptors_only() -> None:
    server = Server()
    first = server.mount("a")
    second = first.process(2)
    fd = first.open("/l", c.O_RDWR | c.O_CREAT)
    first.flock(fd, c.LOCK_EX)
    other = second.open("/l", c.O_RDWR)
    with pytest.raises(BlockingIOError):
        second.flock(other, c.LOCK_EX | c.LOCK_NB)
    first.kill()
    second.flock(other, c.LOCK_EX | c.LOCK_NB)
    with pytest.raises(OSError, match="Bad file descriptor"):
        first.fstat(fd)
    assert server.mount("a") is not first


def test_descriptors_are_the_lowest_free_ones() -> None:
    client = Server().mount("a")
    fds = [client.open("/f", c.O_RDWR | c.O_CREAT) for _ in range(3)]
    client.close(fds[1])
    assert client.open("/f", c.O_RDONLY) == fds[1]


def test_dup_shares_position_and_lock() -> None:
    server = Server()
    client, other = server.mount("a"), server.mount("b")
    fd = client.open("/f", c.O_RDWR | c.O_CREAT)
    client.write(fd, b"hello")
    client.flock(fd, c.LOCK_EX)
    twin = client.dup(fd)
    client.lseek(twin, 1, c.SEEK_SET)
    assert client.read(fd, 9) == b"ello"
    client.close(fd)
    with pytest.raises(BlockingIOError):
        other.flock(other.open("/f", c.O_RDWR), c.LOCK_EX | c.LOCK_NB)
    client.close(twin)
    other.flock(other.open("/f", c.O_RDWR), c.LOCK_EX | c.LOCK_NB)


def test_a_full_disk_writes_short_then_fails_and_gives_back() -> None:
    server = Server("tmpfs,size=16KiB")
    client = server.mount("a")
    fd = client.open("/f", c.O_RDWR | c.O_CREAT)
    assert client.write(fd, b"x" * 20000) == 16384
    with pytest.raises(OSError, match="No space") as caught:
        client.write(fd, b"y")
    assert caught.value.errno == errno.ENOSPC
    client.unlink("/f")
    assert server.statvfs().f_bfree == 0
    client.close(fd)
    assert server.statvfs().f_bfree == 4


def test_faults_strike_when_chosen_and_never_unasked() -> None:
    asked: list[str] = []

    def choose(kind: str, count: int) -> int:
        asked.append(kind)
        return 1

    server = Server(choose=choose)
    client = server.mount("a")
    fd = client.open("/f", c.O_RDWR | c.O_CREAT)
    client.write(fd, b"abcd")
    assert asked == []
    server.faults = Faults(enospc=True, short_read=True, short_write=True, eio_fsync=True)
    with pytest.raises(OSError, match="No space"):
        client.write(fd, b"abcd")
    assert client.pread(fd, 4, 0) == b"ab"
    with pytest.raises(OSError, match="Input/output"):
        client.fsync(fd)
    server.faults = None
    assert client.pread(fd, 9, 0) == b"abcd"


def test_read_only() -> None:
    server = Server()
    client = server.mount("a")
    client.close(client.open("/f", c.O_RDWR | c.O_CREAT))
    server.read_only = True
    for act in (
        lambda: client.mkdir("/d"),
        lambda: client.unlink("/f"),
        lambda: client.open("/f", 2),
    ):
        with pytest.raises(OSError, match="Read-only") as caught:
            act()
        assert caught.value.errno == errno.EROFS
    client.open("/f", c.O_RDONLY)


def test_time_stamps_move_by_ticks() -> None:
    clock = ManualClock(1_000_000_007)
    server = Server("tmpfs,tick=0.01", clock=clock)
    client = server.mount("a")
    client.mkdir("/d")
    assert client.stat("/d").st_mtime_ns == 1_000_000_000
    clock.now_ns += 9_000_000
    client.close(client.open("/d/f", c.O_CREAT))
    assert client.stat("/d").st_mtime_ns == 1_000_000_000
    clock.now_ns += 2_000_000
    client.utime("/d/f", ns=(5, 7))
    found = client.stat("/d/f")
    assert (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns) == (5, 7, 1_010_000_000)


def test_sparse_files_cost_no_memory() -> None:
    server = Server()
    client = server.mount("a")
    fd = client.open("/f", c.O_RDWR | c.O_CREAT)
    client.pwrite(fd, b"end", 1 << 40)
    assert client.fstat(fd).st_size == (1 << 40) + 3
    assert client.pread(fd, 5, (1 << 40) - 2) == b"\0\0end"
    assert client.lseek(fd, 0, c.SEEK_DATA) == 1 << 40
    client.fallocate(fd, c.FALLOC_FL_PUNCH_HOLE | c.FALLOC_FL_KEEP_SIZE, 1 << 40, 4096)
    with pytest.raises(OSError, match="No such device"):
        client.lseek(fd, 0, c.SEEK_DATA)


def test_extended_attributes() -> None:
    client = Server().mount("a")
    client.close(client.open("/f", c.O_CREAT))
    client.setxattr("/f", "user.sha", b"1")
    assert client.getxattr("/f", "user.sha") == b"1"
    assert client.listxattr("/f") == ["user.sha"]
    with pytest.raises(FileExistsError):
        client.setxattr("/f", "user.sha", b"2", c.XATTR_CREATE)
    client.removexattr("/f", "user.sha")
    with pytest.raises(OSError, match="No data"):
        client.getxattr("/f", "user.sha")


def test_inode_numbers_can_come_back_on_a_disk_but_not_on_tmpfs() -> None:
    def number_again(flavour: str) -> bool:
        client = Server(flavour, choose=lambda kind, count: count - 1).mount("a")
        client.close(client.open("/f", c.O_CREAT))
        before = client.stat("/f").st_ino
        client.unlink("/f")
        client.close(client.open("/g", c.O_CREAT))
        return client.stat("/g").st_ino == before

    assert number_again("ext4")
    assert all(number_again(nfs) for nfs in ("nfs3", "nfs4.0", "nfs4.1", "nfs4.2"))
    assert not number_again("tmpfs")


def test_local_storage_cannot_be_partitioned() -> None:
    with pytest.raises(ValueError, match="use an nfs flavour"):
        Server("tmpfs").mount("a").partition(True)

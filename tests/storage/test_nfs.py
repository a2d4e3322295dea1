"""NFS clients beyond the litmus programs: waiting, expiry, errors, calls in several steps."""

from __future__ import annotations

import errno
from functools import partial

import pytest

from patchstorm.storage import Client, Faults, ManualClock, Server, WouldBlock
from patchstorm.storage import constants as c
from patchstorm.storage.constants import SECOND_NS


class Stale:
    """Answers 1 to the kinds it is told of, 0 to the rest; remembers what was asked."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.asked: list[str] = []

    def __call__(self, kind: str, count: int) -> int:
        self.asked.append(kind)
        return int(kind in self.kinds)


def put(client: Client, path: str, data: bytes) -> None:
    fd = client.open(path, c.O_WRONLY | c.O_CREAT | c.O_TRUNC)
    client.write(fd, data)
    client.close(fd)


def get(client: Client, path: str) -> bytes:
    fd = client.open(path, c.O_RDONLY)
    data = client.read(fd, 1 << 20)
    client.close(fd)
    return data


def test_nothing_is_drawn_while_cache_and_server_agree() -> None:
    choose = Stale()
    server = Server("nfs4", choose=choose)
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    put(a, "/d/f", b"x")
    assert get(b, "/d/f") == b"x"
    assert b.listdir("/d") == ["f"]
    assert b.stat("/d/f").st_size == 1
    assert choose.asked == []


def test_attributes_are_believed_for_acregmin_and_longer_when_unchanged() -> None:
    clock = ManualClock(10**12)
    server = Server("nfs4,acregmin=3,acregmax=60", clock=clock, choose=Stale("nfs.attributes"))
    a, b = server.mount("a"), server.mount("b")
    put(a, "/f", b"x")
    fd = b.open("/f", c.O_RDONLY)
    for _ in range(4):
        clock.now_ns += 61 * SECOND_NS
        assert b.fstat(fd).st_size == 1
    a.truncate("/f", 5)
    clock.now_ns += 20 * SECOND_NS
    assert b.fstat(fd).st_size == 1
    clock.now_ns += 41 * SECOND_NS
    assert b.fstat(fd).st_size == 5
    a.truncate("/f", 7)
    clock.now_ns += 2 * SECOND_NS
    assert b.fstat(fd).st_size == 5
    clock.now_ns += 2 * SECOND_NS
    assert b.fstat(fd).st_size == 7


def test_a_write_back_error_is_told_once_to_each_descriptor() -> None:
    server = Server("nfs4,size=64KiB")
    client = server.mount("a")
    first = client.open("/f", c.O_RDWR | c.O_CREAT)
    second = client.open("/f", c.O_RDWR)
    assert client.write(first, b"x" * 100_000) == 100_000
    for fd in (first, second):
        with pytest.raises(OSError, match="No space"):
            client.fsync(fd)
    client.fsync(first)
    client.close(first)
    client.close(second)
    assert len(server.files()["/f"]) == 65536


@pytest.mark.parametrize("version", ["nfs3", "nfs4.0", "nfs4"])
def test_a_lock_on_a_file_that_another_host_removed_may_be_stale(version: str) -> None:
    """NFS3ERR_STALE, NFS4ERR_STALE: its handle names nothing any more (RFC 1813, 2.6; RFC 7530, 13.1.2.7)."""
    answers = {0: None, 1: errno.ESTALE}
    for answer, code in answers.items():
        server = Server(version, choose=lambda kind, count, answer=answer: answer)
        a, b = server.mount("a"), server.mount("b")
        put(a, "/l", b"")
        fd = a.open("/l", c.O_RDWR)
        b.unlink("/l")
        try:
            a.flock(fd, c.LOCK_EX | c.LOCK_NB)
            seen = None
        except OSError as error:
            seen = error.errno
        assert seen == code


def test_a_hard_mount_waits_and_the_call_can_be_repeated() -> None:
    server = Server("nfs4")
    a = server.mount("a")
    put(a, "/f", b"x")
    a.partition(True)
    with pytest.raises(WouldBlock) as caught:
        a.unlink("/f")
    assert (caught.value.reason, caught.value.key) == ("partition", ("host", "a"))
    a.partition(False)
    assert ("host", "a") in server.take_wakes()
    a.unlink("/f")
    assert server.files() == {}


def test_a_soft_mount_fails_and_the_call_may_happen_later() -> None:
    for answer, expected in ((0, {"/f": b"x"}), (1, {})):
        server = Server("nfs4,softerr", choose=lambda kind, count, answer=answer: answer)
        a = server.mount("a")
        put(a, "/f", b"x")
        a.partition(True)
        with pytest.raises(OSError, match="timed out") as caught:
            a.unlink("/f")
        assert caught.value.errno == errno.ETIMEDOUT
        a.partition(False)
        assert server.files() == expected


def test_a_wait_for_a_dead_hosts_lock_ends_with_its_lease() -> None:
    clock = ManualClock(0)
    server = Server("nfs4,lease=10", clock=clock)
    a, b = server.mount("a"), server.mount("b")
    a.flock(a.open("/l", c.O_RDWR | c.O_CREAT), c.LOCK_EX)
    fd = b.open("/l", c.O_RDWR)
    a.crash()
    with pytest.raises(WouldBlock) as caught:
        b.flock(fd, c.LOCK_EX)
    assert caught.value.until_ns == 10 * SECOND_NS
    clock.now_ns = 10 * SECOND_NS
    b.flock(fd, c.LOCK_EX)


def test_grace_ends_and_a_host_that_missed_it_has_lost_its_lock() -> None:
    clock = ManualClock(0)
    server = Server("nfs4,grace=10", clock=clock)
    a, b = server.mount("a"), server.mount("b")
    held = a.open("/l", c.O_RDWR | c.O_CREAT)
    a.flock(held, c.LOCK_EX)
    wanted = b.open("/l", c.O_RDWR)
    a.partition(True)
    server.restart()
    with pytest.raises(WouldBlock) as caught:
        b.flock(wanted, c.LOCK_EX | c.LOCK_NB)
    assert (caught.value.reason, caught.value.until_ns) == ("grace", 10 * SECOND_NS)
    clock.now_ns = 11 * SECOND_NS
    b.flock(wanted, c.LOCK_EX | c.LOCK_NB)
    a.partition(False)
    with pytest.raises(OSError, match="Input/output"):
        a.pwrite(held, b"x", 0)


def test_locks_of_a_process_that_died_while_cut_off_go_when_the_host_returns() -> None:
    server = Server("nfs4")
    a, b = server.mount("a"), server.mount("b")
    a.flock(a.open("/l", c.O_RDWR | c.O_CREAT), c.LOCK_EX)
    fd = b.open("/l", c.O_RDWR)
    a.partition(True)
    a.kill()
    with pytest.raises(BlockingIOError):
        b.flock(fd, c.LOCK_EX | c.LOCK_NB)
    a.partition(False)
    b.flock(fd, c.LOCK_EX | c.LOCK_NB)


def test_others_act_inside_a_rename_over_an_open_file() -> None:
    server = Server("nfs4")
    a, b = server.mount("a"), server.mount("b")
    put(a, "/i", b"old")
    put(a, "/t", b"new")
    fd = a.open("/i", c.O_RDONLY)
    seen: list[object] = []

    def pause(kind: str) -> None:
        seen.append(kind)
        with pytest.raises(FileNotFoundError):
            b.stat("/i")

    server.pause = pause
    a.rename("/t", "/i")
    assert seen == ["nfs.rename"]
    assert get(a, "/i") == b"new"
    assert a.read(fd, 9) == b"old"


def test_a_crash_inside_a_rename_leaves_the_name_missing() -> None:
    class Died(BaseException):
        pass

    server = Server("nfs4")
    a = server.mount("a")
    put(a, "/i", b"old")
    put(a, "/t", b"new")
    a.open("/i", c.O_RDONLY)

    def pause(kind: str) -> None:
        raise Died

    server.pause = pause
    with pytest.raises(Died):
        a.rename("/t", "/i")
    a.crash()
    assert "/i" not in server.files()
    assert sorted(name[:4] for name in server.observer().listdir("/")) == [".nfs", "t"]


def test_a_large_write_back_is_seen_half_done() -> None:
    server = Server("nfs4,wsize=4096")
    a, b = server.mount("a"), server.mount("b")
    seen: list[int] = []
    server.pause = lambda kind: seen.append(len(get(b, "/f")))
    put(a, "/f", b"x" * 10000)
    assert seen == [4096, 8192]


def test_a_crashed_host_must_reboot_first() -> None:
    server = Server("nfs3")
    a = server.mount("a")
    put(a, "/f", b"x")
    a.crash()
    with pytest.raises(RuntimeError, match="reboot"):
        server.mount("a").stat("/f")
    a.reboot()
    assert get(a, "/f") == b"x"


def test_version_3_drops_a_dead_hosts_locks_when_it_comes_back() -> None:
    server = Server("nfs3")
    a, b = server.mount("a"), server.mount("b")
    a.flock(a.open("/l", c.O_RDWR | c.O_CREAT), c.LOCK_EX)
    fd = b.open("/l", c.O_RDWR)
    a.crash()
    with pytest.raises(BlockingIOError):
        b.flock(fd, c.LOCK_EX | c.LOCK_NB)
    a.reboot()
    b.flock(fd, c.LOCK_EX | c.LOCK_NB)


def test_a_lost_reply_is_a_fault_and_not_a_habit() -> None:
    server = Server("nfs3", choose=Stale("fault.lost_reply"))
    a = server.mount("a")
    a.mkdir("/d")
    server.faults = Faults(lost_reply=True)
    with pytest.raises(FileExistsError):
        a.mkdir("/e")
    assert sorted(a.listdir("/")) == ["d", "e"]


def test_xattrs_and_holes_need_version_4_2() -> None:
    for flavour, works in (("nfs4.1", False), ("nfs4.2", True)):
        client = Server(flavour).mount("a")
        put(client, "/f", b"x")
        if works:
            client.setxattr("/f", "user.a", b"1")
        else:
            with pytest.raises(OSError, match="not supported"):
                client.setxattr("/f", "user.a", b"1")


def test_hosts_of_one_process_table_share_caches() -> None:
    server = Server("nfs4", choose=Stale("nfs.missing-name"))
    a, b = server.mount("a"), server.mount("b")
    assert not b.access("/f", 0)
    put(a, "/f", b"x")
    with pytest.raises(FileNotFoundError):
        b.process(9).stat("/f")
    b.process(9).listdir("/")
    assert b.stat("/f").st_size == 1


@pytest.mark.parametrize(("answer", "code"), [("", errno.ENOENT), ("nfs.estale", errno.ESTALE)])
def test_a_removed_directory_is_asked_for_by_its_handle(answer: str, code: int) -> None:
    server = Server("nfs4", choose=Stale(answer))
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    held = b.open("/d", c.O_RDONLY | c.O_DIRECTORY)
    a.rmdir("/d")
    for call in (
        partial(b.open, "x", c.O_CREAT | c.O_RDWR),
        partial(b.open, "x", c.O_CREAT | c.O_EXCL | c.O_RDWR),
        partial(b.mkdir, "x"),
        partial(b.unlink, "y"),
        partial(b.stat, "z"),
    ):
        with pytest.raises(OSError) as caught:
            call(dir_fd=held)
        assert caught.value.errno == code
    with pytest.raises(FileNotFoundError):
        b.stat("/d/x")


def test_a_directory_that_was_not_found_once_is_not_found_again() -> None:
    stale = Stale("nfs.estale")
    server = Server("nfs3", choose=stale)
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    held = b.open("/d", c.O_RDONLY | c.O_DIRECTORY)
    a.rmdir("/d")
    with pytest.raises(OSError, match="Stale"):
        b.mkdir("x", dir_fd=held)
    stale.kinds = ()
    with pytest.raises(OSError, match="Stale"):
        b.mkdir("x", dir_fd=held)

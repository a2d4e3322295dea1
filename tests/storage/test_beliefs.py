"""What caches hold that is not so, as a person is told it; looking changes nothing."""

from __future__ import annotations

import pytest

from patchstorm.storage import ManualClock, Server
from patchstorm.storage import constants as c
from patchstorm.storage.beliefs import Belief, beliefs
from patchstorm.storage.client import Client


def put(client: Client, path: str, data: bytes) -> None:
    fd = client.open(path, c.O_WRONLY | c.O_CREAT)
    client.write(fd, data)
    client.close(fd)


def held(server: Server, host: str) -> list[tuple[str, str]]:
    return [(one.path, one.says) for one in beliefs(server).get(host, ())]


@pytest.fixture
def server() -> Server:
    return Server("nfs4", clock=ManualClock(10**12))


def test_old_attributes_and_old_content_are_told_with_how_long_they_are_believed(
    server: Server,
) -> None:
    a, b = server.mount("a"), server.mount("b")
    put(a, "/f", b"x" * 10)
    fd = b.open("/f", c.O_RDONLY)
    b.read(fd, 100)
    assert held(server, "b") == []
    put(a, "/f", b"y" * 20)
    found = beliefs(server)["b"]
    assert [(one.path, one.says) for one in found] == [
        ("/f", "10 bytes long, where 20 are"),
        ("/f", "old content in [0, 10)"),
    ]
    assert all(one.until_ns > server.clock.now_ns for one in found)
    assert held(server, "a") == []


def test_names_that_are_missed_or_gone_or_another_file_are_told(server: Server) -> None:
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    put(a, "/d/gone", b"x")
    put(a, "/d/changed", b"x")
    b.stat("/d/gone")
    b.stat("/d/changed")
    with pytest.raises(FileNotFoundError):
        b.stat("/d/new")
    assert held(server, "b") == []
    a.unlink("/d/gone")
    put(a, "/d/other", b"z")
    a.rename("/d/other", "/d/changed")
    put(a, "/d/new", b"x")
    assert set(held(server, "b")) == {
        ("/d/gone", "still there"),
        ("/d/changed", "another file"),
        ("/d/new", "not there"),
    }


def test_what_was_not_sent_yet_is_nobodys_mistake_but_is_told(server: Server) -> None:
    a = server.mount("a")
    fd = a.open("/f", c.O_WRONLY | c.O_CREAT)
    a.write(fd, b"x" * 7)
    assert beliefs(server)["a"] == (Belief("/f", "7 bytes not sent yet"),)
    a.fsync(fd)
    assert beliefs(server)["a"] == ()


def test_looking_asks_the_server_nothing_and_draws_nothing() -> None:
    asked: list[str] = []

    def choose(kind: str, count: int) -> int:
        asked.append(kind)
        return 0

    server = Server("nfs3", clock=ManualClock(10**12), choose=choose)
    a, b = server.mount("a"), server.mount("b")
    put(a, "/f", b"x")
    b.stat("/f")
    put(a, "/f", b"xyz")
    before = list(asked)
    assert beliefs(server) == beliefs(server)
    assert held(server, "b") == [("/f", "1 bytes long, where 3 are")]
    assert asked == before


def test_a_local_file_system_has_one_cache_for_all() -> None:
    server = Server("ext4")
    server.mount("a")
    assert beliefs(server) == {}

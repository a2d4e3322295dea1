"""Footprints: calls that do not conflict commute."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as hs

from patchstorm.storage import Client, Server
from patchstorm.storage import constants as c
from patchstorm.storage.footprint import conflicts, footprint

PATHS = hs.sampled_from(("/a", "/b", "/d", "/d/a", "/d/b", "/e/a", "/l", "/l/a"))
FD = hs.integers(3, 5)
CREATE = c.O_CREAT | c.O_RDWR

CALLS = hs.one_of(
    hs.tuples(hs.just("stat"), hs.tuples(PATHS)),
    hs.tuples(
        hs.just("open"),
        hs.tuples(PATHS, hs.sampled_from((0, 2, CREATE, CREATE | c.O_EXCL, CREATE | c.O_TRUNC))),
    ),
    hs.tuples(hs.just("close"), hs.tuples(FD)),
    hs.tuples(hs.just("pread"), hs.tuples(FD, hs.just(9), hs.just(0))),
    hs.tuples(hs.just("pwrite"), hs.tuples(FD, hs.sampled_from((b"x", b"yy")), hs.just(0))),
    hs.tuples(hs.just("fsync"), hs.tuples(FD)),
    hs.tuples(hs.just("flock"), hs.tuples(FD, hs.sampled_from((c.LOCK_EX | c.LOCK_NB, c.LOCK_UN)))),
    hs.tuples(hs.just("listdir"), hs.tuples(PATHS)),
    hs.tuples(hs.just("mkdir"), hs.tuples(PATHS)),
    hs.tuples(hs.just("rmdir"), hs.tuples(PATHS)),
    hs.tuples(hs.just("unlink"), hs.tuples(PATHS)),
    hs.tuples(hs.just("rename"), hs.tuples(PATHS, PATHS)),
    hs.tuples(hs.just("link"), hs.tuples(PATHS, PATHS)),
    hs.tuples(hs.just("truncate"), hs.tuples(PATHS, hs.just(1))),
)
Call = tuple[str, tuple[Any, ...]]


def _world(before: list[tuple[bool, Call]]) -> tuple[Server, Client, Client]:
    server = Server()
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    a.symlink("d", "/l")
    for client in (a, b):
        client.open("/a", CREATE)
        client.open("/d/a", CREATE)
        client.open("/b", CREATE)
    for first, call in before:
        _do(a if first else b, call)
    return server, a, b


def _do(client: Client, call: Call) -> Any:
    name, arguments = call
    try:
        result = getattr(client, name)(*arguments)
    except OSError as error:
        return error.errno
    if name == "stat":
        return result.st_mode, result.st_nlink, result.st_size
    return sorted(result) if name == "listdir" else result


def _state(server: Server, *clients: Client) -> Any:
    names = sorted(
        (path, client.lstat(path).st_nlink) for client in clients[:1] for path in server.files()
    )
    descriptors = [
        [(fd, handle.inode.nlink, handle.inode.size) for fd, handle in sorted(client.fds.items())]
        for client in clients
    ]
    return names, server.files(), descriptors


@settings(max_examples=120, deadline=None)
@given(before=hs.lists(hs.tuples(hs.booleans(), CALLS), max_size=4), one=CALLS, two=CALLS)
def test_calls_without_conflict_commute(
    before: list[tuple[bool, Call]], one: Call, two: Call
) -> None:
    server, a, b = _world(before)
    assume(not conflicts(footprint(a, *one), footprint(b, *two)))
    forward = _do(a, one), _do(b, two)
    state = _state(server, a, b)
    server, a, b = _world(before)
    second = _do(b, two)
    assert (_do(a, one), second) == forward
    assert _state(server, a, b) == state


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        (("stat", ("/a",)), ("stat", ("/a",)), False),
        (("stat", ("/a",)), ("pwrite", (3, b"x", 0)), True),
        (("mkdir", ("/x",)), ("mkdir", ("/y",)), False),
        (("mkdir", ("/x",)), ("listdir", ("/",)), True),
        (("mkdir", ("/x",)), ("mkdir", ("/x",)), True),
        (("flock", (3, c.LOCK_EX | c.LOCK_NB)), ("flock", (3, c.LOCK_EX | c.LOCK_NB)), True),
        (("flock", (3, c.LOCK_EX | c.LOCK_NB)), ("flock", (4, c.LOCK_EX | c.LOCK_NB)), False),
        (("rename", ("/d", "/e")), ("stat", ("/d/a",)), True),
        (("something_new", ()), ("stat", ("/a",)), True),
    ],
)
def test_conflicts(one: Call, two: Call, expected: bool) -> None:
    _server, a, b = _world([])
    assert conflicts(footprint(a, *one), footprint(b, *two)) is expected
    assert conflicts(footprint(b, *two), footprint(a, *one)) is expected


def test_over_nfs_a_listing_conflicts_with_look_ups_of_the_same_host_only() -> None:
    server = Server("nfs4")
    a, b = server.mount("a"), server.mount("b")
    a.mkdir("/d")
    listing = footprint(a, "listdir", ("/",))
    assert conflicts(listing, footprint(a.process(2), "stat", ("/d",)))
    assert not conflicts(listing, footprint(b, "stat", ("/d",)))

"""Where nothing is stale, an NFS mount shows what tmpfs shows, call by call."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from patchstorm.storage import ManualClock, Server
from patchstorm.storage import constants as c

from .test_against_kernel import OPERATIONS, Side

FLAVOURS = hs.sampled_from(
    (
        "nfs3",
        "nfs4.0",
        "nfs4.1",
        "nfs4",
        "nfs4,noac",
        "nfs3,lookupcache=none",
        "nfs3,nocto",
        "nfs4,actimeo=1",
        "nfs4,wsize=4096",
        "nfs3,sync",
    )
)
NOT_THE_SAME = {"flock", "lockf", "posix_fallocate"}
STALENESS = {
    "nfs.name",
    "nfs.missing-name",
    "nfs.attributes",
    "nfs.size",
    "nfs.data",
    "nfs.listing",
    "nfs3.tick",
    "nfs.page-clobber",
    "nfs.estale",
    "nfs.unlinked-getattr",
    "nfs.writeback",
}


def _comparable(side: Side, operation: tuple[Any, ...]) -> bool:
    """Leave out what is known to differ: locks, holes, renameat2, and hiding of open files."""
    verb = operation[0]
    if verb in NOT_THE_SAME:
        return False
    if verb == "lseek" and operation[3] in (c.SEEK_DATA, c.SEEK_HOLE):
        return False
    if verb == "rename" and operation[3]:
        return False
    if verb in ("unlink", "rename"):
        return not _open_anywhere(side, operation[2] if verb == "rename" else operation[1])
    return True


def _open_anywhere(side: Side, path: str) -> bool:
    server = side.client.server
    try:
        inode = server.observer()._find(side.path(path), None, False)[2]
    except OSError:
        return False
    return any(
        handle.inode is inode
        for host in server.hosts.values()
        for process in host.processes.values()
        for handle in process.fds.values()
    )


@settings(max_examples=100, deadline=None)
@given(flavour=FLAVOURS, operations=hs.lists(OPERATIONS, max_size=40), pause=hs.booleans())
def test_a_lone_host_is_never_stale(
    flavour: str, operations: list[tuple[Any, ...]], pause: bool
) -> None:
    clock = ManualClock(10**12)

    def choose(kind: str, count: int) -> int:
        assert kind not in STALENESS, kind
        return count - 1

    server = Server(flavour, choose=choose, clock=clock)
    nfs, local = Side(server.mount("a"), ""), Side(Server("tmpfs").mount("a"), "")
    for operation in operations:
        clock.now_ns += 7 * 10**9 if pause else 0
        if _comparable(nfs, operation):
            assert nfs.do(*operation) == local.do(*operation), operation


@settings(max_examples=100, deadline=None)
@given(
    flavour=FLAVOURS,
    operations=hs.lists(hs.tuples(hs.integers(0, 2), OPERATIONS), max_size=40),
    pause=hs.booleans(),
)
def test_with_dull_choices_many_hosts_see_one_truth(
    flavour: str, operations: list[tuple[int, tuple[Any, ...]]], pause: bool
) -> None:
    clock = ManualClock(10**12)
    server, truth = Server(flavour, clock=clock), Server("tmpfs")
    nfs = [Side(server.mount(f"host{i}"), "") for i in range(3)]
    local = [Side(truth.mount(f"host{i}"), "") for i in range(3)]
    for host, operation in operations:
        clock.now_ns += 7 * 10**9 if pause else 0
        if _comparable(nfs[host], operation):
            assert nfs[host].do(*operation) == local[host].do(*operation), operation
    for side in nfs:
        side.client.sync()
    assert server.files() == truth.files()


@pytest.mark.parametrize("flavour", ["nfs3", "nfs4.0", "nfs4"])
def test_the_comparison_can_fail(flavour: str) -> None:
    """With choices that are not dull the same storm is told apart from tmpfs."""
    server = Server(flavour, choose=lambda kind, count: int(kind == "nfs.missing-name"))
    a, b = Side(server.mount("a"), ""), Side(server.mount("b"), "")
    assert b.do("stat", "a") == "ENOENT"
    a.do("mkdir", "a")
    assert b.do("stat", "a") == "ENOENT"

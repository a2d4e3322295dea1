"""What hosts have in their caches that is not so on the storage, for a person who looks at a run.

Looking changes nothing: no attribute is asked for, and nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_host import NfsHost
from patchstorm.storage.nfs_node import CachedNode

if TYPE_CHECKING:
    from patchstorm.storage.server import Server


@dataclass(frozen=True, slots=True)
class Belief:
    """One thing that a host holds to be so.

    Until ``until_ns`` it need not ask; 0: it has still to send it.
    """

    path: str
    says: str
    until_ns: int = 0


def beliefs(server: Server) -> dict[str, tuple[Belief, ...]]:
    """By name of the host. Hosts of a local file system share one cache, and have no beliefs."""
    hosts = {name: host for name, host in server.hosts.items() if isinstance(host, NfsHost)}
    paths = dict(_named(server.tree.root, "")) if hosts else {}
    return {
        name: tuple(
            belief
            for node in host.nodes.values()
            if (path := paths.get(node.inode.serial)) is not None
            for belief in _of(node, path)
        )
        for name, host in hosts.items()
    }


def _named(directory: Inode, path: str) -> Iterator[tuple[int, str]]:
    yield directory.serial, path or "/"
    for name, inode in (directory.entries or {}).items():
        if inode.entries is None:
            yield inode.serial, f"{path}/{name}"
        else:
            yield from _named(inode, f"{path}/{name}")


def _of(node: CachedNode, path: str) -> Iterator[Belief]:
    if node.inode.entries is not None:
        yield from _names(node, path.rstrip("/"), node.inode.entries)
        return
    unsent = sum(len(data) for patches in node.patches.values() for _, data in patches)
    if unsent:
        yield Belief(path, f"{unsent} bytes not sent yet")
    elif node.size != node.inode.size:
        yield Belief(
            path, f"{node.size} bytes long, where {node.inode.size} are", until_ns=node.expires_ns
        )
    old = sorted(
        number
        for number, page in node.pages.items()
        if number not in node.patches and page != node.inode.pages.get(number, b"")
    )
    if old:
        first, last = old[0] * PAGE_BYTES, min((old[-1] + 1) * PAGE_BYTES, node.size)
        if first < last:
            yield Belief(path, f"old content in [{first}, {last})", until_ns=node.expires_ns)


def _names(node: CachedNode, path: str, there: dict[str, Inode]) -> Iterator[Belief]:
    for name, believed in node.names.items():
        actual = there.get(name)
        if believed is actual:
            continue
        says = (
            "not there" if believed is None else "still there" if actual is None else "another file"
        )
        yield Belief(f"{path}/{name}", says, until_ns=node.expires_ns)
    if node.listed:
        for name in there:
            if name not in node.names:
                yield Belief(f"{path}/{name}", "not there", until_ns=node.expires_ns)

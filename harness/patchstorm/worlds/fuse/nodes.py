"""The nodes that the kernel of one replica knows, as inodes of the model, and whose calls they serve.

A node is an inode, whatever names it has: the kernel looks a name up and from then on speaks of what it
found. So does this side (:meth:`~patchstorm.storage.process.Process.hold`).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from patchstorm.storage.client import Client
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.stat import Entry, Stat
from patchstorm.worlds.fuse import protocol as p

T = TypeVar("T")
_SUPERUSER: Final = (0, 0)
_OWNERS_FROM: Final = 1_000_000  # numbers of processes that only own locks
_LIFE: Final = 1_000_000  # descriptors of one life of a replica
_LIVES: Final = 1_000  # of a replica, in one storm
_NODES: Final = 1 << 40  # of one storm


class Place(NamedTuple):
    """Under which name a node was last looked up."""

    above: int
    name: str


class Nodes:
    """One replica's view. ``root`` finds the directory that is mounted; power loss may make it anew.

    ``user`` are the user and the group that the replicas run as. ``storm`` counts those that the mount has
    seen: no node and no handle comes up in two of them.
    """

    def __init__(
        self, client: Client, root: Callable[[], Inode], user: tuple[int, int] = (0, 0),
        storm: int = 0,
    ) -> None:  # fmt: skip
        self._user = user
        self._storm = storm
        self._root = root
        self._inodes: dict[int, Inode] = {}
        self._places: dict[int, Place] = {}
        self._listings: dict[int, list[Entry]] = {}
        self._owners: dict[int, Client] = {}
        self._lives = 0
        self.client = client
        self.begin(client)

    def begin(self, client: Client) -> None:
        """A new process. Descriptors never repeat, so what the kernel closes late is told apart."""
        self._lives += 1
        self._owners.clear()
        self._listings.clear()
        self.client = client
        client.umask = 0  # CREATE and MKDIR bring the caller's
        client.next_fd = (self._storm * _LIVES + self._lives) * _LIFE

    def end(self) -> None:
        """The replica is dead: the kernel closes what it had open, and gives its locks up."""
        for fd in [fd for fd in self.client.fds if fd >= 0]:
            for owner in self._owners.values():
                if owner is not self.client:
                    self._as(owner, fd, lambda process, one: process.flush(one))
        self.client.kill()

    # -- names --------------------------------------------------------------------------------------

    def inode(self, node: int) -> Inode:
        """What the kernel means by a node; ESTALE where it never was told of it."""
        if node == p.ROOT_NODE:
            return self._root()
        found = self._inodes.get(node)
        if found is None:
            raise failure(errno.ESTALE)
        return found

    def knows(self, node: int) -> bool:
        """Whether a node is one of this storm's storage."""
        return node == p.ROOT_NODE or node in self._inodes

    def number(self, node: int) -> int:
        """A node by a number that does not depend on the storms before."""
        return node - self._storm * _NODES if node != p.ROOT_NODE else node

    def path(self, node: int, name: str = "") -> str:
        """Where a node was last seen, relative to the root."""
        parts = [name] if name else []
        while node in self._places:
            place = self._places[node]
            parts.append(place.name)
            node = place.above
        return "/".join(reversed(parts))

    def _at(self, node: int) -> int:
        return self.client.hold(self.inode(node))

    def _entry(self, above: int, name: str) -> bytes:
        """What stands under a name, remembered as a node."""
        fd, stat = self.client.look_up(name, self._at(above))
        return p.entry_answer(self._node(above, name, self.client.fds[fd].inode), self._seen(stat))

    def _seen(self, stat: Stat) -> Stat:
        """What the model calls the superuser's belongs to the user who runs all this: in his namespace
        nobody may write to the files of a user who is none there (user_namespaces(7))."""
        if self._user == _SUPERUSER:
            return stat
        uid, gid = self._user
        return replace(stat, st_uid=stat.st_uid or uid, st_gid=stat.st_gid or gid)

    def _node(self, above: int, name: str, inode: Inode) -> int:
        node = self._storm * _NODES + inode.serial + p.ROOT_NODE + 1
        self._inodes[node] = inode
        self._places[node] = Place(above, name)
        return node

    # -- processes that share descriptors -------------------------------------------------------------

    def _owner(self, owner: int) -> Client:
        """The process that owns such POSIX locks; the first that asks for one is the replica itself."""
        if owner not in self._owners:
            number = _OWNERS_FROM * self._lives + len(self._owners)
            self._owners[owner] = self.client.process(number) if self._owners else self.client
        return self._owners[owner]

    def _as(self, owner: Client, fd: int, call: Callable[[Client, int], T]) -> T:
        """Do it as another process that has inherited the descriptor."""
        if owner is self.client:
            return call(owner, fd)
        owner.fds[fd] = self.client.fds[fd]
        try:
            return call(owner, fd)
        finally:
            del owner.fds[fd]

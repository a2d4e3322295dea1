"""Changes of names by an NFS client, what they teach it, and the hiding of files that are open.

Rules (nfs(5); Linux fs/nfs/dir.c and unlink.c as of 6.1; measured):

- create, mkdir, rename, link and unlink are executed by name on the server, so what they report of
  existence is true. But a name that is believed missing is not even asked for where it would have to
  exist: unlink, rmdir and the source of a rename answer ENOENT at once (nfs_neg_need_reval excepts only
  what is to be made or replaced; measured on 6.1.176).
- A name under which this host has a file open, and which is to go here, becomes ``.nfs...`` in the same
  directory until it is closed ("silly rename"); for a rename over it that is a separate call. It is the name
  that counts: another one of the same file is removed like any (nfs_unlink; seen with 3, 4.0 and 4.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patchstorm.storage.constants import SECOND_NS
from patchstorm.storage.errors import failure
from patchstorm.storage.flavour import NfsMount
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_names import NameCache
from patchstorm.storage.nfs_node import CachedNode, Name, version3_key

if TYPE_CHECKING:
    from patchstorm.storage.server import Server

_LATE_REMOVAL_NS = SECOND_NS
"""An asynchronous removal of a silly-renamed file is done after this long."""


class NameChanges(NameCache):
    """What one NFS client does to names."""

    __slots__ = ("silly_count",)

    def __init__(self, server: Server, name: str, mount: NfsMount) -> None:
        super().__init__(server, name, mount)
        self.silly_count = 0

    # -- what calls find ------------------------------------------------------------------------

    def found_by_creating(self, directory: Inode, name: str) -> Inode | None:
        """What a file that was to be created is, where the name was there after all (see
        ``name_to_create_cut``)."""
        if self.unreachable or not self.mount.creates_uncut:
            return None
        found = self._truth(directory, name)
        if found is not None:
            node = self.node(directory)
            self.absorb(node)
            node.names[name] = found
            node.absent.discard(name)
        return found

    def own_change(self, inode: Inode | None) -> None:
        """A call of this host changed an inode's links: what is known of it is known anew."""
        node = None if inode is None else self.nodes.get(inode.serial)
        if node is not None:
            self.absorb(node)

    def doubt(self, directory: Inode, name: str) -> None:
        """The server said EEXIST: what was believed of the name is dropped, unless it was that.

        A recent client (7.2) may go on believing that it is missing.
        """
        node = None if self.mount.recent else self.nodes.get(directory.serial)
        if node is not None and node.names.get(name, directory) is not self._truth(directory, name):
            node.names.pop(name, None)
            node.ghosts.discard(name)

    def missed(self, directory: Inode, name: str) -> None:
        """The server said ENOENT for what was to be moved or removed: the name is believed missing now.

        Not if a file that is believed to be there is open here: then it was hiding it that failed, and what
        is believed stays (nfs_sillyrename; seen with 4.0 and 4.2).
        """
        node = self.node(directory)
        believed = node.names.get(name, directory)
        if believed is directory:
            self.ask_name(directory, name)
        elif believed is None or not self.must_stay(directory, name, believed):
            node.told(name, None)

    def renames_nothing(self, from_dir: Inode, from_name: str, to_dir: Inode, to_name: str) -> bool:
        """Source and target are believed to be one file, which rename(2) leaves as they are; nobody is
        asked."""
        truth = self._truth(from_dir, from_name)
        source = self._believed(from_dir, from_name) or truth
        if source is None or self._believed(to_dir, to_name) is not source:
            return False
        if truth is source and self._truth(to_dir, to_name) is source:
            return False  # so it is, and the server knows it, too
        return self.settings.choose("nfs.name", 2) == 1

    def hides_for_nothing(
        self, from_dir: Inode, from_name: str, to_dir: Inode, to_name: str
    ) -> Inode | None:
        """The target that a rename hides, before it fails since its source is gone.

        The source is believed in, and the target believed to be a file that is open here. What is hidden is
        whatever has the name on the server, and it is removed when that file is closed (nfs_rename; seen
        with 3, 4.0 and 4.2).
        """
        source = self._believed(from_dir, from_name)
        target = self._believed(to_dir, to_name)
        if source is None or target is None or not self.must_stay(to_dir, to_name, target):
            return None
        if self._truth(to_dir, to_name) is None or self.settings.choose("nfs.name", 2) == 0:
            return None
        return target

    # -- changing -----------------------------------------------------------------------------

    def before_change(self, directory: Inode) -> tuple[int, tuple[int, int, int]]:
        """What the reply will give as the directory's state before the call."""
        return directory.change, version3_key(directory)

    def after_change(
        self,
        directory: Inode,
        before: tuple[int, tuple[int, int, int]],
        name: str,
        inode: Inode | None,
    ) -> None:
        """A call of this host changed ``name``: keep what is known, or find out it is old."""
        node = self.node(directory)
        change, key = before
        if node.change != change and not self._misses_foreign_change(node, key):
            node.names.clear()
            node.ghosts.clear()
        node.told(name, inode)
        node.change = directory.change
        node.timeo_ns = self._shortest(directory)
        self.absorb(node)
        if inode is not None:
            self._absorb_links(self.node(inode))

    def _absorb_links(self, node: CachedNode) -> None:
        """With a delegation a link of one's own makes no page old (seen with 4.2 on 7.2)."""
        pages, true = node.pages, node.data_change == node.inode.data_change
        self.absorb(node)
        dropped = true and self.mount.delegates_files and len(pages) > len(node.pages)
        if dropped and self.settings.choose("nfs.delegated", 2) == 1:
            node.pages = pages

    def _misses_foreign_change(self, node: CachedNode, key: tuple[int, int, int]) -> bool:
        if not self.mount.is_v3 or node.key != key or not node.names:
            return False
        return self.settings.choose("nfs3.tick", 2) == 1

    def lost_reply(self, code: int) -> None:
        """The call was executed; its reply was lost and the retransmission failed.

        A version 4.1 session makes that impossible but across a restart of the server.
        """
        faults = self.settings.faults
        if faults is None or not faults.lost_reply:
            return
        if self.mount.opens_by_handle and not self.session_lost:
            return
        self.session_lost = False
        if self.settings.choose("fault.lost_reply", 2):
            raise failure(code)

    def refuse_in_grace(self) -> None:
        """A version 4 server that has just restarted accepts only reclaims (RFC 8881, 8.4.2)."""
        if not self.mount.is_v3:
            self.server.grace_wait()

    # -- silly rename ---------------------------------------------------------------------------

    def must_stay(self, directory: Inode, name: str, inode: Inode) -> bool:
        """The file is open on this host under this name, which must not just go."""
        node = self.nodes.get(inode.serial)
        return node is not None and node.opens > 0 and (directory, name) in node.opened.values()

    def hidden(self, directory: Inode, name: str, inode: Inode | None) -> Inode | None:
        """The file for which a name that is to go is hidden, if it is.

        That is the one that this host believes to be there; whatever is there on the server is moved, and
        removed when that file is closed (nfs_sillyrename; seen with 3, 4.0 and 4.2).
        """
        believed = self._believed(directory, name)
        if (
            believed is not None
            and believed is not inode
            and self.must_stay(directory, name, believed)
            and self.settings.choose("nfs.name", 2) == 1
        ):
            return believed
        if inode is None or inode.entries is not None or not self.must_stay(directory, name, inode):
            return None
        return inode

    def moved(self, inode: Inode, before: Name, after: Name) -> None:
        """A call of this host moved a name: it is not known to be missing, and what is open under it is open
        under the new one (d_move)."""
        for directory, name in (before, after):
            self.node(directory).absent.discard(name)
        node = self.nodes.get(inode.serial)
        if node is not None and node.opens:
            for serial, opened in node.opened.items():
                if opened == before:
                    node.opened[serial] = after
                    self.node(before[0]).entered.pop(before[1], None)
                    self.node(after[0]).entered[after[1]] = inode

    def rename_silly(self, directory: Inode, name: str, inode: Inode) -> None:
        """Move a name out of the way; the file goes when this host closes it."""
        self.silly_count += 1
        hidden = f".nfs{inode.number:016x}{self.silly_count:08x}"
        before = self.before_change(directory)
        self.tree.rename(directory, name, directory, hidden)
        node = self.node(inode)
        node.silly.append((directory, hidden))
        self.after_change(directory, before, name, None)
        self.moved(inode, (directory, name), (directory, hidden))
        self.node(directory).names[hidden] = inode

    def closed(self, node: CachedNode, opened: Name) -> None:
        """Under this name nothing is open any more; a silly-renamed one is removed, perhaps a bit late.

        It stays if the server said ESTALE of the file, as one of version 4, which knows that it is open,
        does not (nfs_complete_unlink; seen with 3).
        """
        directory, name = opened
        entered = self.node(directory).entered
        if entered.get(name) is node.inode:
            del entered[name]
        if opened not in node.silly:
            return
        node.silly.remove(opened)
        if node.stale and self.mount.is_v3 and self.settings.choose("nfs.stale", 2):
            return
        if self.unreachable or self.settings.choose("nfs.silly-late", 2):
            self.removals.append((directory, name, self.clock.now_ns))
        else:
            self._remove_silly(directory, name)

    def end_removals(self) -> None:
        """What has been on its way for as long as any removal is has arrived, whoever looks."""
        if self.removals and not self.unreachable and not self._may_be_late():
            self.remove_late()

    def settle_removals(self) -> None:
        """Somebody looks: removals on their way have arrived, if for long enough or by chance."""
        if not self.removals or self.unreachable:
            return
        if not (self._may_be_late() and self.settings.choose("nfs.silly-late", 2)):
            self.remove_late()

    def _may_be_late(self) -> bool:
        """Whether the first of them may still be on its way."""
        return self.clock.now_ns - self.removals[0][2] < _LATE_REMOVAL_NS

"""Names, as an NFS client looks them up and changes them.

Rules (nfs(5); Linux fs/nfs/dir.c as of 6.1; measured):

- A name found, or found missing, in a directory is believed as long as the directory is believed
  unchanged; ``lookupcache=none`` asks every time, ``lookupcache=pos`` asks again for missing names.
- Opening a directory to list it asks the server, and what was believed of its names is put right
  (not with ``nocto``). Any own change in a directory does so too, if somebody else had changed it.
  A descriptor that is kept and listed again may show what it showed, as long as the directory is
  believed unchanged (nfs_readdir; seen with version 3, with version 4 always fresh).
- A directory that was removed elsewhere is asked for by its handle: ESTALE, or as an empty one
  while the server still finds it in memory; once not found, always ESTALE (RFC 1813 section 2.6,
  NFS3ERR_STALE; both measured with every version). To list it may be ESTALE in any case. A path
  that led there by a name is walked again and every name asked for (LOOKUP_REVAL), so a
  descriptor alone shows it.
- create, mkdir, rename, link and unlink are executed by name on the server, so what they report of
  existence is true. But a name that is believed missing is not even asked for where it would have to
  exist: unlink, rmdir and the source of a rename answer ENOENT at once (nfs_neg_need_reval excepts only
  what is to be made or replaced; measured on 6.1.176).
- Opening a name believed found: version 4.0 opens by name; version 3 checks the file it believes in, which
  succeeds if that file still has a name somewhere; 4.1 and later open that file by its handle, which
  a server may even serve when the file has no name left.
- A file that is open on this host and loses its last use as a name here becomes ``.nfs...`` in the
  same directory until it is closed ("silly rename"); for a rename over it that is a separate call.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from patchstorm.storage.constants import SECOND_NS
from patchstorm.storage.errors import failure
from patchstorm.storage.flavour import NfsMount
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_cache import CachedNode, version3_key
from patchstorm.storage.nfs_pages import PageCache

if TYPE_CHECKING:
    from patchstorm.storage.server import Server

_LATE_REMOVAL_NS = SECOND_NS
"""An asynchronous removal of a silly-renamed file is done after this long."""


class NameCache(PageCache):
    """Directories, as one NFS client sees and changes them."""

    __slots__ = ("silly_count",)

    def __init__(self, server: Server, name: str, mount: NfsMount) -> None:
        super().__init__(server, name, mount)
        self.silly_count = 0

    # -- looking up ---------------------------------------------------------------------------

    def look_up(self, directory: Inode, name: str) -> Inode | None:
        """What this host believes a name is, asking the server where it must."""
        node = self.nodes.get(directory.serial)
        if node is None:
            return self.ask_name(directory, name)
        believed = node.names.get(name, directory)
        if believed is directory:
            return self.ask_name(directory, name)
        if believed is None and directory.nlink == 0 and self._asks_removed(node):
            return self.ask_name(directory, name)
        truth = self._truth(directory, name)
        if believed is truth and self.trusts_names and self.clock.now_ns < node.expires_ns:
            return believed
        lookupcache = self.mount.lookupcache
        if lookupcache == "none" or (believed is None and lookupcache == "pos"):
            return self.ask_name(directory, name)
        if self.clock.now_ns >= node.expires_ns:
            self._revalidate(node)
            if name not in node.names:
                return self.ask_name(directory, name)
        if believed is truth:
            return believed
        kind = "nfs.missing-name" if believed is None else "nfs.name"
        if self._keeps_name(kind, node):
            return believed
        return self.ask_name(directory, name)

    def _asks_removed(self, node: CachedNode) -> bool:
        """A name is missing in a removed directory; through a descriptor, asking may give ESTALE."""
        held = node.opens > 0 and not self.unreachable
        return held and self.settings.choose("nfs.missing-name", 2) == 0

    def _keeps_name(self, kind: str, node: CachedNode) -> bool:
        """The directory was found unchanged, or was believed so: the name may be kept."""
        return self.unreachable or self.settings.choose(kind, 2) == 1

    def _revalidate(self, node: CachedNode) -> None:
        """GETATTR of a directory on the way. A removed one keeps what is believed of it."""
        self.contact()
        self.absorb(node)

    def ask_name(self, directory: Inode, name: str) -> Inode | None:
        """LOOKUP: the truth, which is then believed."""
        self.contact()
        node = self.node(directory)
        if directory.nlink == 0 and node.opens:
            self.find_removed(directory)
        if self.mount.is_v3 or node.change < 0:
            self.absorb(node)
        found = self._truth(directory, name)
        node.names[name] = found
        node.ghosts.discard(name)
        if found is not None:
            if found.writers is not None:
                self.server.observe(found, self)
            self.absorb(self.node(found))
        return found

    def find_removed(self, directory: Inode) -> None:
        """A request by the handle of a removed directory: ESTALE, for good, if it is not found."""
        if not self.still_served(self.node(directory), True):
            directory.lost = True
            raise failure(errno.ESTALE)

    def true_name(self, directory: Inode, name: str, new: bool = False) -> Inode | None:
        """What a call that the server executes by name will meet. Nothing is learnt yet.

        If the server cannot be reached, a name that is believed gets the call as far as being
        sent; that is where it will wait or time out. So does a name that is to be ``new``: for
        those the client skips the look-up.
        """
        if self.unreachable:
            node = self.nodes.get(directory.serial)
            if node is not None and name in node.names and self.clock.now_ns < node.expires_ns:
                return node.names[name]
            if new:
                return None
        self.contact()
        return self._truth(directory, name)

    def believes_missing(self, directory: Inode, name: str) -> bool:
        """Whether a call that needs the name to exist is answered here, with ENOENT."""
        node = self.nodes.get(directory.serial)
        if node is None or node.names.get(name, directory) is not None:
            return False
        return self.look_up(directory, name) is None

    @staticmethod
    def _truth(directory: Inode, name: str) -> Inode | None:
        entries = directory.entries
        return None if entries is None else entries.get(name)

    def name_to_open(self, directory: Inode, name: str) -> Inode | None:
        """What an open without O_CREAT finds under a name (see the module's rules)."""
        if self.mount.version == "4.0":
            node = self.nodes.get(directory.serial)
            if node is None or node.names.get(name) is not None:
                return self._opened_by_delegation(directory, name) or self.ask_name(directory, name)
        return self._verified(directory, name, self.look_up(directory, name))

    def _opened_by_delegation(self, directory: Inode, name: str) -> Inode | None:
        """A file that is unchanged since this client was given a delegation of it: opening it asks nobody."""
        believed = self._believed(directory, name)
        if believed is None or believed is self._truth(directory, name):
            return None
        node = self.nodes.get(believed.serial)
        if not self.mount.delegates_files or believed.nlink == 0 or node is None:
            return None
        unchanged = node.change == believed.change
        return believed if unchanged and self.settings.choose("nfs.name", 2) == 1 else None

    def name_to_create(self, directory: Inode, name: str) -> Inode | None:
        """The same with O_CREAT: a name believed missing is not believed (nfs_neg_need_reval)."""
        node = self.nodes.get(directory.serial)
        if node is None or node.names.get(name) is None or self.mount.version == "4.0":
            return self.ask_name(directory, name)
        return self._verified(directory, name, self.look_up(directory, name))

    def _verified(self, directory: Inode, name: str, believed: Inode | None) -> Inode | None:
        """Close-to-open applied to the name: the file believed in must still be there."""
        if believed is None or believed is self._truth(directory, name) or self.unreachable:
            return believed
        if believed.nlink:
            return believed
        mount = self.mount
        if believed.entries is None:
            if mount.is_v3 and not mount.close_to_open:
                return believed
            if mount.opens_by_handle and (mount.serves_unlinked or believed.opens):
                return believed
        self.distrust(directory)
        return self.ask_name(directory, name)

    def distrust(self, directory: Inode) -> None:
        """A handle found in it went stale: all its names are looked at again."""
        node = self.nodes.get(directory.serial)
        if node is not None:
            node.expires_ns = 0

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
        elif believed is None or not self.must_stay(believed):
            node.names[name] = None
            node.ghosts.discard(name)

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
        if source is None or target is None or not self.must_stay(target):
            return None
        if self._truth(to_dir, to_name) is None or self.settings.choose("nfs.name", 2) == 0:
            return None
        return target

    def _believed(self, directory: Inode, name: str) -> Inode | None:
        node = self.nodes.get(directory.serial)
        if node is None or self.mount.lookupcache == "none" or self.clock.now_ns >= node.expires_ns:
            return None
        return node.names.get(name)

    # -- listing ------------------------------------------------------------------------------

    def listing(self, directory: Inode, held: bool) -> dict[str, Inode]:
        """READDIR, after opendir unless ``held``. ESTALE possible where the directory was removed."""
        node = self.node(directory)
        self.server.settle_removals()
        entries = directory.entries
        assert entries is not None
        if (
            (held or not self.mount.close_to_open)
            and node.change != directory.change
            and node.listed
            and self.may_doubt("nfs.listing", node)
        ):
            return {
                name: inode
                for name, inode in node.names.items()
                if inode is not None and name not in node.ghosts
            }
        self.contact()
        if directory.nlink == 0:
            if held and not self.still_served(node, True):
                raise failure(errno.ESTALE)
            return {}
        self.absorb(node)
        node.listed = True
        node.ghosts -= entries.keys()
        kept = {
            name: known
            for name, known in node.names.items()
            if name not in entries and (known is None or name in node.ghosts)
        }
        node.names = {**entries, **kept}
        for inode in entries.values():
            if inode.serial not in self.nodes:  # READDIRPLUS brings attributes along
                self.absorb(self.node(inode))
        return entries

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
        node.names[name] = inode
        node.ghosts.discard(name)
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

    def must_stay(self, inode: Inode) -> bool:
        """The file is open on this host, so a name of it must not just go."""
        node = self.nodes.get(inode.serial)
        return node is not None and node.opens > 0 and node.silly is None

    def rename_silly(self, directory: Inode, name: str, inode: Inode) -> None:
        """Move a name out of the way; the file goes when this host closes it."""
        self.silly_count += 1
        hidden = f".nfs{inode.number:016x}{self.silly_count:08x}"
        before = self.before_change(directory)
        self.tree.rename(directory, name, directory, hidden)
        node = self.node(inode)
        node.silly = (directory, hidden)
        self.after_change(directory, before, name, None)
        self.node(directory).names[hidden] = inode

    def last_close(self, node: CachedNode) -> None:
        """No descriptor of this host is left: a silly-renamed file is removed, perhaps a bit late."""
        if node.silly is None:
            return
        directory, name = node.silly
        node.silly = None
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

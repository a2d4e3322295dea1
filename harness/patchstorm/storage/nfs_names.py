"""Names, as an NFS client looks them up and lists them (``nfs_changes`` changes them).

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
- Opening a name believed found: version 4.0 opens by name, without looking it up; version 3 checks
  the file it believes in, which succeeds if that file still has a name somewhere; 4.1 and later open that
  file by its handle, which a server may even serve when the file has no name left.
"""

from __future__ import annotations

import errno

from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_node import CachedNode
from patchstorm.storage.nfs_pages import PageCache


class NameCache(PageCache):
    """Directories, as one NFS client sees them."""

    __slots__ = ()

    # -- looking up ---------------------------------------------------------------------------

    def look_up(self, directory: Inode, name: str) -> Inode | None:
        """What this host believes a name is, asking the server where it must."""
        node = self.nodes.get(directory.serial)
        if node is None:
            return self.ask_name(directory, name)
        believed = node.names.get(name, directory)
        if believed is directory:
            return self.ask_name(directory, name)
        if believed is None:
            node.absent.add(name)
            if directory.nlink == 0 and self._asks_removed(node):
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
        if node.entered.get(name, found) is not found:
            self._forget_opened(node, name)
        node.told(name, found)
        if found is not None:
            if found.writers is not None:
                self.server.observe(found, self)
            self.absorb(self.node(found))
        return found

    def _forget_opened(self, directory: CachedNode, name: str) -> None:
        """The name is another file's now: under it nothing of the old one is open (d_invalidate)."""
        node = self.nodes.get(directory.entered.pop(name).serial)
        if node is not None:
            for serial, opened in node.opened.items():
                if opened == (directory.inode, name):
                    node.opened[serial] = None

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
                return self._opened_by_name(directory, name)
        return self._verified(directory, name, self.look_up(directory, name))

    def _opened_by_name(self, directory: Inode, name: str) -> Inode | None:
        """Version 4.0: of a name that is believed and true OPEN is all that is asked; LOOKUP, whose reply no
        writer could take for its own change, is not (nfs4_do_lookup_revalidate)."""
        believed = self._believed(directory, name)
        if (
            believed is not None
            and believed is self._truth(directory, name)
            and believed.entries is None
            and believed.target is None
            and self.mount.close_to_open
        ):
            return believed
        return self._opened_by_delegation(directory, name) or self.ask_name(directory, name)

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
        if node is None or node.names.get(name) is None:
            return self.ask_name(directory, name)
        if self.mount.version == "4.0":
            return self._opened_by_name(directory, name)
        return self._verified(directory, name, self.look_up(directory, name))

    def name_to_create_cut(self, directory: Inode, name: str) -> Inode | None:
        """The same with O_TRUNC: version 3 creates what was once found missing without looking for it,
        however long ago that was; if it is there, it is taken for new and not cut (lookup_open; seen with
        6.1)."""
        node = self.nodes.get(directory.serial)
        if (
            self.mount.creates_uncut
            and node is not None
            and name in node.absent
            and not self.unreachable
        ):
            found = self._truth(directory, name)
            regular = found is not None and found.entries is None and found.target is None
            if regular and self.settings.choose("nfs.missing-name", 2) == 1:
                return None
        return self.name_to_create(directory, name)

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
        node.absent -= entries.keys()
        if self.mount.is_v3:
            # its list looks up what it finds (nfs_prime_dcache), which was not seen with 4
            entered = list(node.entered.items())
            for name in [name for name, inode in entered if entries.get(name, inode) is not inode]:
                self._forget_opened(node, name)
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

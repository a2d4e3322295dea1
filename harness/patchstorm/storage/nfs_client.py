"""A process on a host with an NFS mount: names, in terms of the host's caches."""

from __future__ import annotations

import errno
from functools import partial

from patchstorm.storage.backend import Path
from patchstorm.storage.errors import failure
from patchstorm.storage.inode import Inode
from patchstorm.storage.nfs_files import NfsFiles
from patchstorm.storage.paths import DOTS, refusal_to_remove
from patchstorm.storage.stat import Stat


class NfsClient(NfsFiles):
    """A process that reaches the tree through its host's NFS client."""

    __slots__ = ()

    # -- names ----------------------------------------------------------------------------------

    def fstat(self, fd: int) -> Stat:
        handle = self._handle(fd)
        kernel = self.kernel
        node = kernel.node(handle.inode)
        if node.patches:
            kernel.flush(node)
        return kernel.attributes(node, True)

    def look_up(self, name: str, dir_fd: int) -> tuple[int, Stat]:
        inode, stat = self._seen(name, dir_fd, False)
        return self.hold(inode), stat

    def stat_found(self, found: int) -> Stat:
        node = self.kernel.node(self._handle(found).inode)
        if node.patches:
            self.kernel.flush(node)
        return self.kernel.attributes(node, node.opens > 0)

    def _stat(self, path: str, dir_fd: int | None, follow: bool) -> Stat:
        return self._seen(path, dir_fd, follow)[1]

    def _seen(self, path: str, dir_fd: int | None, follow: bool) -> tuple[Inode, Stat]:
        """What a path names, and its attributes as they are believed to be."""
        kernel = self.kernel
        inode = self._existing(path, dir_fd, follow)
        try:
            return inode, self._attributes(inode)
        except OSError as error:
            if error.errno != errno.ESTALE:
                raise
        node = kernel.nodes[inode.serial]
        node.stale = False
        directory, _name, inode_now = self._walk(path, dir_fd, follow, kernel.ask_name)
        kernel.distrust(directory)
        if inode_now is None:
            raise failure(errno.ENOENT, path)
        return inode_now, self._attributes(inode_now)

    def _attributes(self, inode: Inode) -> Stat:
        kernel = self.kernel
        node = kernel.node(inode)
        if node.patches:
            kernel.flush(node)
        return kernel.attributes(node, False)

    def _list(self, path: Path) -> dict[str, Inode]:
        kernel = self.kernel
        if isinstance(path, int):
            inode = self._handle(path).inode
            if inode.entries is None:
                raise failure(errno.ENOTDIR)
            return kernel.listing(inode, True)
        found = self._walk(path, None, True, kernel.name_to_open)[2]
        if found is None:
            raise failure(errno.ENOENT, path)
        if found.entries is None:
            raise failure(errno.ENOTDIR, path)
        return kernel.listing(found, False)

    def mkdir(self, path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._true(path, dir_fd, new=True)
        if inode is not None:
            self.kernel.doubt(directory, name)
            raise failure(errno.EEXIST, path)
        make = partial(self.tree.mkdir, directory, name, mode & ~self.umask & 0o7777)
        kernel.call(make)
        before = kernel.before_change(directory)
        inode = make()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, inode)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._doomed(path, dir_fd)
        if inode is None:
            kernel.missed(directory, name)
            raise failure(errno.ENOENT, path)
        if name in DOTS:
            raise failure(refusal_to_remove(path, name), path)
        remove = partial(self.tree.rmdir, directory, name)
        kernel.call(remove)
        before = kernel.before_change(directory)
        remove()
        kernel.lost_reply(errno.ENOENT)
        kernel.after_change(directory, before, name, None)

    def unlink(self, path: str, *, dir_fd: int | None = None) -> None:
        kernel = self.kernel
        directory, name, inode = self._doomed(path, dir_fd)
        if inode is None:
            kernel.missed(directory, name)
            raise failure(errno.ENOENT, path)
        if name in DOTS or inode.entries is not None:
            raise failure(errno.EISDIR, path)
        if path[-1] == "/":
            raise failure(errno.ENOTDIR, path)
        remove = partial(self.tree.unlink, directory, name)
        kernel.call(remove)
        kernel.refuse_in_grace()
        hidden = kernel.hidden(directory, name, inode)
        if hidden is not None:
            kernel.rename_silly(directory, name, hidden)
            return
        before = kernel.before_change(directory)
        remove()
        kernel.lost_reply(errno.ENOENT)
        kernel.after_change(directory, before, name, None)
        kernel.own_change(inode)

    def rename(
        self,
        src: str,
        dst: str,
        flags: int = 0,
        *,
        src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:
        """RENAME; over a file open on this host it is two calls, and others can act between."""
        if flags:
            raise failure(errno.EINVAL, src)
        kernel = self.kernel
        from_dir, from_name = self._parent(src, src_dir_fd)
        to_dir, to_name = self._parent(dst, dst_dir_fd)
        if from_name in DOTS or to_name in DOTS:
            raise failure(errno.EBUSY, src)
        if kernel.believes_missing(from_dir, from_name):
            raise failure(errno.ENOENT, src)
        source = self._true_last(from_dir, from_name)
        if kernel.renames_nothing(from_dir, from_name, to_dir, to_name):
            return
        if source is None:
            hidden = kernel.hides_for_nothing(from_dir, from_name, to_dir, to_name)
            if hidden is not None:
                kernel.rename_silly(to_dir, to_name, hidden)
            kernel.missed(from_dir, from_name)
            raise failure(errno.ENOENT, src)
        target = self._true_last(to_dir, to_name, new=True)
        if source.entries is None and (src[-1] == "/" or dst[-1] == "/"):
            raise failure(errno.ENOTDIR, src)
        move = partial(self.tree.rename, from_dir, from_name, to_dir, to_name)
        kernel.call(move)
        kernel.refuse_in_grace()
        self._flush_before_rename(source)
        if source.entries is None and target is not source:
            self._hide_target(to_dir, to_name, target, src)
        before_from = kernel.before_change(from_dir)
        before_to = kernel.before_change(to_dir)
        move()
        kernel.lost_reply(errno.ENOENT)
        if target is source:
            return
        kernel.after_change(from_dir, before_from, from_name, None)
        kernel.moved(source, (from_dir, from_name), (to_dir, to_name))
        kernel.own_change(target)
        if to_dir is from_dir:
            kernel.node(to_dir).names[to_name] = source
            kernel.own_change(source)
        else:
            kernel.after_change(to_dir, before_to, to_name, source)

    def _hide_target(self, directory: Inode, name: str, target: Inode | None, src: str) -> None:
        """What is open here under the target's name is hidden; ETXTBSY if it is not there any more, which
        is how nfs_rename says so (seen with 3, 4.0 and 4.2)."""
        kernel = self.kernel
        hidden = kernel.hidden(directory, name, target)
        if hidden is None:
            return
        if target is None:
            raise failure(errno.ETXTBSY, src)
        kernel.rename_silly(directory, name, hidden)
        if self.settings.pause is not None:
            self.settings.pause("nfs.rename")
            kernel.contact()

    def _flush_before_rename(self, source: Inode) -> None:
        """6.1 sends a dirty file before renaming it; nothing promises that."""
        node = self.kernel.nodes.get(source.serial)
        if (
            node is not None
            and node.patches
            and self.settings.choose("nfs.rename-unflushed", 2) == 0
        ):
            self.kernel.flush(node)

    def link(self, src: Path, dst: str, *, dst_dir_fd: int | None = None) -> None:
        kernel = self.kernel
        source = self._linked(src)
        directory, name, target = self._true(dst, dst_dir_fd, new=True)
        if target is not None:
            self.kernel.doubt(directory, name)
            raise failure(errno.EEXIST, dst)
        if dst[-1] == "/":
            raise failure(errno.ENOENT, dst)
        link = partial(self.tree.link, source, directory, name)
        kernel.call(link)
        kernel.refuse_in_grace()
        before = kernel.before_change(directory)
        link()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, source)

    def symlink(self, src: str, dst: str, *, dir_fd: int | None = None) -> None:
        if not src:
            raise failure(errno.ENOENT, dst)
        kernel = self.kernel
        directory, name, inode = self._true(dst, dir_fd, new=True)
        if inode is not None:
            self.kernel.doubt(directory, name)
            raise failure(errno.EEXIST, dst)
        if dst[-1] == "/":
            raise failure(errno.ENOENT, dst)
        make = partial(self.tree.symlink, directory, name, src)
        kernel.call(make)
        before = kernel.before_change(directory)
        inode = make()
        kernel.lost_reply(errno.EEXIST)
        kernel.after_change(directory, before, name, inode)

    def _set_attributes(
        self,
        inode: Inode,
        *,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        times_ns: tuple[int, int] | None = None,
    ) -> None:
        kernel = self.kernel
        change = partial(self.tree.set_attributes, inode, mode=mode, owner=owner, times_ns=times_ns)
        kernel.call(change)
        node = kernel.node(inode)
        kernel.flush(node)
        known = node.change == inode.change
        change()
        if known:
            node.change = inode.change
        kernel.absorb(node)

    def _set_xattr(self, inode: Inode, name: str, value: bytes | None) -> None:
        self.kernel.contact()
        self.tree.set_xattr(inode, name, value)

    def _xattrs_travel(self) -> bool:
        return self.kernel.mount.version == "4.2"

"""From a log of operations to the atoms a power loss can take or leave.

An atom is the smallest change that reaches a disk or does not: one page of one file, a file's
size, a name in a directory, or several of these where the file system makes them one. Atoms depend
on earlier ones: each on the one before it for the same object, and whatever else the rules of a
``Disk`` demand. A state that can be found after a power loss is what a set of atoms leaves that
contains all forced atoms (those an fsync saved) and, with an atom, all that it depends on.

This module makes the atoms; ``durability`` picks among them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from patchstorm.storage import oplog
from patchstorm.storage.constants import PAGE_BYTES
from patchstorm.storage.flavour import Disk
from patchstorm.storage.image import Image
from patchstorm.storage.inode import Inode
from patchstorm.storage.pages import overlay

Key = tuple[Hashable, ...]
"""("name", directory, name) | ("page", inode, index) | ("size", inode) | ("attr", inode)."""


class Atom:
    """``updates`` are applied in order; ``serial`` is the inode or directory they belong to."""

    __slots__ = ("deps", "dropped", "forced", "forgotten", "journalled", "serial", "updates")

    def __init__(self, serial: int, updates: list[tuple[Key, Any]], deps: list[Atom]) -> None:
        self.serial = serial
        self.updates = updates
        self.deps = deps
        self.forced = False
        self.dropped = False
        self.forgotten = False
        self.journalled = False

    def force(self) -> None:
        """It will be on disk, and so will what it depends on."""
        todo = [self]
        while todo:
            atom = todo.pop()
            if not atom.forced and not atom.forgotten:
                atom.forced = True
                todo.extend(atom.deps)


class AtomBuilder:
    """Reads a log in order; ``atoms`` and ``journal`` are the result."""

    def __init__(self, image: Image, disk: Disk) -> None:
        self.image = image
        self.disk = disk
        self.grain = disk.torn_bytes
        self.atoms: list[Atom] = []
        self.journal: list[Atom] = []
        self.created: list[tuple[Inode, int]] = []
        self.last: dict[Key, Atom] = {}
        self.of_inode: dict[int, list[Atom]] = {}
        self.naming: dict[int, list[Atom]] = {}
        self.sizes: dict[int, int] = {}
        self.contents: dict[int, dict[int, bytes]] = {}
        self.cuts: dict[int, Atom] = {}
        self.short: dict[int, int] = {}
        self._steps: dict[int, Callable[..., None]] = {
            oplog.CREATE: self._create,
            oplog.LINK: self._link,
            oplog.UNLINK: self._unlink,
            oplog.RENAME: self._rename,
            oplog.EXCHANGE: self._exchange,
            oplog.WRITE: self._write,
            oplog.RESIZE: self._resize,
            oplog.ATTR: self._attributes,
            oplog.SYNC: self._sync,
            oplog.SYNC_ALL: self._sync_all,
            oplog.CLOSE_CUT: self._close_cut,
            oplog.LOST: self._lost,
            oplog.PUNCH: self._punch,
        }

    def read(self, log: oplog.OpLog) -> None:
        for code, *arguments in log:
            self._steps[code](*arguments)

    # -- making atoms -------------------------------------------------------------------------

    def _add(
        self,
        serial: int,
        updates: list[tuple[Key, Any]],
        *,
        metadata: bool,
        deps: list[Atom] | None = None,
    ) -> Atom:
        needs = list(deps or ())
        for key, _value in updates:
            before = self.last.get(key)
            if before is not None:
                needs.append(before)
        atom = Atom(serial, updates, needs)
        for key, _value in updates:
            self.last[key] = atom
        if (metadata or self.disk.journal_data) and self.disk.order == "prefix":
            atom.journalled = True
            self.journal.append(atom)
        self.atoms.append(atom)
        self.of_inode.setdefault(serial, []).append(atom)
        return atom

    def _name(
        self,
        updates: list[tuple[Inode, str, Inode | None]],
        deps: list[Atom] | None = None,
    ) -> None:
        """Names that change together."""
        atom = self._add(
            updates[-1][0].serial,
            [(("name", directory.serial, name), inode) for directory, name, inode in updates],
            metadata=True,
            deps=deps,
        )
        for directory, _name, inode in updates:
            if directory.serial != atom.serial:
                self.of_inode.setdefault(directory.serial, []).append(atom)
            if inode is not None:
                self.naming.setdefault(inode.serial, []).append(atom)

    # -- names --------------------------------------------------------------------------------

    def _create(self, directory: Inode, name: str, inode: Inode, mode: int) -> None:
        self.created.append((inode, mode))
        self._name([(directory, name, inode)])

    def _link(self, directory: Inode, name: str, inode: Inode) -> None:
        self._name([(directory, name, inode)])

    def _unlink(self, directory: Inode, name: str, inode: Inode) -> None:
        self._name([(directory, name, None)])

    def _rename(
        self,
        from_dir: Inode,
        from_name: str,
        to_dir: Inode,
        to_name: str,
        inode: Inode,
        replaced: Inode | None,
    ) -> None:
        deps: list[Atom] = []
        if replaced is not None and self.disk.flush_replaced:
            deps = self._contents_of(inode)
        gone = (from_dir, from_name, None)
        come = (to_dir, to_name, inode)
        if self.disk.atomic_rename or inode.entries is not None:
            self._name([gone, come], deps)
        else:
            self._name([come], deps)
            self._name([gone])

    def _exchange(
        self, a_dir: Inode, a_name: str, a: Inode, b_dir: Inode, b_name: str, b: Inode
    ) -> None:
        self._name([(a_dir, a_name, b), (b_dir, b_name, a)])

    # -- contents -----------------------------------------------------------------------------

    def _volatile(self, inode: Inode) -> dict[int, bytes]:
        """The file's contents as processes saw them at this point of the log."""
        serial = inode.serial
        known = self.contents.get(serial)
        if known is None:
            on_disk = self.image.nodes.get(serial)
            known = self.contents[serial] = {} if on_disk is None else dict(on_disk.grains)
            self.sizes[serial] = 0 if on_disk is None else on_disk.size
        return known

    def _write(self, inode: Inode, offset: int, data: bytes) -> None:
        contents = self._volatile(inode)
        serial, grain = inode.serial, self.grain
        end = offset + len(data)
        cut = self.cuts.get(serial)
        deps = [cut] if cut is not None and self.disk.order == "prefix" else []
        pages: dict[int, Atom] = {}
        updates: list[tuple[Key, Any]] = []
        at = offset
        while at < end:
            index, start = divmod(at, grain)
            stop = min(end, (index + 1) * grain)
            page = overlay(contents.get(index, b""), start, data[at - offset : stop - offset])
            contents[index] = page
            updates.append((("page", serial, index), page))
            if not self.disk.journal_data:
                pages[index] = self._add(serial, updates[-1:], metadata=False, deps=deps)
            at = stop
        old = self.sizes[serial]
        known = self.short.pop(serial, old)
        if self.disk.journal_data:
            if end > known:
                updates.append((("size", serial), end))
            self._add(serial, updates, metadata=True)
        elif end > known:
            self._grow(serial, known, end, pages)
        if max(known, end) < old:
            self.short[serial] = max(known, end)
        self.sizes[serial] = max(old, end)

    def _grow(self, serial: int, old: int, new: int, pages: dict[int, Atom]) -> None:
        """The size follows the data page by page, or as the rules say."""
        size = old
        if self.disk.mapped_tail and self._tail_on_disk(serial, old):
            size = min(new, _round_up(old))
            self._add(serial, [(("size", serial), size)], metadata=True)
        while size < new:
            index = size // self.grain
            size = min(new, (index + 1) * self.grain)
            data = pages.get(index)
            ordered = self.disk.ordered_size and data is not None
            deps = [data] if ordered and data is not None else []
            self._add(serial, [(("size", serial), size)], metadata=False, deps=deps)

    def _tail_on_disk(self, serial: int, size: int) -> bool:
        """Is the block that holds the end of the file allocated on disk already?"""
        if size % PAGE_BYTES == 0:
            return False
        index = (size - 1) // self.grain
        on_disk = self.image.nodes.get(serial)
        if on_disk is not None and index in on_disk.grains:
            return True
        return any(
            atom.forced and any(key == ("page", serial, index) for key, _ in atom.updates)
            for atom in self.of_inode.get(serial, ())
        )

    def _resize(self, inode: Inode, size: int) -> None:
        contents = self._volatile(inode)
        serial = inode.serial
        updates: list[tuple[Key, Any]] = [(("size", serial), size)]
        if size < self.sizes[serial]:
            updates += self._cut(serial, contents, size)
        self.sizes[serial] = size
        self.short.pop(serial, None)
        self.cuts[serial] = self._add(serial, updates, metadata=True)

    def _cut(self, serial: int, contents: dict[int, bytes], size: int) -> list[tuple[Key, Any]]:
        index, start = divmod(size, self.grain)
        updates: list[tuple[Key, Any]] = []
        for later in sorted(i for i in contents if i > index or (i == index and not start)):
            del contents[later]
            updates.append((("page", serial, later), None))
        if start and index in contents:
            contents[index] = contents[index][:start]
            updates.append((("page", serial, index), contents[index]))
        return updates

    def _punch(self, inode: Inode, offset: int, count: int) -> None:
        contents = self._volatile(inode)
        serial, grain = inode.serial, self.grain
        updates: list[tuple[Key, Any]] = []
        for index in sorted(
            i for i in contents if offset < (i + 1) * grain and i * grain < offset + count
        ):
            low = max(offset - index * grain, 0)
            high = min(offset + count - index * grain, grain)
            page = contents[index]
            contents[index] = page[:low] + bytes(max(min(high, len(page)) - low, 0)) + page[high:]
            updates.append((("page", serial, index), contents[index]))
        if updates:
            self._add(serial, updates, metadata=True)

    def _attributes(self, inode: Inode, state: Any) -> None:
        self._add(inode.serial, [(("attr", inode.serial), state)], metadata=True)

    def _contents_of(self, inode: Inode) -> list[Atom]:
        """Everything so far that changed an inode itself."""
        return [atom for atom in self.of_inode.get(inode.serial, ()) if not atom.forced]

    # -- what is saved --------------------------------------------------------------------------

    def _sync(self, inode: Inode) -> None:
        if not self.disk.fsync_works:
            return
        for atom in self._contents_of(inode):
            atom.force()
        if self.disk.sync_scope == "journal":
            for atom in self.journal:
                atom.force()
        elif self.disk.sync_scope == "names":
            self._save_names(inode)

    def _save_names(self, inode: Inode) -> None:
        """The file's names so far, and the names of the directories they are in."""
        todo, done = [inode.serial], set()
        while todo:
            serial = todo.pop()
            if serial in done:
                continue
            done.add(serial)
            for atom in self.naming.get(serial, ()):
                atom.force()
                todo.append(atom.serial)

    def _sync_all(self) -> None:
        for atom in self.atoms:
            atom.force()

    def _close_cut(self, inode: Inode) -> None:
        """ext4 allocates a rewritten file's blocks at close, so the next commit waits for them."""
        serial = inode.serial
        if self.disk.flush_replaced and serial in self.sizes:
            deps = self._contents_of(inode)
            self._add(serial, [(("size", serial), self.sizes[serial])], metadata=True, deps=deps)

    def _lost(self, inode: Inode) -> None:
        """A failed write-back: these pages count as clean, and no later fsync saves them."""
        for atom in self._contents_of(inode):
            if not atom.journalled:
                atom.forgotten = True
        serial = inode.serial
        if serial in self.sizes:
            self.short[serial] = self._size_left(serial)

    def _size_left(self, serial: int) -> int:
        """How long the file is without what was forgotten. Who writes the same bytes again makes their pages
        dirty, and the size goes to disk with them (xfs_setfilesize; i_disksize of ext4)."""
        for atom in reversed(self.of_inode.get(serial, ())):
            for key, value in reversed(atom.updates):
                if key == ("size", serial) and not atom.forgotten:
                    return int(value)
        on_disk = self.image.nodes.get(serial)
        return 0 if on_disk is None else on_disk.size


def _round_up(size: int) -> int:
    return -(-size // PAGE_BYTES) * PAGE_BYTES

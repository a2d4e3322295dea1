"""What survives a power loss: picking among the atoms of the log, and making the tree so.

Every pick goes through ``choose`` and 0 always keeps, so a chooser that counts like an odometer
meets every legal state, and one that answers 0 loses nothing. The kinds are ``power.journal`` (how
many of the last metadata operations the journal had not written), ``power.file`` (0 all of a file's
un-synced pages and sizes, 1 none, 2 each on its own), ``power.page`` and ``power.name``.

Sources: fsync(2), ext4's and nfs's documentation, Pillai et al. (OSDI 2014), and kills of real
ext4, xfs and btrfs guests.
"""

from __future__ import annotations

from patchstorm.storage import oplog
from patchstorm.storage.atoms import Atom, AtomBuilder
from patchstorm.storage.flavour import Disk
from patchstorm.storage.image import Image
from patchstorm.storage.inode import Inode
from patchstorm.storage.settings import Choose
from patchstorm.storage.tree import Tree


class Durability:
    """A tree's disk: the image of what is safe, and the log of what is not yet."""

    __slots__ = ("disk", "image", "tree")

    def __init__(self, tree: Tree, disk: Disk) -> None:
        assert tree.log is not None
        self.tree = tree
        self.disk = disk
        self.image = Image(tree.root, disk.torn_bytes)
        tree.spill = self.settle

    def power_loss(self, *, forget_state: bool = True) -> None:
        """Draw what survives and put the tree into that state."""
        builder = self._atoms()
        _pick(builder, self.tree.settings.choose)
        doomed = [inode for inode, _mode in builder.created]
        self._absorb(builder)
        self.image.restore(self.tree, doomed, forget_state)

    def settle(self) -> None:
        """Background write-back has caught up: everything so far is on disk."""
        builder = self._atoms()
        for atom in builder.atoms:
            atom.force()
        self._absorb(builder)

    def _atoms(self) -> AtomBuilder:
        builder = AtomBuilder(self.image, self.disk)
        assert self.tree.log is not None
        builder.read(self.tree.log)
        return builder

    def _absorb(self, builder: AtomBuilder) -> None:
        """Into the image, in the order of the log."""
        for inode, mode in builder.created:
            self.image.add(inode, mode)
        for atom in builder.atoms:
            if atom.forced:
                for key, value in atom.updates:
                    self.image.apply(key, value)
        log: oplog.OpLog | None = self.tree.log
        assert log is not None
        log.clear()


def _pick(builder: AtomBuilder, choose: Choose) -> None:
    """Mark as forced what survives, as dropped what does not."""
    undecided = [atom for atom in builder.journal if not atom.forced]
    if undecided:
        lost = choose("power.journal", len(undecided) + 1)
        for atom in undecided[: len(undecided) - lost]:
            atom.force()
        for atom in undecided:
            atom.dropped = not atom.forced
    groups: dict[int, list[Atom]] = {}
    for atom in builder.atoms:
        if atom.forced or atom.dropped:
            continue
        if atom.updates[0][0][0] == "name":
            _pick_one(atom, choose, "power.name")
        else:
            groups.setdefault(atom.serial, []).append(atom)
    for group in groups.values():
        _pick_file(group, choose)


def _pick_file(group: list[Atom], choose: Choose) -> None:
    possible = [atom for atom in group if not atom.forced]
    if len(possible) == 1:
        _pick_one(possible[0], choose, "power.page")
        return
    fate = choose("power.file", 3)
    for atom in possible:
        if fate == 2:
            _pick_one(atom, choose, "power.page")
        elif fate == 1 or not _possible(atom):
            atom.dropped = True
        else:
            atom.forced = True


def _pick_one(atom: Atom, choose: Choose, kind: str) -> None:
    if not _possible(atom) or choose(kind, 2):
        atom.dropped = True
    else:
        atom.forced = True


def _possible(atom: Atom) -> bool:
    """Everything it depends on survives, or at least may have been written all the same."""
    return all(dep.forced or dep.forgotten for dep in atom.deps)


def unsynced(durability: Durability) -> list[Inode]:
    """Inodes whose contents or size would not all survive a power loss now."""
    builder = durability._atoms()
    found: dict[int, Inode] = {}
    by_serial = {inode.serial: inode for inode, _mode in builder.created}
    by_serial.update({s: node.inode for s, node in durability.image.nodes.items()})
    for atom in builder.atoms:
        if not atom.forced and atom.serial in by_serial:
            found.setdefault(atom.serial, by_serial[atom.serial])
    return list(found.values())

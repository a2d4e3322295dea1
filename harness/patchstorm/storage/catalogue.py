"""The flavours that have a name of their own, before any option is applied."""

from __future__ import annotations

from patchstorm.storage.flavour import Disk, Flavour, NfsMount

_JOURNAL_EXT4 = Disk(mapped_tail=True, flush_replaced=True)
_EXPORT = Disk()

BASES: dict[str, Flavour] = {
    "tmpfs": Flavour(name="tmpfs", disk=Disk(durable=False)),
    "ext4": Flavour(name="ext4", disk=_JOURNAL_EXT4, reuses_inode_numbers=True),
    "ext4-noauto-da-alloc": Flavour(
        name="ext4-noauto-da-alloc", disk=Disk(mapped_tail=True), reuses_inode_numbers=True
    ),
    "ext4-data-journal": Flavour(
        name="ext4-data-journal", disk=Disk(journal_data=True), reuses_inode_numbers=True
    ),
    "xfs": Flavour(name="xfs", disk=Disk(), reuses_inode_numbers=True),
    "btrfs": Flavour(name="btrfs", disk=Disk(sync_scope="names")),
    "worst-posix": Flavour(
        name="worst-posix",
        disk=Disk(order="any", sync_scope="file", atomic_rename=False, ordered_size=False),
        reuses_inode_numbers=True,
    ),
    "nfs3": Flavour(
        name="nfs3", disk=_EXPORT, nfs=NfsMount(version="3"), reuses_inode_numbers=True
    ),
    "nfs4.0": Flavour(
        name="nfs4.0", disk=_EXPORT, nfs=NfsMount(version="4.0"), reuses_inode_numbers=True
    ),
    "nfs4.1": Flavour(
        name="nfs4.1", disk=_EXPORT, nfs=NfsMount(version="4.1"), reuses_inode_numbers=True
    ),
    "nfs4.2": Flavour(
        name="nfs4.2", disk=_EXPORT, nfs=NfsMount(version="4.2"), reuses_inode_numbers=True
    ),
}
"""NFS rows differ from local ones in ``nfs``; ``disk`` is then the disk of the server.

A client shows the server's inode numbers, and ext4 and XFS use them again: that a handle is another file's is
told by the generation within it, which no stat(2) shows.
"""

ALIASES: dict[str, str] = {"nfs4": "nfs4.2"}

SUMMARY: dict[str, str] = {
    "tmpfs": "memory shared by containers of one machine: coherent, and gone with the machine",
    "ext4": "local disk, data=ordered, auto_da_alloc",
    "ext4-noauto-da-alloc": "local disk; a rename can come back with an empty file",
    "ext4-data-journal": "local disk, data=journal: what survives is a moment of the past",
    "xfs": "local disk; names are journalled, data are not waited for",
    "btrfs": "local disk; an fsync saves its file and names, nothing else",
    "worst-posix": "everything that POSIX allows a power loss to do",
    "nfs3": "NFS version 3 with lockd",
    "nfs4.0": "NFS version 4.0: opens by name",
    "nfs4.1": "NFS version 4.1: opens a cached name by file handle",
    "nfs4.2": "NFS version 4.2, also called nfs4: like 4.1, with real holes",
}

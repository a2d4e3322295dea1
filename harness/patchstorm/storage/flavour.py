"""What kind of shared storage is modelled, as data.

A ``Flavour`` is a set of switches. Code asks for a switch, never for a flavour's name; a new kind
of storage is a new row in ``catalogue``, not a new class. Times are nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from patchstorm.storage.constants import PAGE_BYTES, SECOND_NS

LookupCache = Literal["all", "pos", "none"]
Recovery = Literal["hard", "soft", "softerr"]
NfsVersion = Literal["3", "4.0", "4.1", "4.2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """What of the un-synced state a power loss may take, and what an fsync saves.

    ``order`` is how names and metadata reach the disk: ``"prefix"``, in one journal, so that what
    survives is what was done up to some moment; ``"any"``, each on its own. ``sync_scope`` is what
    an fsync takes along: ``"journal"``, every metadata operation before it; ``"names"``, the file
    and the names it was given (btrfs's tree log); ``"file"``, the file alone, or of a directory its
    entries alone, which is all that POSIX promises.
    """

    durable: bool = True
    """False: memory only; nothing survives (tmpfs)."""
    fsync_works: bool = True
    """False: fsync is acknowledged and does nothing (an ``async`` NFS export)."""
    order: Literal["prefix", "any"] = "prefix"
    sync_scope: Literal["journal", "names", "file"] = "journal"
    atomic_rename: bool = True
    """False: the new name and the loss of the old one reach the disk separately."""
    ordered_size: bool = True
    """A file's size never gets to the disk before the data in newly allocated pages."""
    mapped_tail: bool = False
    """A size that grows within an allocated block is journalled before the data: zeros (ext4)."""
    flush_replaced: bool = False
    """Replacing by rename, and rewriting after a cut to zero, order data first (auto_da_alloc)."""
    journal_data: bool = False
    """Data go through the journal too (ext4 ``data=journal``)."""
    torn_bytes: int = PAGE_BYTES
    """The grain of a torn write: a page, or a 512-byte sector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NfsMount:
    """Mount options of the clients, and what the kernel behind client and server does."""

    version: NfsVersion = "4.2"
    acregmin_ns: int = 3 * SECOND_NS
    acregmax_ns: int = 60 * SECOND_NS
    acdirmin_ns: int = 30 * SECOND_NS
    acdirmax_ns: int = 60 * SECOND_NS
    sync_writes: bool = False
    """``sync`` or ``noac``: each write reaches the server before it returns."""
    lookupcache: LookupCache = "all"
    close_to_open: bool = True
    local_flock: bool = False
    local_posix: bool = False
    recovery: Recovery = "hard"
    wsize_bytes: int = 1 << 20
    extends_writes: bool = True
    """A write to a cached page is sent as the whole page; off with ``noalignwrite`` (nfs(5))."""
    serves_unlinked: bool = True
    """The server still opens a file without names by its handle (knfsd 6.1 does, 6.12 not)."""
    recent: bool = False
    """Client and server are those of Linux 7.2, which delegate more and look up less (see below)."""
    aged: bool = True
    """Clients are those of Linux 6.1, not of 6.12 or later (see below)."""
    lease_ns: int = 90 * SECOND_NS
    grace_ns: int = 90 * SECOND_NS
    dirty_age_ns: int = 30 * SECOND_NS
    """Data older than this have been written back by the client's kernel (dirty_expire)."""

    @property
    def is_v3(self) -> bool:
        return self.version == "3"

    @property
    def opens_by_handle(self) -> bool:
        """4.1 and later send OPEN with CLAIM_FH for a name they have cached."""
        return self.version in ("4.1", "4.2")

    @property
    def creates_uncut(self) -> bool:
        """A name believed missing is created without saying that the file shall be empty."""
        return self.aged and self.is_v3

    @property
    def fstat_looks_up(self) -> bool:
        """The C library's fstat is a look-up to the kernel; later ones see through it."""
        return self.aged

    @property
    def delegates_names(self) -> bool:
        """While a client holds a delegation of a directory (4.1 and later), or of a file, it does not look
        its names up again.

        Also none that it had found before it got it: so a name that was taken away meanwhile is still
        believed after the directory was listed.
        """
        return self.recent and not self.is_v3

    @property
    def delegates_files(self) -> bool:
        """With a delegation of a file a lock is local to the client, and makes it look at nothing again."""
        return self.recent and not self.is_v3


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavour:
    """One kind of shared storage. ``name`` is its canonical text, which parses to it again."""

    name: str
    disk: Disk
    nfs: NfsMount | None = None
    gives: frozenset[str] = frozenset()
    """Names of what it guarantees; see ``guarantees.MEANING``."""
    capacity_bytes: int | None = None
    tick_ns: int = 4_000_000
    """Granularity of the time stamps of files (a kernel tick at 250 Hz)."""
    reuses_inode_numbers: bool = False
    unnamed_files: bool = True
    """O_TMPFILE works."""
    rename_flags: bool = True
    """renameat2 takes RENAME_NOREPLACE and RENAME_EXCHANGE."""
    xattrs: bool = True

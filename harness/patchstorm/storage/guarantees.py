"""What a flavour gives, by name, and the reasoning from switches to names.

A target declares which of these it *needs*; a storm on storage that does not give them is reported
as not claimed. A name is given only if the flavour keeps it in every interleaving and crash that
the model can produce for it.
"""

from __future__ import annotations

from patchstorm.storage.flavour import Disk, Flavour, NfsMount

MEANING: dict[str, str] = {
    "exclusive-create": "O_CREAT|O_EXCL, mkdir and link succeed for one caller on all hosts",
    "exclusive-locks": "while its host can reach the storage, a lock holder is the only one on "
    "all hosts (a partitioned NFSv4 client may go on believing so)",
    "exclusive-posix-locks": "the same for fcntl locks; exclusive-locks speaks of flock",
    "fenced-locks": "a holder whose lock was given to another can change nothing any more",
    "lock-release-on-process-death": "a dead process's locks are free at once",
    "lock-release-on-host-death": "a dead host's locks become free without that host's help",
    "coherent-attributes": "stat and fstat show what any host had completed before",
    "coherent-names": "stat and open of a path follow what any host had created or removed before",
    "coherent-rename": "opening a name that another host replaced by rename, the old file being "
    "gone, opens the new file",
    "coherent-rename-linked": "the same while the old file still has a name or is held open",
    "coherent-listing": "listdir shows what any host had done in that directory before, and names "
    "in it are looked up afresh afterwards",
    "coherent-data": "read returns what any host had written before, on descriptors open already",
    "close-to-open": "an open after another host's close (or fsync) reads what that had written",
    "coherent-append": "O_APPEND writes of several hosts never overlap",
    "coherent-append-locked": "nor do they under an exclusive lock of the file appended to",
    "independent-bytes": "writes of several hosts to disjoint bytes all stay",
    "written-is-visible": "a completed write is seen by all without fsync, close or unlock",
    "atomic-rename": "no observer finds the name missing while a rename replaces it",
    "open-file-survives-unlink": "a descriptor stays usable after another host removed the file",
    "unlink-removes": "unlinking an open file takes its name away for good, so rmdir can follow",
    "errors-at-write": "a full disk fails the write itself, never a later fsync or close",
    "replies-are-true": "a rename, link, unlink or mkdir that reports an error did not happen",
    "stable-inode-identity": "an inode number is not used again for another file",
    "durable-across-process-death": "completed writes survive the death of any process",
    "durable-across-host-death": "completed writes survive the death of the host that made them",
    "durable-fsync": "what fsync acknowledged survives a power loss of any machine",
    "durable-names-with-fsync": "fsync of a file also saves the name it was last given",
    "durable-directory-fsync": "fsync of a directory saves the names in it",
    "durable-names-at-once": "a completed rename, link, unlink or mkdir survives a power loss",
    "power-loss-atomic-rename": "after a power loss a replaced name is the old or the new file",
    "power-loss-ordered-rename": "and if it is the new one, un-synced, its data are there too",
}


def guarantees(flavour: Flavour) -> frozenset[str]:
    """The names that follow from a flavour's switches."""
    given = _local() if flavour.nfs is None else _nfs(flavour.nfs)
    given |= _durable(flavour.disk, flavour.nfs)
    if not flavour.reuses_inode_numbers:
        given.add("stable-inode-identity")
    assert given <= MEANING.keys()
    return frozenset(given)


def _local() -> set[str]:
    """Hosts that share one kernel share one truth."""
    return {
        "exclusive-create",
        "exclusive-locks",
        "exclusive-posix-locks",
        "fenced-locks",
        "lock-release-on-process-death",
        "lock-release-on-host-death",
        "coherent-attributes",
        "coherent-names",
        "coherent-rename",
        "coherent-rename-linked",
        "coherent-listing",
        "coherent-data",
        "close-to-open",
        "coherent-append",
        "coherent-append-locked",
        "independent-bytes",
        "written-is-visible",
        "atomic-rename",
        "open-file-survives-unlink",
        "unlink-removes",
        "errors-at-write",
        "replies-are-true",
        "durable-across-process-death",
        "durable-across-host-death",
    }


def _nfs(mount: NfsMount) -> set[str]:
    given = {"exclusive-create", "lock-release-on-process-death", "durable-across-process-death"}
    remote_locks = not mount.local_flock
    no_age = mount.acregmax_ns == 0 and mount.acdirmax_ns == 0
    if remote_locks:
        given |= {"exclusive-locks", "coherent-append-locked"}
    if not mount.local_posix:
        given.add("exclusive-posix-locks")
    if not (mount.is_v3 and remote_locks):
        given.add("lock-release-on-host-death")
    if mount.close_to_open:
        given.add("coherent-listing")
        if not mount.is_v3:
            given.add("close-to-open")
    if not mount.extends_writes:
        given.add("independent-bytes")
    if mount.sync_writes:
        given |= {"written-is-visible", "errors-at-write", "durable-across-host-death"}
    exact_names = mount.lookupcache == "none" or (no_age and not mount.is_v3)
    if exact_names:
        given.add("coherent-names")
    if no_age:
        given.add("coherent-attributes")
    if exact_names or mount.version == "4.0":
        given |= {"coherent-rename", "coherent-rename-linked"}
    elif mount.close_to_open and (mount.is_v3 or not mount.serves_unlinked):
        given.add("coherent-rename")
    return given


def _durable(disk: Disk, mount: NfsMount | None) -> set[str]:
    if not disk.durable or not disk.fsync_works:
        return set()
    given = {"durable-fsync", "durable-directory-fsync"}
    if mount is not None:
        return given | {
            "durable-names-with-fsync",
            "durable-names-at-once",
            "power-loss-atomic-rename",
        }
    if disk.sync_scope != "file":
        given.add("durable-names-with-fsync")
    if disk.atomic_rename:
        given.add("power-loss-atomic-rename")
    if disk.flush_replaced or disk.journal_data:
        given.add("power-loss-ordered-rename")
    return given

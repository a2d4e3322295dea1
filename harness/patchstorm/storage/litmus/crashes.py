"""Litmus programs about power loss, lost replies and calls that time out."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import DISKS, NFS, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(name: str, about: str, text: str, runs_on: tuple[str, ...] = DISKS) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=False)


# What 5000 un-synced bytes can have become, where the file system lets the size be there first.
_TORN = "n*4096 @ !ext4-data-journal"
_HOLED = (
    "0*4096 @ worst-posix | 0*5000 @ worst-posix | n*4096+0*904 @ worst-posix"
    " | 0*4096+n*904 @ worst-posix"
)
_UNORDERED = "!ext4&!ext4-data-journal"
_FREE = "btrfs, worst-posix"
"""Disks on which the fsync of a neighbour commits nothing else."""

OLD = "A durable i o*5000; syncdir ."
NEIGHBOUR = "A durable z z; syncdir ."

CRASHES: tuple[Program, ...] = (
    _p(
        "power-new-file",
        "a new file without fsync: absent, empty, torn or whole",
        f"""
        A w f n*5000
        S power
        A = rd f -> ENOENT | "" | {_TORN} | n*5000 | {_HOLED}
        """,
    ),
    _p(
        "power-new-file-neighbour",
        "the journal's commit brings the name before the data",
        f"""
        A w f n*5000
        {NEIGHBOUR}
        S power
        A = rd f -> "" @ !ext4-data-journal | {_TORN} | n*5000
        """,
        tuple(disk for disk in DISKS if disk not in ("btrfs", "worst-posix")),
    ),
    _p(
        "power-replace",
        "replacing by rename without fsync: the old file, or an empty one, but not on ext4",
        f"""
        {OLD}
        A w t n*5000; rename t i
        S power
        A = rd i -> o*5000 | n*5000 | "" @ {_UNORDERED} | n*4096 @ {_UNORDERED} | {_HOLED}
        """,
    ),
    _p(
        "power-replace-neighbour",
        "the same after somebody else's fsync",
        f"""
        {OLD}
        A w t n*5000; rename t i
        A durable z z
        S power
        A = rd i -> n*5000 | o*5000 @ {_FREE} | "" @ {_UNORDERED} | n*4096 @ {_UNORDERED} | {_HOLED}
        """,
    ),
    _p(
        "power-rename-new",
        "a rename to a new name orders nothing, on ext4 either",
        f"""
        A w t n*5000; rename t f
        S power
        A = rd f -> ENOENT | "" | {_TORN} | n*5000 | {_HOLED}
        """,
    ),
    _p(
        "power-append",
        "an append: lost, whole, or zeros to the end of the block on ext4",
        f"""
        {OLD}
        A ap i n*5000
        S power
        A = rd i -> o*5000 | o*5000+n*5000 | o*5000+n*3192 @ !ext4-data-journal | \
o*5000+0*3192 @ ext4, ext4-noauto-da-alloc, worst-posix | \
o*5000+0*3192+n*1808 @ ext4, ext4-noauto-da-alloc, worst-posix | \
o*5000+0*5000 @ worst-posix | o*5000+n*3192+0*1808 @ worst-posix
        """,
    ),
    _p(
        "power-rewrite",
        "cutting to zero and writing anew can leave nothing",
        f"""
        {OLD}
        A w i n*5000
        S power
        A = rd i -> o*5000 | n*5000 | "" | {_TORN} | {_HOLED}
        """,
    ),
    _p(
        "power-new-directory",
        "a file in a new directory: directory and file, directory alone, or nothing",
        f"""
        A mkdir d; w d/f n*5000
        S power
        A = exists d -> true | false
        A = rd d/f -> ENOENT | "" | {_TORN} | n*5000 | {_HOLED}
        """,
    ),
    _p(
        "power-synced-rename",
        "fsync before the rename: old or new, never anything else",
        f"""
        {OLD}
        A durable t n*5000; rename t i
        S power
        A = rd i -> o*5000 | n*5000
        """,
    ),
    _p(
        "power-synced-rename-synced",
        "and fsync of the directory after it: new",
        f"""
        {OLD}
        A durable t n*5000; rename t i; syncdir .
        S power
        A = rd i -> n*5000
        A = ls . -> ["i"]
        """,
    ),
    _p(
        "power-synced-file",
        "fsync of a new file saves its name everywhere but in POSIX",
        """
        A durable f n*5000
        S power
        A = rd f -> n*5000 | ENOENT @ worst-posix
        """,
    ),
    _p(
        "power-unlink",
        "an unlink not yet synced is undone",
        f"""
        {OLD}
        A unlink i
        S power
        A = rd i -> o*5000 | ENOENT
        """,
    ),
    _p(
        "power-order",
        "two names made one after the other: the second alone only where order is free",
        """
        A w a ''; w b ''
        S power
        A = ls . -> [] | ["a"] | ["a", "b"] | ["b"] @ worst-posix
        """,
    ),
    _p(
        "power-tmpfs",
        "memory forgets everything",
        """
        A durable f x; syncdir .
        S power
        A = ls . -> []
        """,
        ("tmpfs",),
    ),
    _p(
        "power-nfs-sync",
        "a sync export loses nothing that fsync or close acknowledged, nor a name",
        """
        A durable f abc; w g xyz; rename g h
        S power
        S = rd f; = rd h -> ["abc", "xyz"]
        """,
        NFS,
    ),
    _p(
        "power-nfs-unsent",
        "what was sent but not committed is sent again",
        """
        A open fd f rw,creat; write fd abc
        S = rd f -> abc | "" @ $unsent
        S power
        A fsync fd; close fd
        S = rd f -> abc
        """,
        NFS,
    ),
    _p(
        "power-nfs-both",
        "unless its writer dies too",
        """
        A open fd f rw,creat; write fd abc
        A crash
        S power
        S = rd f -> abc | "" @ $unsent
        """,
        NFS,
    ),
    _p(
        "power-nfs-async",
        "an async export loses what fsync acknowledged",
        """
        A durable f abc
        S power
        S = rd f -> abc | "" | ENOENT
        """,
        ("nfs3,export=async", "nfs4,export=async"),
    ),
    _p(
        "soft-timeout",
        "a soft mount gives up, and the call may be executed later all the same",
        """
        A w f x
        A cut
        A rename f g -> EIO
        A heal
        S = ls . -> ["f"] | ["g"]
        """,
        ("nfs3,soft", "nfs4,soft"),
    ),
    _p(
        "hard-waits",
        "a hard mount waits; what is cached can still be read",
        """
        A w f x; open fd f r; = read fd 9 -> x
        A cut
        A rename f g -> "waits for partition"
        A = pread fd 9 0 -> x
        A heal
        A rename f g
        S = ls . -> ["g"]
        """,
        ("nfs3", "nfs4.0", "nfs4.1", "nfs4.2"),
    ),
)


def _lost(name: str, text: str, runs_on: tuple[str, ...]) -> Program:
    return parse_program(
        name,
        "a reply that is lost turns success into an error, except in a 4.1 session",
        spell_out(text),
        runs_on,
        real=False,
        faults=("lost_reply",),
    )


_VERSIONS = ("nfs3", "nfs4.0", "nfs4.1", "nfs4.2")

LOST_REPLIES: tuple[Program, ...] = (
    _lost(
        "lost-rename",
        """
        A w f x; rename f g -> null | ENOENT @ v3, 40
        S = ls . -> ["g"]
        """,
        _VERSIONS,
    ),
    _lost(
        "lost-unlink",
        """
        A w f x; unlink f -> null | ENOENT @ v3, 40
        S = ls . -> []
        """,
        _VERSIONS,
    ),
    _lost(
        "lost-mkdir",
        """
        A mkdir d -> null | EEXIST @ v3, 40
        S = ls . -> ["d"]
        """,
        _VERSIONS,
    ),
    _lost(
        "lost-link",
        """
        A w f x; link f g -> null | EEXIST @ v3, 40
        S = ls . -> ["f", "g"]
        """,
        _VERSIONS,
    ),
    _lost(
        "lost-excl-create",
        """
        A open fd f rw,creat,excl -> null | EEXIST @ 40
        S = ls . -> ["f"]
        """,
        _VERSIONS,
    ),
    _lost(
        "lost-rename-restart",
        """
        A w f x
        S restart
        S sleep 100
        A rename f g -> null | ENOENT
        S = ls . -> ["g"]
        """,
        _VERSIONS,
    ),
)

"""Litmus programs about contents: sizes, pages, appends, write-back and its errors."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, NFS, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(
    name: str, about: str, text: str, runs_on: tuple[str, ...] = ALL, *, real: bool = True
) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=real)


BOTH = "AAAA....BBBB...................."
LATER = "........BBBB...................."
NARROW_TOO = (*ALL, "nfs4.2,noalignwrite")

CONTENTS: tuple[Program, ...] = (
    _p(
        "grown-file",
        "size and pages on an open descriptor may be old; after reopening they are new",
        """
        A w f abc
        B open fd f r; = read fd 9; = size f -> ["abc", 3]
        A ap f def
        B = size f -> 6 | 3 @ $attributes
        B = seek fd 0 end -> 6 | 3 @ $attributes
        B = pread fd 9 0 -> abcdef | abc @ $attributes
        B = rd f -> abcdef | abc @ nocto
        B = size f; = pread fd 9 0; close fd -> [6, "abcdef"] | [3, "abc"] @ nocto | [3, "abcdef"] @ nocto
        """,
    ),
    _p(
        "grown-file-expires",
        "after acregmax they are new without reopening",
        """
        A w f abc
        B open fd f r; = read fd 9 -> abc
        A ap f def
        S sleep 61
        B = fsize fd; = seek fd 0 end; = pread fd 9 0; close fd -> [6, 6, "abcdef"]
        """,
    ),
    _p(
        "same-size-rewrite",
        "version 3 sees no change of the same size within one tick",
        """
        A w f abc
        B = rd f -> abc
        A w f xyz
        B = rd f -> xyz | abc @ nocto, v3&same-tick
        """,
    ),
    _p(
        "grown-file-locked",
        "locking the file itself makes everything new",
        """
        A w f abc
        B open fd f rw; = read fd 9 -> abc
        A ap f def
        B lock fd; = fsize fd; = seek fd 0 end; = pread fd 9 0; close fd -> [6, 6, "abcdef"]
        """,
    ),
    _p(
        "lock-elsewhere",
        "locking another file does not",
        """
        A w f abc; w .lock ''
        B open fd f r; = read fd 9; = size f -> ["abc", 3]
        A open l .lock rw,creat; lock l; ap f def; close l
        B open l .lock rw,creat; lock l
        B = size f -> 6 | 3 @ $attributes
        B = pread fd 9 0 -> abcdef | abc @ $attributes
        B = rd f -> abcdef | abc @ nocto
        B close l; close fd
        """,
    ),
    _p(
        "write-then-removed",
        "a descriptor written to and removed elsewhere: it works on, or fsync says ESTALE",
        """
        B open fd i rw,creat; = write fd hello -> 5
        A unlink i
        B fsync fd -> null | ESTALE @ nfs
        B close fd
        S = ls . -> []
        """,
    ),
    _p(
        "write-then-removed-close",
        "or close says it, if nothing did before",
        """
        B open fd i rw,creat; = write fd hello -> 5
        A unlink i
        B close fd -> null | ESTALE @ nfs
        S = ls . -> []
        """,
    ),
    _p(
        "unsent",
        "what is written is seen elsewhere after fsync and reopening, perhaps before",
        """
        A open fd f rw,creat; write fd dirty
        B = rd f -> dirty | "" @ $unsent
        A fsync fd
        B = rd f -> dirty | "" @ nocto
        A close fd
        """,
    ),
    _p(
        "unsent-for-long",
        "a client's kernel writes back after half a minute",
        """
        A open fd f rw,creat; write fd dirty
        S sleep 31
        S = rd f -> dirty
        A close fd
        """,
        real=False,
    ),
    _p(
        "unlock-sends",
        "unlocking the file sends what was written",
        """
        A open fd f rw,creat; lock fd; write fd dirty; unlock fd
        S = rd f -> dirty
        A close fd
        """,
    ),
    _p(
        "unlock-elsewhere",
        "unlocking another file does not",
        """
        A open l .lock rw,creat; lock l; open fd f rw,creat; write fd dirty; close l
        S = rd f -> dirty | "" @ $unsent
        A close fd
        S = rd f -> dirty
        """,
    ),
    _p(
        "rename-unsent",
        "renaming a dirty open file may or may not send it",
        """
        A open fd t rw,creat; write fd dirty; rename t f
        S = rd f -> dirty | "" @ $unsent
        B = rd f -> dirty | "" @ $unsent
        A close fd
        B = rd f -> dirty | "" @ nocto
        """,
    ),
    _p(
        "append-two-hosts",
        "O_APPEND writes at the size its host believes in",
        """
        A w f ''; open fd f w,append
        B open fd f w,append
        A write fd aaaa; fsync fd
        B write fd bb; fsync fd
        S = rd f -> aaaabb | bbaa @ $held
        A close fd
        B close fd
        """,
    ),
    _p(
        "append-two-hosts-unsent",
        "the same when both are dirty",
        """
        A w f ''; open fd f w,append
        B open fd f w,append
        A write fd aaaa
        B write fd bb
        A close fd
        B close fd
        S = rd f -> aaaabb | bbaa @ $unsent, $held
        """,
    ),
    _p(
        "append-locked",
        "under a lock on the file itself appends follow each other",
        """
        A w f ''; open fd f rw,append
        B open fd f rw,append
        A lock fd; write fd aaaa; unlock fd
        B lock fd; write fd bb; unlock fd
        S = rd f -> aaaabb
        A close fd
        B close fd
        """,
    ),
    _p(
        "append-reopened-under-lock",
        "or when the file is opened anew under a lock elsewhere",
        """
        A w f ''; w .lock ''
        B = rd f -> ""
        A open l .lock rw; lock l; open fd f w,append; write fd aaaa; close fd; close l
        B open l .lock rw; lock l; open fd f w,append; write fd bb; close fd; close l
        S = rd f -> aaaabb | bbaa @ nocto
        """,
    ),
    _p(
        "append-lock-elsewhere",
        "under a lock on another file, descriptors kept open, they do not",
        """
        A w f ''; w .lock ''; open fd f w,append
        B open fd f w,append
        A open l .lock rw,creat; lock l; write fd aaaa; fsync fd; close l
        B open l .lock rw,creat; lock l; write fd bb; fsync fd; close l
        S = rd f -> aaaabb | bbaa @ $held
        A close fd
        B close fd
        """,
    ),
    _p(
        "page-neighbours",
        "a write to a cached page is sent as the whole page",
        f"""
        A w f .*32
        A open fd f rw; read fd 64
        B open fd f rw; read fd 64
        A pwrite fd AAAA 0; fsync fd
        B pwrite fd BBBB 8; fsync fd
        S = rd f -> {BOTH} | {LATER} @ nfs&!narrow
        A close fd
        B close fd
        """,
        NARROW_TOO,
    ),
    _p(
        "page-neighbours-never-read",
        "a page never read is sent as written",
        f"""
        A w f .*32
        A open fd f w
        B open fd f w
        A pwrite fd AAAA 0; fsync fd
        B pwrite fd BBBB 8; fsync fd
        S = rd f -> {BOTH}
        A close fd
        B close fd
        """,
    ),
    _p(
        "page-neighbours-dsync",
        "and so is a write with O_DSYNC",
        f"""
        A w f .*32
        A open fd f rw,dsync; read fd 64
        B open fd f rw,dsync; read fd 64
        A pwrite fd AAAA 0
        B pwrite fd BBBB 8
        S = rd f -> {BOTH}
        A close fd
        B close fd
        """,
    ),
    _p(
        "page-neighbours-byte-locks",
        "and one under byte-range locks",
        f"""
        A w f .*32
        A open fd f rw; read fd 64; range fd 0 4
        B open fd f rw; read fd 64; range fd 8 4
        A pwrite fd AAAA 0; fsync fd
        B pwrite fd BBBB 8; fsync fd
        S = rd f -> {BOTH}
        A close fd
        B close fd
        """,
    ),
    _p(
        "zeros-in-front",
        "a dirty page beyond the believed end is sent with zeros before it",
        """
        A w f ''
        B open fd f w; pwrite fd BBBB 4
        A w f A
        B close fd
        S = rd f -> A | "A\\u0000\\u0000\\u0000BBBB" @ $unsent | "\\u0000\\u0000\\u0000\\u0000BBBB" @ $unsent
        """,
    ),
    _p(
        "disk-full",
        "a full disk fails the write, or over NFS the fsync after it",
        """
        S fill 65536
        A open fd f rw,creat; = write fd x*200000 -> 65536 @ local | 200000 @ $unsent | ENOSPC @ sync
        A fsync fd -> null @ local, sync | ENOSPC @ $unsent
        A close fd
        S = size f; unlink fill -> 65536
        """,
        real=False,
    ),
    _p(
        "disk-full-close",
        "or the close, if there was no fsync",
        """
        S fill 65536
        A open fd f rw,creat; = write fd x*200000 -> 65536 @ local | 200000 @ $unsent | ENOSPC @ sync
        A close fd -> null @ local, sync | ENOSPC @ $unsent
        S = size f; unlink fill -> 65536
        """,
        real=False,
    ),
    _p(
        "allocate",
        "posix_fallocate grows the file everywhere",
        """
        A open fd f rw,creat; fallocate fd 0 8192; = fsize fd; close fd -> 8192
        """,
    ),
    _p(
        "holes",
        "holes are visible only locally and with 4.2",
        """
        A open fd f rw,creat; pwrite fd x 65536; fsync fd
        A = seek fd 0 data; = seek fd 0 hole -> [65536, 0] @ local, 42 | [0, 65537] @ nfs&!42
        A close fd
        """,
    ),
    _p(
        "copy-range",
        "copy_file_range copies",
        """
        A w s q*8192; open a s r; open b t rw,creat; = copy a b 8192 -> 8192
        A = size t; close a; close b -> 8192
        """,
    ),
    _p(
        "clone",
        "FICLONE does not work here",
        """
        A w s q*8192; open a s r; open b t rw,creat; clone b a -> EOPNOTSUPP
        """,
        ("tmpfs", *NFS),
        real=False,
    ),
    _p(
        "fsync-directory",
        "a directory can be synced",
        """
        A w f x; syncdir .
        """,
    ),
    _p(
        "host-crash",
        "what was synced stays, what was not may have been sent",
        """
        A open fd f rw,creat; write fd one; fsync fd; write fd two
        A crash
        S = rd f -> onetwo | one @ $unsent
        """,
        real=False,
    ),
    _p(
        "process-crash",
        "a killed process's data are written back",
        """
        A open fd f rw,creat; write fd one
        A kill
        S = rd f -> one
        """,
    ),
)

"""Litmus programs about files that two hosts have open, and about calls that are answered unasked."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, NFS, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(
    name: str, about: str, text: str, runs_on: tuple[str, ...] = ALL, *, real: bool = True
) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=real)


NEWER = (*ALL, "nfs4.2,kernel=7.2")
OLD, NEW = "a*4096+b*4096", "a*4096+c*4096"
MINE = "d*4096+c*4096"
MINE_OLD = "d*4096+b*4096"

SHARING: tuple[Program, ...] = (
    _p(
        "own-change",
        "a writer takes another's change for its own and keeps old pages, until it locks the file",
        f"""
        A w f a*4096; open fd f rw; pwrite fd b*4096 4096; fsync fd
        B open fd f rw; = pread fd 9000 0 -> {OLD}
        A pwrite fd c*4096 4096; fsync fd
        B pwrite fd d*4096 0; fsync fd
        B = pread fd 9000 0 -> {MINE} | {MINE_OLD} @ nfs
        B = rd f -> {MINE} | {MINE_OLD} @ nfs
        S = rd f -> {MINE}
        B lock fd; = pread fd 9000 0; close fd -> {MINE}
        A close fd
        """,
        NFS,
    ),
    _p(
        "own-change-unwritten",
        "having it open for writing is enough",
        """
        A w f abcd
        B open fd f rw; = pread fd 9 0 -> abcd
        A durable f wxyz
        B = rd f -> wxyz | abcd @ nfs
        B lock fd; = pread fd 9 0; close fd -> wxyz | abcd @ recent
        """,
        NEWER,
    ),
    _p(
        "reserved-then-changed",
        "who has reserved room keeps its pages, and does not see what another writes there, until it locks",
        """
        A w f abc
        B open fd f rw
        A open fd f rw; fallocate fd 0 2; = fsize fd -> 3
        B pwrite fd Y 1; close fd
        A = pread fd 9 0 -> aYc | abc @ nfs
        A lock fd; = pread fd 9 0; close fd -> aYc
        """,
    ),
    _p(
        "reserved-unsent",
        "before 4.2 room is reserved by writing a zero, which is unsent as other bytes are",
        """
        A w f abc
        A open fd f rw; fallocate fd 0 8192
        S = size f -> 8192 | 3 @ nfs&!42&!sync
        A close fd
        S = size f -> 8192
        """,
    ),
    _p(
        "reserved-by-who-cannot-read",
        "before 4.2 reserving reads, which one that only writes may not, and writes by offset",
        """
        A w f abc
        A open fd f w; fallocate fd 0 2 -> null @ local, 42 | EBADF @ nfs&!42
        A open end f rw,append; fallocate end 0 9 -> null @ local, 42 | EBADF @ nfs&!42
        A = size f -> 9 @ local, 42 | 3 @ nfs&!42
        """,
    ),
    _p(
        "no-change-of-ones-own",
        "who only reads sees it on reopening",
        """
        A w f abcd
        B open fd f r; = pread fd 9 0 -> abcd
        A durable f wxyz
        B = rd f; close fd -> wxyz | abcd @ nocto, v3&same-tick
        """,
    ),
    _p(
        "append-over-zeros",
        "O_APPEND from two hosts can put zeros over what the other appended",
        """
        A w f ''; open fd f w,append
        B open fd f w,append
        A write fd aaaa; fsync fd
        B write fd bb; fsync fd
        A write fd cc; fsync fd
        A close fd
        B close fd
        S = rd f -> aaaabbcc | aaaacc @ nfs | bbaacc @ nfs | "aaaa\\u0000\\u0000cc" @ nfs
        """,
    ),
    _p(
        "lock-then-removed",
        "a lock says nothing of what happens after it",
        """
        A w f ''
        B open fd f rw,creat; lock fd
        A unlink f
        B = nlink fd; close fd -> 0 | 1 @ $late | ESTALE @ nfs
        """,
    ),
    _p(
        "removed-then-locked",
        "and of what happened before it only where it is asked for",
        """
        A w f ''
        B open fd f rw,creat
        A unlink f
        B = lock fd; = nlink fd; close fd -> ["locked", 0] | ESTALE @ nfs
        """,
    ),
    _p(
        "lock-then-appended",
        "nor of what another appends without the lock",
        """
        A w f ''
        B open fd f rw,creat; lock fd
        A ap f abc
        B = fsize fd; = pread fd 9 0; close fd -> [3, "abc"] | [0, ""] @ $late | [0, "abc"] @ $late
        """,
    ),
    _p(
        "stale-not-for-good",
        "ESTALE of one call says nothing of the next",
        """
        A w f abc
        B open fd f r; = pread fd 9 0 -> abc
        A unlink f
        B = lock fd sh -> locked | ESTALE @ nfs
        B = nlink fd -> 0 | 1 @ nfs | ESTALE @ nfs
        B = pread fd 9 0 -> abc | ESTALE @ nfs
        B close fd
        """,
    ),
    _p(
        "disk-full-two-descriptors",
        "who hears of a full disk first: the other's close may be told nothing",
        """
        S fill 65536
        A open fd f rw,creat; dup gd fd; open hd f rw; = write fd x*200000 -> 200000 | ENOSPC @ sync
        A fsync hd -> ENOSPC
        A close fd -> null | ENOSPC
        A close gd -> null
        A close hd
        S = size f; unlink fill -> 65536
        """,
        NFS,
        real=False,
    ),
    _p(
        "disk-full-size",
        "after write-back failed, the writer may see a size that the file does not have",
        """
        S fill 65536
        A open fd f rw,creat; = write fd x*200000 -> 200000 | ENOSPC @ sync
        A fsync fd -> ENOSPC | null @ sync
        A = fsize fd -> 65536 | 200000
        A close fd
        S = size f; unlink fill -> 65536
        """,
        NFS,
        real=False,
    ),
    _p(
        "copy-range-sent",
        "what 4.2 copies is on the server; before it was written here, and is sent later",
        """
        A w s q*8192; open a s r; open b t rw,creat; = copy a b 8192 -> 8192
        S = size t -> 8192 | 0 @ nfs&!42&!sync
        A close a; close b
        """,
        NFS,
    ),
    _p(
        "truncated-to-what-is-believed",
        "a file is not asked to get the size that it is believed to have",
        """
        A w f abcd
        B = rd f -> abcd
        A truncate f 0
        B truncate f 4
        S = size f -> 4 | 0 @ nfs
        """,
    ),
    _p(
        "renamed-to-itself",
        "nor is one renamed to a name that is believed to be its own",
        """
        A w f x; link f g
        B = links f; = links g -> [2, 2]
        A unlink g; w g y
        B rename f g
        S = ls . -> ["g"] | ["f", "g"] @ nfs&!L
        """,
    ),
    _p(
        "hidden-in-vain",
        "what a host has open and could not hide, since it was gone, stays believed",
        """
        A w f abcd; open fd f r
        B unlink f
        A unlink f -> ENOENT
        A = exists f -> false | true @ nfs
        A close fd
        """,
    ),
    _p(
        "missed-by-rename",
        "a name that rename did not find is believed missing",
        """
        A rename f g -> ENOENT
        B w f x
        A = exists f -> true | false @ $missing
        """,
    ),
    _p(
        "moved-away-and-listed",
        "with a delegation of the directory a name that is not listed any more is believed (7.2)",
        """
        A w f x
        B = rd f -> x
        A rename f g
        B = ls . -> ["g"]
        B = rd f -> ENOENT | x @ recent, nocto
        """,
        NEWER,
    ),
    _p(
        "replaced-and-listed",
        "one that is listed is not",
        """
        A w f x; link f h
        B = rd f -> x
        A w g two; rename g f
        B = ls . -> ["f", "h"]
        B = rd f -> two
        """,
        NEWER,
    ),
    _p(
        "created-uncut",
        "what was missing and is created is not cut by version 3 if it is there after all (6.1)",
        """
        B = exists f -> false
        A w f abcd
        B open fd f w,creat,trunc; close fd
        S = rd f -> "" | abcd @ v3&aged
        """,
        (*ALL, "nfs3,kernel=6.12"),
    ),
    _p(
        "append-over-an-old-page",
        "who appends while it has the file open may send the old page, too, over what another wrote",
        """
        A w f aaaa; open fd f r
        B durable f cccc
        A ap f dd
        A close fd
        S = rd f -> ccccdd | aaaadd @ v4&!L, nocto, 41+, v3&same-tick
        """,
    ),
    _p(
        "reserved-over-anothers-bytes",
        "before 4.2 room beyond a size that is too old is reserved by zeros from the page's beginning",
        """
        A open fd f rw,creat
        B w f dddddd
        A fallocate fd 1 3; close fd
        S = rd f -> dddddd | "ddd\\u0000dd" @ $reserved | "\\u0000\\u0000\\u0000\\u0000dd" @ $reserved
        """,
    ),
    _p(
        "cut-while-held",
        "of what another has cut zeros are read; with version 4 the old size is told afterwards",
        """
        A w f abcd
        B open fd f r
        A truncate f 0
        B = pread fd 9 0 -> "" | "\\u0000\\u0000\\u0000\\u0000" @ $held
        B = fsize fd -> 0 | 4 @ v4&!ageless
        B close fd
        """,
    ),
    _p(
        "opened-without-a-name",
        "what is opened by its handle has no name that fstat could look at (6.1), and can be read",
        """
        A w f abcd; link f g
        B open fd g r
        A = rd f -> abcd
        S unlink f; unlink g
        A open fd f r -> ENOENT | null @ $handle
        A = fsize fd -> EBADF | 4 @ $handle | ESTALE @ $handle&aged
        A = pread fd 9 0 -> EBADF | abcd @ $handle
        A close fd -> null | EBADF
        B close fd
        """,
    ),
    _p(
        "hidden-by-name",
        "a file that is open is hidden under the name by which it was opened; another one is just removed",
        """
        A w f abc; link f g; open fd f r; unlink g
        S = ls . -> ["f"]
        A unlink f
        S = ls . -> [] @ local | [".nfs"] @ nfs
        A close fd
        S = ls . -> [] | [".nfs"] @ nfs
        """,
    ),
    _p(
        "hidden-unseen",
        "what is open here is believed to have its name, and whatever has it now is hidden instead",
        """
        A w f abc; open fd f r
        B w g x; rename g f
        A unlink f
        S = ls . -> [] | [".nfs"] @ $names
        A close fd
        """,
    ),
    _p(
        "hidden-from-nobody",
        "a rename over a name that a file is open under, and that is gone, fails in a way of its own",
        """
        A w f abc; w g new; open fd f r
        B unlink f
        A rename g f -> null | ETXTBSY @ $names
        S = ls . -> ["f"] | ["g"] @ $names
        A close fd
        """,
    ),
    _p(
        "written-after-a-lock",
        "who writes where the file ended before he locked it reads zeros behind it, and does not send them",
        """
        A w f a*4096
        B open fd f rw
        A ap f d*5000
        B lock fd; pwrite fd YY 4096
        B = pread fd 9999 0 -> a*4096+Y*2+d*4998 | a*4096+Y*2+0*4094+d*904 @ nfs&!sync
        B close fd
        S = rd f -> a*4096+Y*2+d*4998
        """,
    ),
    _p(
        "newer",
        "a change has a later time stamp, and takes room",
        """
        S w f x; mtime t f; room r
        A durable f yy
        S = newer t f; = spent r -> [true, 0] | [false, 0] @ same-tick
        """,
    ),
)

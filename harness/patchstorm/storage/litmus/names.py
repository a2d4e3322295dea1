"""Litmus programs about names: look-ups, listings, replacing, removing."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(
    name: str, about: str, text: str, runs_on: tuple[str, ...] = ALL, *, real: bool = True
) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=real)


NAMES: tuple[Program, ...] = (
    _p(
        "new-name",
        "a name never looked for is found",
        """
        A w f x
        B = size f -> 1
        """,
    ),
    _p(
        "missing-name",
        "a name once found missing may stay missing, until the directory is listed",
        """
        B = exists f -> false
        A w f x
        B = size f -> 1 | ENOENT @ $missing
        B = rd f -> x | ENOENT @ $missing
        B = ls . -> ["f"]
        B = size f -> 1
        """,
    ),
    _p(
        "missing-name-expires",
        "and for no longer than acdirmax",
        """
        B = exists f -> false
        A w f x
        S sleep 61
        B = size f -> 1 | ENOENT @ v3&!L&!pos&same-tick
        """,
    ),
    _p(
        "missing-name-excl",
        "O_EXCL is decided on the server",
        """
        B = exists f -> false
        A w f x
        B open fd f rw,creat,excl -> EEXIST
        """,
    ),
    _p(
        "missing-name-creat",
        "O_CREAT on a name wrongly believed missing opens what is there",
        """
        B = exists f -> false
        A w f x
        B open fd f rw,creat; = read fd 9; close fd -> x
        """,
    ),
    _p(
        "missing-name-mkdir",
        "so is mkdir",
        """
        B = exists d -> false
        A mkdir d
        B mkdir d -> EEXIST
        B w d/x 1 -> null | ENOENT @ recent
        """,
        (*ALL, "nfs4.2,kernel=7.2"),
    ),
    _p(
        "missing-name-rename",
        "a rename replaces what is really there",
        """
        B w t B; = exists f -> false
        A w f A
        B rename t f
        S = rd f -> B
        """,
    ),
    _p(
        "missing-name-unlink",
        "unlink does not even ask for a name wrongly believed missing",
        """
        B = exists f -> false
        A w f x
        B unlink f -> null | ENOENT @ $missing
        S = ls . -> [] | ["f"] @ $missing
        """,
    ),
    _p(
        "missing-name-rename-from",
        "nor does a rename of it",
        """
        B = exists f -> false
        A w f x
        B rename f g -> null | ENOENT @ $missing
        S = ls . -> ["g"] | ["f"] @ $missing
        """,
    ),
    _p(
        "missing-name-rmdir",
        "nor does rmdir",
        """
        B = exists d -> false
        A mkdir d
        B rmdir d -> null | ENOENT @ $missing
        S = ls . -> [] | ["d"] @ $missing
        """,
    ),
    _p(
        "listing",
        "listdir is fresh and refreshes",
        """
        A w f1 ''
        B = ls . -> ["f1"]
        A w f2 ''
        B = ls . -> ["f1", "f2"] | ["f1"] @ nocto
        B = exists f2 -> true
        B = ls . -> ["f1", "f2"]
        """,
    ),
    _p(
        "removed-name",
        "a removed name may be found still; opening it serves the old file only from 4.1 on",
        """
        A w f x
        B = size f -> 1
        A unlink f
        B = size f -> ENOENT | 1 @ $names
        B = rd f -> ENOENT | x @ $gone
        B = size f -> ENOENT | 1 @ $names
        """,
    ),
    _p(
        "removed-name-expires",
        "and for no longer than acdirmax",
        """
        A w f x
        B = size f -> 1
        A unlink f
        S sleep 61
        B = size f -> ENOENT | 1 @ v3&!L&same-tick
        B = exists f -> false | true @ v3&!L&same-tick
        """,
    ),
    _p(
        "second-unlink",
        "removing what is gone is ENOENT, whatever is believed",
        """
        A w f x
        B = size f -> 1
        A unlink f
        B unlink f -> ENOENT
        """,
    ),
    _p(
        "rename-gone",
        "and so is renaming it",
        """
        A w f x
        B = size f -> 1
        A unlink f
        B rename f g -> ENOENT
        S = ls . -> []
        """,
    ),
    _p(
        "replaced",
        "a file replaced by rename: stat may be old; 4.1 and later open the old file by handle",
        """
        A w i one
        B = rd i -> one
        A w i.t two2; rename i.t i
        B = size i -> 4 | 3 @ $names
        B = rd i -> two2 | one @ $gone
        B = size i -> 4 | 3 @ $names
        """,
    ),
    _p(
        "replaced-listed",
        "after listing the directory all of it is new",
        """
        A w i one
        B = rd i -> one
        A w i.t two2; rename i.t i
        B = ls . -> ["i"]
        B = size i -> 4
        B = rd i -> two2
        """,
    ),
    _p(
        "replaced-kept-as-backup",
        "while the old file has another name, every version but 4.0 may open it",
        """
        A w i one
        B = rd i -> one
        A w i.t two2; rename i i.bak; rename i.t i
        B = size i -> 4 | 3 @ $names
        B = rd i -> two2 | one @ $linked
        B = rd i -> two2 | one @ $linked
        """,
    ),
    _p(
        "replaced-hard-linked",
        "the same with a hard link made before",
        """
        A w i one; link i k
        B = rd i -> one
        A w i.t two2; rename i.t i
        B = size i -> 4 | 3 @ $names
        B = rd i -> two2 | one @ $linked
        """,
    ),
    _p(
        "replaced-and-expired",
        "for no longer than acdirmax",
        """
        A w i one; link i k
        B = rd i -> one
        A w i.t two2; rename i.t i
        S sleep 61
        B = rd i -> two2 | one @ v3&!L&same-tick
        """,
    ),
    _p(
        "replaced-after-lock-elsewhere",
        "a lock on another file refreshes neither directory nor name",
        """
        A w i one; w .lock ''
        B = rd i; open l .lock rw -> one
        A w i.t two2; rename i.t i
        B = lock l -> locked @ local, nfs
        B = rd i; close l -> two2 | one @ $gone
        """,
    ),
    _p(
        "held-and-replaced",
        "a descriptor stays on the old file, or goes stale",
        """
        A w i one
        B open fd i r; = pread fd 9 0 -> one
        A w i.t two2; rename i.t i
        B = pread fd 9 0 -> one | ESTALE @ nfs
        B = nlink fd -> 0 | 1 @ $held | ESTALE @ nfs
        B close fd
        """,
    ),
    _p(
        "held-and-removed",
        "the same before anything was read",
        """
        A w i q*9000
        B open fd i r
        A unlink i
        B = pread fd 9000 0 -> q*9000 | ESTALE @ nfs
        B close fd
        """,
    ),
    _p(
        "link-count",
        "the count of links may be old; a link of one's own refreshes it",
        """
        A w f x
        B = links f -> 1
        A link f g
        B = links f -> 2 | 1 @ $attributes
        B link f h
        B = links f -> 3
        """,
    ),
)

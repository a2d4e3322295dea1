"""Litmus programs about names: look-ups, listings, replacing, removing."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, NFS, spell_out
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
        B = ls . -> ["f"] | [] @ nocto
        B = size f -> 1 | ENOENT @ nocto
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
        B w d/x 1
        """,
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
        "unlink is decided on the server",
        """
        B = exists f -> false
        A w f x
        B unlink f
        S = ls . -> []
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
        B = size i -> 4 | 3 @ nocto
        B = rd i -> two2 | one @ nocto
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
    _p(
        "silly-rename-rmdir",
        "an open file that was unlinked keeps its directory from being removed",
        """
        A mkdir s; open fd s/c rw,creat; unlink s/c
        S = ls s -> [] @ local | [".nfs"] @ nfs
        A rmdir s -> null @ local | ENOTEMPTY @ nfs
        B rmdir s -> ENOENT @ local | ENOTEMPTY @ nfs
        A close fd
        A rmdir s -> ENOENT @ local | null @ nfs
        """,
    ),
    _p(
        "rmtree-with-open-file",
        "and makes rmtree fail for good",
        """
        A mkdir s; open fd s/c rw,creat
        A rmtree s -> null @ local | ENOTEMPTY @ nfs
        S = ls s -> ENOENT @ local | [".nfs"] @ nfs
        A close fd
        S = ls . -> [] @ local | ["s"] @ nfs
        """,
    ),
    _p(
        "rename-over-open-file",
        "replacing a file open on the same host hides it first",
        """
        A w i old; open fd i r; w t new; rename t i
        S = ls . -> ["i"] @ local | [".nfs", "i"] @ nfs
        A = read fd 9 -> old
        A close fd
        S = ls . -> ["i"] | [".nfs", "i"] @ nfs
        """,
    ),
    _p(
        "rename-gap",
        "between hiding and renaming the name is missing, and may be believed missing afterwards",
        """
        A w i old; open fd i r; w t new
        par
        A rename t i
        B = rd i -> old | new | ENOENT @ nfs
        end
        B = rd i -> new | ENOENT @ $missing, v3&!L&!pos&ageless | old @ $linked
        B = ls . -> ~
        B = rd i -> new | ENOENT @ nocto | old @ nocto
        A close fd
        S = rd i -> new
        """,
    ),
    _p(
        "rename-not-open",
        "no gap if the file is not open on the renaming host",
        """
        A w i old; w t new
        par
        A rename t i
        B = rd i -> old | new
        end
        S = rd i -> new
        """,
    ),
    _p(
        "removed-directory",
        "in a removed directory nothing can be made",
        """
        A mkdir s
        B = ls s -> []
        A rmdir s
        B w s/x 1 -> ENOENT
        B = ls s -> ENOENT
        """,
    ),
    _p(
        "remade-directory",
        "nor, while the old one is believed in, in a directory made anew",
        """
        A mkdir s
        B = ls s -> []
        A rmdir s; mkdir s
        B w s/x 1 -> null | ENOENT @ $names
        """,
    ),
    _p(
        "removed-directory-held",
        "a descriptor of a removed directory lists nothing or is stale",
        """
        A mkdir s
        B open d s dir; = fls d -> []
        A rmdir s
        B openat x d x rw,creat -> ENOENT
        B = fls d -> [] | ESTALE @ nfs
        B close d
        """,
    ),
    _p(
        "moved-directory",
        "paths through a moved directory stay valid while they are believed",
        """
        A mkdir s; w s/f x
        B = rd s/f -> x
        A rename s t
        B = rd s/f -> ENOENT | x @ $names, 40&!L&!ageless
        B = rd t/f -> x
        """,
    ),
    _p(
        "rmdir-not-empty",
        "rmdir is decided on the server",
        """
        A mkdir s
        B = ls s -> []
        A w s/x ''
        B = ls s -> ["x"] | [] @ nocto
        B rmdir s -> ENOTEMPTY
        """,
    ),
    _p(
        "hard-link-lock",
        "link is atomic on the server",
        """
        A w a ''
        B w b ''
        A link a lock
        B link b lock -> EEXIST
        """,
    ),
    _p(
        "noreplace",
        "renameat2 flags do not work over NFS",
        """
        A w a 1
        A noreplace a b -> null @ local | EINVAL @ nfs
        """,
    ),
    _p(
        "unnamed-file",
        "nor does O_TMPFILE",
        """
        A open fd . rw,tmpfile; close fd -> null @ local | EOPNOTSUPP @ nfs
        """,
    ),
    _p(
        "crash-leaves-hidden-file",
        "a silly-renamed file of a host that dies stays",
        """
        A open fd f rw,creat; unlink f
        A crash
        S = ls . -> [".nfs"]
        """,
        NFS,
        real=False,
    ),
)

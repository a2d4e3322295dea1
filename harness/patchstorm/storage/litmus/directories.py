"""Litmus programs about directories and the hiding of open files (silly rename)."""

from __future__ import annotations

from patchstorm.storage.litmus.flavours import ALL, NFS, spell_out
from patchstorm.storage.litmus.program import Program, parse_program


def _p(
    name: str, about: str, text: str, runs_on: tuple[str, ...] = ALL, *, real: bool = True
) -> Program:
    return parse_program(name, about, spell_out(text), runs_on, real=real)


DIRECTORIES: tuple[Program, ...] = (
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
        B = rd i -> new
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
        B open fd i r; = pread fd 9 0; close fd -> old | new | ESTALE @ nfs
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
        B openat x d x rw,creat -> ENOENT | ESTALE @ nfs
        B = fls d -> [] | ESTALE @ nfs
        B close d
        """,
    ),
    _p(
        "removed-directory-held-on",
        "it may still be found for a while, and never again after it was not",
        """
        A mkdir s
        B open d s dir
        A rmdir s
        B openat x d x rw,creat -> ENOENT | ESTALE @ nfs
        B openat x d y rw,creat,excl -> ENOENT | ESTALE @ nfs
        B openat x d x r -> ENOENT | ESTALE @ nfs
        B close d
        B w s/x 1 -> ENOENT
        """,
    ),
    _p(
        "removed-directory-held-and-named",
        "by its name it is missing, whoever holds it",
        """
        A mkdir s
        B open d s dir; = fls d -> []
        A rmdir s
        B w s/x 1 -> ENOENT
        B = rd s/x -> ENOENT
        B close d
        """,
    ),
    _p(
        "listing-held",
        "listing a kept descriptor again may show what it showed; opening the directory asks",
        """
        A mkdir s
        B open d s dir; = fls d -> []
        A w s/x ''
        B = fls d -> ["x"] | [] @ $held
        B = ls s -> ["x"] | [] @ nocto
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

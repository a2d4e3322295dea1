"""What real clients were seen to do with files that two of them use, and the model did not."""

from __future__ import annotations

import pytest

from patchstorm.live.litmus.drawing import of_lines
from patchstorm.storage.litmus.search import find

NFS = ("nfs3", "nfs4.0", "nfs4.2")
V4 = ("nfs4.0", "nfs4.2")
RECENT4 = ("nfs4.0,kernel=7.2", "nfs4.2,kernel=7.2")

SEEN = {
    "a removed file that could be locked may be gone when its size is asked for": (
        V4,
        [
            "A w f a*4", "B = rd f", "B open p f w,append", "A unlink f", "B = lock p", "B = size f",
            "A ap f f*4096", "B = size f", "B = fsize p",
        ],
        (None, "aaaa", None, None, "locked", 4, None, 4096, "ESTALE"),
    ),
    "a writer's own rename makes none of its pages old": (
        NFS,
        [
            "A w f aaa", "A open p f w", "A rename f g", "B w g ee", "A pwrite p z 3", "A close p",
            "S = rd g",
        ],
        (None, None, None, None, None, None, "aaaz"),
    ),
    "nor does a name that another gives to the file": (
        NFS,
        [
            "A w f abc; open p f rw; = pread p 9 0", "B link f g", "A = nlink p",
            "B open q g rw; pwrite q Y 1; fsync q", "A = pread p 9 0",
        ],
        ("abc", None, 2, None, "abc"),
    ),
    "who reserves room keeps its pages": (
        NFS,
        [
            "A w f abc", "B open b f rw", "A open a f rw; fallocate a 0 2", "B pwrite b Y 1; fsync b",
            "A = pread a 9 0",
        ],
        (None, None, None, None, "abc"),
    ),
    "and sees what another writes all the same": (
        NFS,
        [
            "A w f abc", "B open b f rw", "A open a f rw; fallocate a 0 2", "B pwrite b Y 1; fsync b",
            "A = pread a 9 0",
        ],
        (None, None, None, None, "aYc"),
    ),
    "before 4.2 reserved room may be unsent": (
        ("nfs3", "nfs4.0", "nfs4.1"),
        ["A w f abc; open a f rw; fallocate a 0 8192", "S = size f", "A fsync a", "S = size f"],
        (None, 3, None, 8192),
    ),
    "a change of another is taken for one's own": (
        NFS,
        ["A w f aaaa", "B = rd f", "B open p f rw,creat", "A durable f cccc", "B = rd f"],
        (None, "aaaa", None, None, "aaaa"),
    ),
    "and pages that are not cached are new": (
        NFS,
        ["A w f a*4096", "B = rd f", "B open p f rw", "A durable f c*9000", "B unlink f", "B = read p 9000"],
        (None, "a*4096", None, None, None, "a*4096+c*4904"),
    ),
    "nothing is cut to the size that it is believed to have": (
        NFS,
        ["A w f a*5000", "B open p f w,creat,trunc", "A truncate f 5000", "B close p", "S = size f"],
        (None, None, None, None, 0),
    ),
    "nothing is renamed to what is believed to be itself": (
        V4,
        ["A w f a", "B rename f g", "A = rd g", "B w f d", "A rename g f", "S = ls ."],
        (None, None, "a", None, None, ["f", "g"]),
    ),
    "a rename whose source is gone takes its target away": (
        NFS,
        [
            "A w f a", "B = rd f", "B open p g rw,creat", "A rename f g", "B rename f g", "B close p",
            "S = ls .",
        ],
        (None, "a", None, None, "ENOENT", None, []),
    ),
    "what could not be hidden stays believed": (
        NFS,
        ["A w f abcd", "A open p f r", "B unlink f", "A unlink f", "A = size f"],
        (None, None, None, "ENOENT", 4),
    ),
    "what rename did not find is believed missing": (
        NFS,
        ["A rename g f", "B w g x", "A open q g r"],
        ("ENOENT", None, "ENOENT"),
    ),
    "what was there already stays believed": (
        NFS,
        ["A w f a", "A open p f rw,creat,excl", "B unlink f", "A = exists f"],
        (None, "EEXIST", None, True),
    ),
    "a page is read before it is written in part": (
        NFS,
        ["A w f aaaa", "B open p f rw", "B write p cc", "A truncate f 0", "B close p", "S = rd f"],
        (None, None, None, None, None, "ccaa"),
    ),
    "but not by who cannot read": (
        NFS,
        ["A w f aaaa", "B open p f w", "B write p cc", "A truncate f 0", "B close p", "S = rd f"],
        (None, None, None, None, None, "cc"),
    ),
    "a page that was written stays as it was": (
        NFS,
        [
            "A w f a", "B open p f w", "B pwrite p bbbb 4099", "A durable f c*9000", "B close p", "S = rd f",
            "B = rd f",
        ],
        (
            None, None, None, None, None, "c*4096+0*3+b*4+c*4897", "c*4096+0*3+b*4+0*4089+c*808",
        ),
    ),
    "a reply to a write does not count names": (
        V4,
        ["A w f a*5000", "A open p f rw", "B unlink f", "A write p dd", "A = nlink p"],
        (None, None, None, None, 1),
    ),
    "a list brings attributes along": (
        NFS,
        ["A w f a*4096", "B = ls .", "A open q f w,trunc", "B = size f"],
        (None, ["f"], None, 4096),
    ),
    "one ESTALE says nothing of the next call": (
        ("nfs3",),
        ["A w f abc", "A open p f rw", "B unlink f", "A = range p", "A = read p 9"],
        (None, None, None, "ESTALE", "abc"),
    ),
    "a name that is not listed any more is believed": (
        ("nfs4.2,kernel=7.2",),
        ["A w f a", "B = rd f", "A rename f g", "B = ls .", "B = rd f"],
        (None, "a", None, ["g"], "a"),
    ),
    "a delegated file is opened under a name that it has lost": (
        ("nfs4.0,kernel=7.2",),
        ["A w f a", "B rename f g", "A = rd g", "A open p f r"],
        (None, None, "a", None),
    ),
    "what exists is believed missing": (
        RECENT4,
        ["B = exists d", "A mkdir d", "B mkdir d", "B w d/x 1"],
        (False, None, "EEXIST", "ENOENT"),
    ),
    "with a delegation a lock refreshes nothing": (
        RECENT4,
        [
            "A w f abcd", "B open p f rw", "B = pread p 9 0", "A durable f wxyz", "B = rd f", "B lock p",
            "B = pread p 9 0",
        ],
        (None, None, "abcd", None, "abcd", None, "abcd"),
    ),
    "version 3 learns the size with the page that it reads before it writes a part of it": (
        ("nfs3",),
        ["A w f a*5000", "B open p f rw", "A open p f w,creat,trunc", "B = pwrite p c 0", "B = read p 20000"],
        (None, None, None, 1, "c"),
    ),
    "who opens for writing what is open here already keeps the page that another's append has made old": (
        ("nfs4.2",),
        ["B ap f b*4", "B open p f r", "A ap f d*4096", "B open q f rw", "B = rd f"],
        (None, None, None, None, "b*4+0*4092+d*4"),
    ),
    "with a delegation a link of one's own makes no page old": (
        ("nfs4.2,kernel=7.2",),
        ["B ap f b*4", "B link f g", "B open p f r", "A ap g d*4096", "B open q g rw", "B = rd f"],
        (None, None, None, None, None, "b*4+0*4092+d*4"),
    ),
    "version 3 takes for new, and does not cut, what it believed missing and creates": (
        ("nfs3",),
        ["B open p f rw,append", "A w f a*4096", "B open p f w,creat,trunc", "S = rd f"],
        ("ENOENT", None, None, "a*4096"),
    ),
    "however long ago, and whatever else the directory has got": (
        ("nfs3",),
        ["B = exists f", "A w f abc", "B w g x", "B = exists g", "B w f z", "S = rd f"],
        (False, None, None, True, None, "zbc"),
    ),
    "and what was moved away here and found missing since": (
        ("nfs3",),
        ["A w f abc", "A rename f g", "A = size f", "B rename g f", "A w f z", "S = rd f"],
        (None, None, "ENOENT", None, None, "zbc"),
    ),
    "who writes after a lock, without a look, does so by the size from before it": (
        NFS,
        [
            "A w f a*4096", "B open p f rw,creat", "A open q f rw,append,creat", "B = seek p 0 end",
            "B = lock p sh", "A ap f d*5000", "B = lock p", "B = write p f*1",
            "B = pread p 20000 0", "B close p", "S = rd f",
        ],
        (
            None, None, None, 4096, "locked", None, "locked", 1, "a*4096+f*1+0*4095+d*904", None,
            "a*4096+f*1+d*4999",
        ),
    ),
    "and a file that was cut before does not shrink for him": (
        V4,
        [
            "A w f a*9000", "B open p f rw,creat", "A truncate f 2", "B = lock p sh", "B = pwrite p d*4 1",
            "B = pread p 20000 0", "B close p", "S = rd f",
        ],
        (None, None, None, "locked", 4, "a*1+d*4+0*8995", None, "adddd"),
    ),
    "a write beyond the end asks for the size, and may be ESTALE": (
        ("nfs3",),
        ["A w f a*4096", "A open p f rw,trunc", "B unlink f", "A fallocate p 1 1"],
        (None, None, None, "ESTALE"),
    ),
    "an append by who has the file open sends the old page over what another wrote there": (
        ("nfs4.0", "nfs4.1", "nfs4.2"),
        [
            "A w f a*4", "A = size f", "A open p f r", "B durable f c*4", "A ap f d*5000",
            "A = seek p 0 end", "S = rd f",
        ],
        (None, 4, None, None, None, 5004, "a*4+d*5000"),
    ),
    "before 4.2 reserved room is zeros up to where each block ends, over what another wrote": (
        ("nfs3", "nfs4.0", "nfs4.1"),
        ["A open p g rw,creat", "B ap g d*9000", "A fallocate p 1 5000", "A close p", "S = rd g", "A = rd g"],
        (None, None, None, None, "0*905+d*3191+0*905+d*3999", "0*8192+d*808"),
    ),
    "version 4 reads zeros where another has cut, and learns no size by it": (
        V4,
        [
            "A w f a*4", "B open p f rw,creat", "A open p f rw,trunc", "B = pread p 20000 0", "B = fsize p",
            "A = nlink p",
        ],
        (None, None, None, "\0\0\0\0", 4, 1),
    ),
    "a name under which nothing is open is removed, and fstat fails of what is opened by it": (
        ("nfs4.1", "nfs4.2"),
        [
            "A w f a*4096", "B = rd f", "A rename f g", "B open p f r", "B unlink g",
            "A open p g w,creat,trunc", "A = fsize p", "A = rd f", "A close p", "B close p", "S = ls .",
        ],
        (None, "a*4096", None, None, None, None, "ESTALE", "ENOENT", None, None, []),
    ),
    "what took the place of an open file is hidden in its stead": (
        NFS,
        [
            "A w f a*9000", "B = rd f", "A open p f w,append", "B unlink f", "B open p f rw,creat,excl",
            "A unlink f", "S = ls .",
        ],
        (None, "a*9000", None, None, None, None, [".nfs"]),
    ),
    "a name that was away and is back hides nothing once it was looked for meanwhile": (
        NFS,
        [
            "A w f abc", "A open p f r", "B rename f g", "A = ls .", "A = exists f", "B rename g f",
            "A = ls .", "A = exists f", "A unlink f", "S = ls .",
        ],
        (None, None, None, ["g"], False, None, ["f"], True, None, []),
    ),
    "and does where it was not": (
        NFS,
        [
            "A w f abc", "A open p f r", "B rename f g", "A = ls .", "B rename g f", "A = ls .",
            "A unlink f", "S = ls .",
        ],
        (None, None, None, ["g"], None, ["f"], None, [".nfs"]),
    ),
    "nor with version 4 where a list had another file of that name": (
        V4,
        [
            "A w f abc", "A open p f r", "B rename f g", "B w f x", "A = ls .", "B rename g f", "A = rd f",
            "A unlink f", "S = ls .",
        ],
        (None, None, None, None, ["f", "g"], None, "abc", None, [".nfs"]),
    ),
    "what is hidden stays where the file is ESTALE when it is closed": (
        ("nfs3",),
        [
            "A w f abc", "A open p f r", "B w g x", "B rename g f", "A unlink f", "A = nlink p", "A close p",
            "A sleep 61", "S = ls .",
        ],
        (None, None, None, None, None, "ESTALE", None, None, [".nfs"]),
    ),
    "a rename over an open file that is gone is ETXTBSY": (
        NFS,
        ["A w f abc", "A w h hh", "A open p f r", "B unlink f", "A rename h f", "S = ls ."],
        (None, None, None, None, "ETXTBSY", ["h"]),
    ),
    "and then room cannot be reserved, which the C library calls EBADF": (
        ("nfs4.0",),
        [
            "A w f a", "A open p g rw,creat", "B open q f rw,trunc", "B rename f g", "A rename f g",
            "A = read p 9", "A fallocate p 4099 2",
        ],
        (None, None, None, None, "ENOENT", "", "EBADF"),
    ),
    "with a delegation flock and fcntl do not see each other": (
        RECENT4,
        ["A open p f rw,creat", "A = lock p", "A = range p"],
        (None, "locked", "locked"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("claim", SEEN)
def test_the_model_can_do_what_was_seen(claim: str) -> None:
    flavours, lines, outcome = SEEN[claim]
    program = of_lines("seen", lines)

    for flavour in flavours:
        assert find(program, flavour, outcome).produced, flavour


NEVER = {
    "a file with a name is never gone": (
        V4,
        ["A w f aaaa", "B open p f w", "B = lock p", "A ap f ffff", "B = fsize p"],
        (None, None, "locked", None, "ESTALE"),
    ),
    "a writer that never had the page sends its own bytes alone": (
        NFS,
        ["A w f aaa", "B open p f w", "A w f ee", "B pwrite p z 3", "B close p", "S = rd f"],
        (None, None, None, None, None, "aaaz"),
    ),
    "who has reserved room sees what another wrote once he has the lock": (
        NFS,
        [
            "A w f abc", "B open b f rw", "A open a f rw; fallocate a 0 2", "B pwrite b Y 1; fsync b",
            "A lock a; = pread a 9 0",
        ],
        (None, None, None, None, "abc"),
    ),
    "4.2 reserves on the server": (
        ("nfs4.2",),
        ["A w f abc; open a f rw; fallocate a 0 8192", "S = size f"],
        (None, 3),
    ),
    "one machine has no old pages of what was reserved": (
        ("tmpfs",),
        [
            "A w f abc", "B open b f rw", "A open a f rw; fallocate a 0 2", "B pwrite b Y 1; fsync b",
            "A = pread a 9 0",
        ],
        (None, None, None, None, "abc"),
    ),
    "a lock shows what was written before it": (
        NFS,
        ["A w f aaaa", "B open p f rw", "B = pread p 9 0", "A durable f cccc", "B lock p", "B = pread p 9 0"],
        (None, None, "aaaa", None, None, "aaaa"),
    ),
    "who only reads sees a change when he opens": (
        NFS,
        ["A w f aaaa", "B open p f r", "B = pread p 9 0", "A durable f cccc", "B = rd f"],
        (None, None, "aaaa", None, "aaaa"),
    ),
    "before 7.2 a list puts all names right": (
        (*NFS, "nfs4.2,kernel=6.12"),
        ["A w f a", "B = rd f", "A rename f g", "B = ls .", "B = rd f"],
        (None, "a", None, ["g"], "a"),
    ),
    "and with 7.2 those that are listed": (
        RECENT4,
        ["A w f a", "A link f h", "B = rd f", "A w g b", "A rename g f", "B = ls .", "B = rd f"],
        (None, None, "a", None, None, ["f", "h"], "a"),
    ),
    "a file on the disk of one machine is always itself": (
        ("tmpfs",),
        ["A w f aaaa", "B = rd f", "B open p f rw,creat", "A durable f cccc", "B = rd f"],
        (None, "aaaa", None, None, "aaaa"),
    ),
    "what is cut at once is not what another wrote later": (
        ("nfs3,kernel=6.12", "nfs4.0", "nfs4.2"),
        ["B open p f rw,append", "A w f a*4096", "B open p f w,creat,trunc", "S = rd f"],
        ("ENOENT", None, None, "a*4096"),
    ),
    "version 3 cuts what it knows": (
        ("nfs3",),
        ["B = exists f", "A w f a*4096", "B = ls .", "B open p f w,creat,trunc", "S = rd f"],
        (False, None, ["f"], None, "a*4096"),
    ),
    "and what it looks for": (
        ("nfs3",),
        ["A w f a*4096", "B open p f w,creat,trunc", "S = rd f"],
        (None, None, "a*4096"),
    ),
    "an append by who opens the file anew sends the page as it is": (
        V4,
        ["A w f a*4", "A = size f", "B durable f c*4", "A ap f d*5000", "S = rd f"],
        (None, 4, None, None, "a*4+d*5000"),
    ),
    "zeros do not go on to where the file ends when they are sent": (
        NFS,
        ["A open p g rw,creat", "B ap g d*9000", "A fallocate p 1 5000", "A close p", "S = rd g"],
        (None, None, None, None, "0*5001+d*3999"),
    ),
    "version 3 learns the size with what it reads": (
        ("nfs3",),
        ["A w f a*4", "B open p f r", "A open p f rw,trunc", "B = pread p 9 0", "B = fsize p"],
        (None, None, None, "\0\0\0\0", 4),
    ),
    "nobody reads zeros where another has cut, on one machine": (
        ("tmpfs",),
        ["A w f a*4", "B open p f r", "A open p f rw,trunc", "B = pread p 9 0", "B = fsize p"],
        (None, None, None, "\0\0\0\0", 4),
    ),
    "fstat of a file with a name never fails": (
        NFS,
        ["A w f a", "A link f g", "A open p f r", "B unlink g", "A = fsize p"],
        (None, None, None, None, "ESTALE"),
    ),
    "later kernels see fstat through": (
        ("nfs4.2,kernel=6.12",),
        [
            "A w f a", "B open p f r", "A rename f g", "S unlink g", "A open p g r", "A = fsize p",
        ],
        (None, None, None, None, None, "ESTALE"),
    ),
    "the name by which a file is open does not just go": (
        NFS,
        ["A w f abc", "A open p f r", "A unlink f", "S = ls ."],
        (None, None, None, []),
    ),
    "nor where it was moved here": (
        NFS,
        ["A w f abc", "A open p f r", "A rename f g", "A unlink g", "S = ls ."],
        (None, None, None, None, []),
    ),
    "what took the place of a file that nobody has open is not hidden": (
        NFS,
        ["A w f abc", "A = rd f", "B w g x", "B rename g f", "A unlink f", "S = ls ."],
        (None, "abc", None, None, None, [".nfs"]),
    ),
    "a rename over a file that is there is not ETXTBSY": (
        NFS,
        ["A w f abc", "A w h hh", "A open p f r", "A rename h f"],
        (None, None, None, "ETXTBSY"),
    ),
    "what was moved away here is looked for, and cut": (
        ("nfs3",),
        ["B w f x", "B rename f g", "A w f abcd", "B open p f w,creat,trunc", "S = rd f"],
        (None, None, None, None, "abcd"),
    ),
    "another name of it does": (
        NFS,
        ["A w f abc", "A link f g", "A open p f r", "A unlink g", "S = ls ."],
        (None, None, None, None, [".nfs", "f"]),
    ),
    "who looks after the lock writes by what he sees": (
        NFS,
        [
            "A w f a*4096", "B open p f rw,creat", "A ap f d*5000", "B = lock p", "B = fsize p",
            "B pwrite p f*1 4096", "B = pread p 20000 0",
        ],
        (None, None, None, "locked", 9096, None, "a*4096+f*1+0*4095+d*904"),
    ),
    "zeros of one's own making are not sent": (
        NFS,
        [
            "A w f a*4096", "B open p f rw,creat", "A ap f d*5000", "B lock p; pwrite p f*1 4096",
            "B close p", "S = rd f",
        ],
        (None, None, None, None, None, "a*4096+f*1+0*4095+d*904"),
    ),
    "a write within a file with a name is not ESTALE": (
        NFS,
        ["A w f a*4096", "A open p f rw", "B unlink f", "A pwrite p x 0"],
        (None, None, None, "ESTALE"),
    ),
    "4.2 copies on the server": (
        ("nfs4.2",),
        ["A w s q*8192", "A open a s r", "A open b t rw,creat", "A = copy a b 8192", "S = size t"],
        (None, None, None, 8192, 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("claim", NEVER)
def test_the_model_cannot_do_what_was_never_seen(claim: str) -> None:
    flavours, lines, outcome = NEVER[claim]
    program = of_lines("never", lines)

    for flavour in flavours:
        assert not find(program, flavour, outcome).produced, flavour

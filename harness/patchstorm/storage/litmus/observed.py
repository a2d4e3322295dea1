"""What real mounts did: outcomes of the litmus programs, measured in a lab.

Two Linux NFS clients and a knfsd, all kernel 6.1.176 inside User-Mode Linux, tmpfs export, tick of
10 ms; ``tmpfs`` is one local directory seen by three processes. An outcome is the list of all steps'
results. The numbers in ``CRASHES`` come from guests killed with a disk image and booted again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from patchstorm.storage.litmus.shell import Value

_MOUNTS = {
    "a": "tmpfs",
    "b": "nfs3",
    "c": "nfs3,noac",
    "d": "nfs3,actimeo=0",
    "e": "nfs3,sync",
    "f": "nfs3,lookupcache=none",
    "g": "nfs3,lookupcache=pos",
    "h": "nfs3,nolock",
    "i": "nfs3,nocto",
    "j": "nfs4.0",
    "k": "nfs4.1",
    "l": "nfs4.2",
    "m": "nfs4.2,noac",
    "n": "nfs4.2,actimeo=0",
    "o": "nfs4.2,lookupcache=none",
    "p": "nfs4.2,lookupcache=pos",
}

_OUTCOMES = r"""
[new-name]
abcdefghijklmnop [null,1]
[missing-name]
bdehijkl [false,null,"ENOENT","ENOENT",["f"],1]
acfgmnop [false,null,1,"x",["f"],1]
[missing-name-excl]
abcfhjlm [false,null,"EEXIST"]
[missing-name-creat]
abcfhjlm [false,null,"x"]
[missing-name-mkdir]
abcfhjlm [false,null,"EEXIST",null]
[missing-name-rename]
abcfhjlm [false,null,null,"B"]
[grown-file]
beghjklp [null,["abc",3],null,3,3,"abc","abcdef",[6,"abcdef"]]
acdfmno [null,["abc",3],null,6,6,"abcdef","abcdef",[6,"abcdef"]]
i [null,["abc",3],null,3,3,"abc","abc",[3,"abc"]]
[grown-file-locked]
abcdefghijklmnop [null,"abc",null,[6,6,"abcdef"]]
[lock-elsewhere]
abcdefgimno [null,["abc",3],null,null,6,"abcdef","abcdef",null]
hjklp [null,["abc",3],null,null,3,"abc","abcdef",null]
[listing]
abcdefghijklmnop [null,["f1"],null,["f1","f2"],true,["f1","f2"]]
[removed-name]
bdghj [null,1,null,1,"ENOENT","ENOENT"]
iklp [null,1,null,1,"x","ENOENT"]
acefmno [null,1,null,"ENOENT","ENOENT","ENOENT"]
[second-unlink]
abcfhjlm [null,1,null,"ENOENT"]
[replaced]
bdeghj [null,"one",null,3,"two2",4]
klp [null,"one",null,3,"one",4]
acfmno [null,"one",null,4,"two2",4]
i [null,"one",null,3,"one",3]
[replaced-kept-as-backup]
bdghiklp [null,"one",null,3,"one","one"]
acefmno [null,"one",null,4,"two2","two2"]
j [null,"one",null,3,"two2","two2"]
[replaced-hard-linked]
bcdeghiklp [null,"one",null,3,"one"]
afmno [null,"one",null,4,"two2"]
j [null,"one",null,3,"two2"]
[held-and-replaced]
befghi [null,"one",null,"one",1,null]
ajklop [null,"one",null,"one",0,null]
cdmn [null,"one",null,"one","ESTALE",null]
[held-and-removed]
abcfhjlm [null,null,null,"q*9000",null]
[write-then-removed]
bfh [5,null,"ESTALE",null,[]]
acjlm [5,null,null,null,[]]
[unsent]
bfhjl [null,"",null,"dirty",null]
acm [null,"dirty",null,"dirty",null]
[unlock-sends]
abcfhjlm [null,"dirty",null]
[unlock-elsewhere]
bfhjl [null,"",null,"dirty"]
acm [null,"dirty",null,"dirty"]
[rename-unsent]
abcfhjlm [null,"dirty","dirty",null,"dirty"]
[append-two-hosts]
bfhjl [null,null,null,null,"bbaa",null,null]
acm [null,null,null,null,"aaaabb",null,null]
[append-two-hosts-unsent]
bfhjl [null,null,null,null,null,null,"bbaa"]
acm [null,null,null,null,null,null,"aaaabb"]
[append-locked]
abcfhjlm [null,null,null,null,"aaaabb",null,null]
[append-lock-elsewhere]
bfhjl [null,null,null,null,"bbaa",null,null]
acm [null,null,null,null,"aaaabb",null,null]
[page-neighbours]
bcdefghijklmnop [null,null,null,null,null,"........BBBB....................",null,null]
a [null,null,null,null,null,"AAAA....BBBB....................",null,null]
[page-neighbours-never-read]
abcdefghijklmnop [null,null,null,null,null,"AAAA....BBBB....................",null,null]
[page-neighbours-dsync]
abcdefghijklmnop [null,null,null,null,null,"AAAA....BBBB....................",null,null]
[disk-full]
bfhjl [null,200000,"ENOSPC",null,65536]
cm [null,"ENOSPC",null,null,65536]
a [null,65536,null,null,65536]
[disk-full-close]
bfhjl [null,200000,"ENOSPC",65536]
cm [null,"ENOSPC",null,65536]
a [null,65536,null,65536]
[flock]
abcfjlm ["locked","EAGAIN",null,"locked"]
h ["locked","locked",null,"locked"]
[exclusive-on-readonly]
abcfh ["locked",null]
jlm ["EBADF",null]
[shared-on-writeonly]
abcfh ["locked",null]
jlm ["EBADF",null]
[flock-against-posix]
bcfjlm ["locked","EAGAIN",null]
ah ["locked","locked",null]
[flock-two-descriptions]
abcfhjlm ["locked","EAGAIN","locked"]
[posix-lock]
abcfjlm ["locked","EAGAIN",null,"locked",null,null]
h ["locked","locked",null,"locked",null,null]
[unlinked-lock-file]
bcfhjlm ["locked",null,"locked",[".nfs","l"],null,null,["l"]]
a ["locked",null,"locked",["l"],null,null,["l"]]
[upgrade]
bcfjlm ["locked","locked","EAGAIN","EAGAIN",null,"locked"]
h ["locked","locked","locked","locked",null,"locked"]
a ["locked","locked","EAGAIN","locked",null,"locked"]
[silly-rename-rmdir]
bcfhjlm [null,[".nfs"],"ENOTEMPTY","ENOTEMPTY",null,null]
a [null,[],null,"ENOENT",null,"ENOENT"]
[rmtree-with-open-file]
bcfhjlm [null,"ENOTEMPTY",[".nfs"],null,["s"]]
a [null,null,"ENOENT",null,[]]
[rename-over-open-file]
bf [null,[".nfs","i"],"old",null,[".nfs","i"]]
chjlm [null,[".nfs","i"],"old",null,["i"]]
a [null,["i"],"old",null,["i"]]
[removed-directory]
abcdefghijklmnop [null,[],null,"ENOENT","ENOENT"]
[removed-directory-held]
bcfhm [null,[],null,"ENOENT","ESTALE",null]
ajkl [null,[],null,"ENOENT",[],null]
jkl [null,[],null,"ENOENT","ESTALE",null]
cjklm [null,[],null,"ESTALE","ESTALE",null]
b [null,[],null,"ESTALE",[],null]
[removed-directory-held-on]
bcjklm [null,null,null,"ESTALE","ESTALE","ESTALE",null,"ENOENT"]
[removed-directory-held-and-named]
bcjklm [null,[],null,"ENOENT","ENOENT",null]
[listing-held]
b [null,[],null,[],["x"],null]
acjklm [null,[],null,["x"],["x"],null]
[rmdir-not-empty]
abcfhjlm [null,[],null,["x"],"ENOTEMPTY"]
[allocate]
abcfhjlm [8192]
[holes]
bcfhj [null,[0,65537],null]
alm [null,[65536,0],null]
[copy-range]
abcfhjlm [8192,8192]
[clone]
abcfhjlm ["EOPNOTSUPP"]
[noreplace]
bcfhjlm [null,"EINVAL"]
a [null,null]
[unnamed-file]
bcfhjlm ["EOPNOTSUPP"]
a [null]
[fsync-directory]
abcfhjlm [null]
[created-uncut]
ajkl [false,null,null,""]
b [false,null,null,"abcd"]
[append-over-an-old-page]
ab [null,null,null,null,"ccccdd"]
jkl [null,null,null,null,"aaaadd"]
[reserved-over-anothers-bytes]
al [null,null,null,"dddddd"]
bjk [null,null,null,"\u0000\u0000\u0000\u0000dd"]
[cut-while-held]
ab [null,null,null,"",0,null]
jkl [null,null,null,"\u0000\u0000\u0000\u0000",4,null]
[opened-without-a-name]
abj [null,null,"abcd",null,"ENOENT","EBADF","EBADF","EBADF",null]
kl [null,null,"abcd",null,null,"ESTALE","abcd",null,null]
[hidden-by-name]
bjkl [null,["f"],null,[".nfs"],null,[]]
a [null,["f"],null,[],null,[]]
[hidden-unseen]
bjkl [null,null,null,[".nfs"],null]
a [null,null,null,[],null]
[hidden-from-nobody]
bjkl [null,null,"ETXTBSY",["g"],null]
ab [null,null,null,["f"],null]
[written-after-a-lock]
a [null,null,null,null,"a*4096+Y*2+d*4998",null,"a*4096+Y*2+d*4998"]
bjkl [null,null,null,null,"a*4096+Y*2+0*4094+d*904",null,"a*4096+Y*2+d*4998"]
"""


@dataclass(frozen=True, slots=True)
class Observation:
    """A program gave this outcome on that mount."""

    program: str
    flavour: str
    outcome: tuple[Value, ...]


def _read() -> tuple[Observation, ...]:
    found: list[Observation] = []
    program = ""
    for line in _OUTCOMES.strip().splitlines():
        if line[0] == "[":
            program = line[1:-1]
            continue
        letters, _, outcome = line.partition(" ")
        results = tuple(json.loads(outcome))
        found.extend(Observation(program, _MOUNTS[letter], results) for letter in letters)
    return tuple(found)


OBSERVED: tuple[Observation, ...] = _read()

_FULL, _EMPTY, _OLD, _ABSENT = "n*5000", "", "o*5000", "ENOENT"
_BACK_WITH_ZEROS = "o*5000+0*3192"

CRASHES: dict[tuple[str, str], str] = {
    **{
        ("power-new-file", disk): _ABSENT
        for disk in ("ext4", "ext4-noauto-da-alloc", "ext4-data-journal", "xfs", "btrfs")
    },
    ("power-new-file-neighbour", "ext4"): _EMPTY,
    ("power-new-file-neighbour", "ext4-noauto-da-alloc"): _EMPTY,
    ("power-new-file-neighbour", "ext4-data-journal"): _FULL,
    ("power-new-file-neighbour", "xfs"): _EMPTY,
    ("power-new-file", "btrfs"): _EMPTY,
    ("power-replace-neighbour", "ext4"): _FULL,
    ("power-replace-neighbour", "ext4-noauto-da-alloc"): _EMPTY,
    ("power-replace-neighbour", "ext4-data-journal"): _FULL,
    ("power-replace-neighbour", "xfs"): _EMPTY,
    ("power-replace-neighbour", "btrfs"): _EMPTY,
    **{
        ("power-replace", disk): _OLD
        for disk in ("ext4", "ext4-noauto-da-alloc", "ext4-data-journal", "xfs", "btrfs")
    },
    ("power-rename-new", "ext4"): _EMPTY,
    ("power-rename-new", "ext4-noauto-da-alloc"): _EMPTY,
    ("power-rename-new", "ext4-data-journal"): _FULL,
    ("power-rename-new", "xfs"): _EMPTY,
    ("power-rename-new", "btrfs"): _EMPTY,
    ("power-append", "ext4"): _BACK_WITH_ZEROS,
    ("power-append", "ext4-noauto-da-alloc"): _BACK_WITH_ZEROS,
    ("power-append", "ext4-data-journal"): "o*5000+n*5000",
    ("power-append", "xfs"): _OLD,
    ("power-append", "btrfs"): _OLD,
    ("power-rewrite", "ext4"): _FULL,
    ("power-rewrite", "ext4-noauto-da-alloc"): _EMPTY,
    ("power-rewrite", "ext4-data-journal"): _FULL,
    ("power-rewrite", "xfs"): _FULL,
    ("power-rewrite", "btrfs"): _OLD,
    ("power-new-directory", "ext4"): _EMPTY,
    ("power-new-directory", "ext4-noauto-da-alloc"): _EMPTY,
    ("power-new-directory", "ext4-data-journal"): _FULL,
    ("power-new-directory", "xfs"): _EMPTY,
    ("power-new-directory", "btrfs"): _EMPTY,
    **{
        ("power-synced-rename", disk): _FULL
        for disk in ("ext4", "ext4-noauto-da-alloc", "ext4-data-journal", "xfs", "btrfs")
    },
    **{
        ("power-unlink", disk): _OLD
        for disk in ("ext4", "ext4-noauto-da-alloc", "ext4-data-journal", "xfs", "btrfs")
    },
}
"""(program, disk) to what the file held afterwards; the lab's 5000-byte files."""

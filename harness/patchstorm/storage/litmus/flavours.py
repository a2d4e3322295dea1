"""The flavours litmus programs run on, and words for common conditions."""

from __future__ import annotations

LOCAL = ("tmpfs", "ext4")
DISKS = ("ext4", "ext4-noauto-da-alloc", "ext4-data-journal", "xfs", "btrfs", "worst-posix")
NFS3 = (
    "nfs3",
    "nfs3,noac",
    "nfs3,actimeo=0",
    "nfs3,sync",
    "nfs3,lookupcache=none",
    "nfs3,lookupcache=pos",
    "nfs3,nolock",
    "nfs3,nocto",
)
NFS4 = (
    "nfs4.0",
    "nfs4.1",
    "nfs4.2",
    "nfs4.2,kernel=6.12",
    "nfs4.2,noac",
    "nfs4.2,actimeo=0",
    "nfs4.2,lookupcache=none",
    "nfs4.2,lookupcache=pos",
)
NFS = NFS3 + NFS4
ALL = LOCAL + NFS

WORDS = {
    # Names believed of a directory can be old: until they expire, or for want of a clock tick.
    "$names": "nfs&!L&!ageless, v3&!L&ageless&same-tick",
    "$missing": "nfs&!L&!pos&!ageless, v3&!L&!pos&ageless&same-tick",
    # Opening a believed name whose file is gone, or still has another name.
    "$gone": "41+&by-handle&!L&!ageless, nocto&!L",
    "$linked": "41+&!L&!ageless, v3&!L&!ageless, v3&!L&ageless&same-tick",
    "$handle": "nocto&!L, 41+&!L&!ageless",
    # Attributes, and pages, of a file believed in; a path look-up with "L" brings fresh ones.
    "$attributes": "nfs&!L&!ageless",
    "$held": "nfs&!ageless",
    "$unsent": "nfs&!sync",
    # Room that the C library reserves, beyond a size that is believed.
    "$reserved": "nfs&!42&!ageless",
    # What happens after a lock was taken, and without it.
    "$late": "v4&!ageless",
}


def spell_out(text: str) -> str:
    """Replace the ``$words`` by the conditions they stand for."""
    for word, condition in WORDS.items():
        text = text.replace(word, condition)
    return text

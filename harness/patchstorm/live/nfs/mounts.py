"""From a storage flavour, as in ``nfs4.2,actimeo=1``, to what real kernels are told: mount options, export.

The flavours are those of the storage model, so that one text means one thing in every world. Options that
describe a kernel rather than ask it for something (``kernel``, ``tick``, ...) are refused here: a guest, or a
machine, has the kernel it has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from patchstorm.errors import UsageError
from patchstorm.storage.flavour import Flavour
from patchstorm.storage.parse import KERNELS, FlavourError, kernel_like, parse_flavour

DEFAULT: Final = "nfs4.2"
SIZE_BYTES: Final = 64 << 20
LEASE_S_MAX: Final = 3_600
LEASE_S_MIN: Final = 10
_OURS: Final = frozenset(("size", "lease", "grace", "export"))
_OF_A_KERNEL: Final = {
    "kernel": "mounts are made by the kernel that is installed",
    "server_serves_unlinked_by_handle": "that is decided by the kernel of the server",
    "tick": "the clock has the tick of its kernel",
    "noalignwrite": "it needs a kernel of 6.13 or later",
}
_SOFT: Final = "timeo=20,retrans=1"
"""A soft mount gives up after timeo * (1 + 2 + ..) tenths of a second; the default is three minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mounting:
    """What one storm's storage is. ``options`` are those of mount.nfs, the version among them."""

    flavour: str
    version: str
    options: str
    size_bytes: int
    stable: bool
    lease_s: int

    @property
    def locks_by_daemon(self) -> bool:
        """Version 3 has its locks from lockd and statd, unless they are local."""
        return self.version == "3" and "nolock" not in self.options.split(",")

    @property
    def one_client(self) -> bool:
        """Mounts of one host are one client to the server, whatever addresses it has (RFC 8881, 2.10.5)."""
        return self.version in ("4.1", "4.2")

    @property
    def dates_later(self) -> bool:
        """With a delegation of a file its client says when it was changed, at the latest when it gives it
        back (RFC 9754).

        A file that was published meanwhile gets a new time stamp then.
        """
        return self.version == "4.2" and kernel_like(os.uname().release) == KERNELS[-1]


def parse_mounting(spec: str) -> Mounting:
    """What ``spec`` asks of a guest. UsageError for what is misspelt or not to be had here."""
    try:
        flavour = parse_flavour(spec)
    except FlavourError as error:
        raise UsageError(str(error)) from None
    mount = flavour.nfs
    if mount is None:
        raise UsageError(
            f"storage `{spec}`: real mounts of NFS have NFS only; write nfs3, nfs4.0, nfs4.1 or nfs4.2, "
            "with options as in `nfs4.2,actimeo=1`"
        )
    words = spec.split(",")[1:]
    for word in words:
        name = word.partition("=")[0].strip()
        if name in _OF_A_KERNEL:
            raise UsageError(
                f"storage `{spec}`: {name} is not to be had here: {_OF_A_KERNEL[name]}"
            )
    kept = [word.strip() for word in words if word.partition("=")[0].strip() not in _OURS]
    if mount.recovery != "hard":
        kept.append(_SOFT)
    return Mounting(
        flavour=spec,
        version=mount.version,
        options=",".join([f"vers={mount.version}", *kept]),
        size_bytes=flavour.capacity_bytes or SIZE_BYTES,
        stable=flavour.disk.fsync_works,
        lease_s=_lease_s(flavour, words),
    )


def is_nfs(storage: str) -> bool:
    """Whether a flavour is one of NFS; not, where it is misspelt or no flavour at all."""
    try:
        return parse_flavour(storage).nfs is not None
    except FlavourError:
        return False


def storage_of(wanted: str | None) -> str:
    """What a storm gets that asks for ``wanted``: NFS, of the size it wanted its disk to have."""
    try:
        flavour = parse_flavour(wanted or DEFAULT)
    except FlavourError:
        return DEFAULT
    if flavour.nfs is not None:
        return wanted or DEFAULT
    size = flavour.capacity_bytes
    return DEFAULT if size is None else f"{DEFAULT},size={size}"


def _lease_s(flavour: Flavour, words: list[str]) -> int:
    """knfsd takes 10 to 3600 seconds; what a flavour says by default is a real server's 90."""
    names = {word.partition("=")[0].strip() for word in words}
    assert flavour.nfs is not None
    if "grace" in names and flavour.nfs.grace_ns != flavour.nfs.lease_ns and "lease" in names:
        raise UsageError(
            f"storage `{flavour.name}`: on real kernels lease and grace are the same here"
        )
    asked = flavour.nfs.lease_ns if "lease" in names else flavour.nfs.grace_ns
    seconds = round(asked / 1e9) if names & {"lease", "grace"} else LEASE_S_MIN
    if not LEASE_S_MIN <= seconds <= LEASE_S_MAX:
        raise UsageError(
            f"storage `{flavour.name}`: a Linux server takes leases of {LEASE_S_MIN} to "
            f"{LEASE_S_MAX} seconds"
        )
    return seconds

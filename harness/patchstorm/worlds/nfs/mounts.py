"""From a storage flavour, as in ``nfs4.2,actimeo=1``, to what the guest is told: mount options, export.

The flavours are those of the storage model, so that one text means one thing in every world. Options that
describe a kernel rather than ask it for something (``kernel``, ``tick``, ...) are refused here: the guest has
the kernel it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from patchstorm.errors import UsageError
from patchstorm.storage.flavour import Flavour
from patchstorm.storage.parse import FlavourError, parse_flavour

DEFAULT: Final = "nfs4.2"
SIZE_BYTES: Final = 64 << 20
LEASE_S_MAX: Final = 3_600
LEASE_S_MIN: Final = 10
_OURS: Final = frozenset(("size", "lease", "grace", "export"))
_OF_A_KERNEL: Final = {
    "kernel": "the guest boots the kernel that is installed",
    "server_serves_unlinked_by_handle": "that is decided by the guest's kernel",
    "tick": "the guest's clock has the tick of its kernel",
    "noalignwrite": "it needs a kernel of 6.13 or later in the guest",
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


def parse_mounting(spec: str) -> Mounting:
    """What ``spec`` asks of a guest. UsageError for what is misspelt or not to be had here."""
    try:
        flavour = parse_flavour(spec)
    except FlavourError as error:
        raise UsageError(str(error)) from None
    mount = flavour.nfs
    if mount is None:
        raise UsageError(
            f"storage `{spec}`: the world nfs has NFS only; write nfs3, nfs4.0, nfs4.1 or nfs4.2, "
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
        raise UsageError(f"storage `{flavour.name}`: in the world nfs lease and grace are the same")
    asked = flavour.nfs.lease_ns if "lease" in names else flavour.nfs.grace_ns
    seconds = round(asked / 1e9) if names & {"lease", "grace"} else LEASE_S_MIN
    if not LEASE_S_MIN <= seconds <= LEASE_S_MAX:
        raise UsageError(
            f"storage `{flavour.name}`: a Linux server takes leases of {LEASE_S_MIN} to "
            f"{LEASE_S_MAX} seconds"
        )
    return seconds

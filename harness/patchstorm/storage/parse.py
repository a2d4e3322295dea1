"""``parse_flavour("nfs4,actimeo=1,kernel=6.1")``: from text to a ``Flavour``.

The grammar is a mount command's: a name, then options separated by commas, each a word or
``word=value``. A mistake names the option and the nearest right one.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, cast

from patchstorm.errors import UsageError
from patchstorm.storage.catalogue import ALIASES, BASES
from patchstorm.storage.constants import SECOND_NS
from patchstorm.storage.flavour import Disk, Flavour, LookupCache, NfsMount
from patchstorm.storage.guarantees import guarantees

KERNELS = ("6.1", "6.12", "7.2")
"""Linux releases that differ in what they do as client or server, from old to new."""
_UNITS = {"": 1, "k": 1 << 10, "kib": 1 << 10, "m": 1 << 20, "mib": 1 << 20, "g": 1 << 30}


class FlavourError(UsageError):
    """A flavour that cannot be; the message says what to write instead."""


Apply = Callable[[Flavour, str], Flavour]


def flavour_names() -> tuple[str, ...]:
    """Every name ``parse_flavour`` takes, options aside."""
    return (*BASES, *ALIASES)


@lru_cache(maxsize=256)
def parse_flavour(text: str) -> Flavour:
    """Parse ``NAME[,OPTION[=VALUE]]...``. Raises FlavourError."""
    name, *options = [part.strip() for part in text.split(",")]
    base = BASES.get(ALIASES.get(name, name))
    if base is None:
        raise FlavourError(
            f"storage {text!r}: unknown flavour {name!r}{_nearest(name, flavour_names())}"
        )
    flavour = base
    for option in options:
        word, equals, value = option.partition("=")
        apply = _options(base).get(word)
        if apply is None:
            known = _options(base)
            raise FlavourError(
                f"storage {text!r}: {name} has no option {word!r}{_nearest(word, known)}"
            )
        takes_value = word not in _FLAGS
        if takes_value != bool(equals) or (takes_value and not value):
            form = f"{word}=VALUE" if takes_value else word
            raise FlavourError(f"storage {text!r}: write the option as {form}")
        try:
            flavour = apply(flavour, value)
        except ValueError as error:
            raise FlavourError(f"storage {text!r}: option {word}: {error}") from None
    flavour = replace(flavour, name=",".join((name, *options)))
    return replace(flavour, gives=guarantees(flavour))


def _nearest(word: str, known: Any) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f"; the nearest is {close[0]!r}"
    return f"; known are {', '.join(names)}"


def _options(base: Flavour) -> dict[str, Apply]:
    return _NFS_OPTIONS if base.nfs is not None else _LOCAL_OPTIONS


# -- values -----------------------------------------------------------------------------------


def _seconds(value: str) -> int:
    try:
        seconds = float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number of seconds") from None
    if not 0 <= seconds < 1e6:
        raise ValueError(f"{value!r} is not a sensible number of seconds")
    return round(seconds * SECOND_NS)


def _bytes(value: str) -> int:
    digits = value.rstrip("KMGBkmgbi")
    unit = value[len(digits) :].lower()
    if not digits.isdecimal() or unit not in _UNITS:
        raise ValueError(f"{value!r} is not a size such as 65536, 64KiB or 16MiB")
    return int(digits) * _UNITS[unit]


def _one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
    return value


# -- options ----------------------------------------------------------------------------------


def _mount(**changes: Any) -> Apply:
    def apply(flavour: Flavour, _value: str) -> Flavour:
        assert flavour.nfs is not None
        return replace(flavour, nfs=replace(flavour.nfs, **changes))

    return apply


def _timed(*fields: str) -> Apply:
    def apply(flavour: Flavour, value: str) -> Flavour:
        assert flavour.nfs is not None
        changes: dict[str, Any] = dict.fromkeys(fields, _seconds(value))
        mount = replace(flavour.nfs, **changes)
        return replace(flavour, nfs=_ordered(mount, fields))

    return apply


def _ordered(mount: NfsMount, fields: tuple[str, ...]) -> NfsMount:
    """Keep each minimum at or below its maximum: the one that was just set wins."""
    for low, high in (("acregmin_ns", "acregmax_ns"), ("acdirmin_ns", "acdirmax_ns")):
        least, most = getattr(mount, low), getattr(mount, high)
        if least > most:
            changes: dict[str, Any] = {low: most} if high in fields else {high: least}
            mount = replace(mount, **changes)
    return mount


def _kernel(flavour: Flavour, value: str) -> Flavour:
    """6.1 serves an unlinked file by handle, 6.12 was seen not to; 7.2 delegates more."""
    _one_of(value, *KERNELS)
    old = value == "6.1"
    return _mount(serves_unlinked=old, aged=old, recent=value == "7.2")(flavour, value)


def kernel_like(release: str) -> str:
    """Of the kernels that an option can name, the newest that is not newer than ``release``, as in
    ``6.1.176``."""
    found = [name for name in KERNELS if _number(name) <= _number(release)]
    return found[-1] if found else KERNELS[0]


def _number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split(".")[:2] if part.isdigit())


def _serves_unlinked(flavour: Flavour, value: str) -> Flavour:
    return _mount(serves_unlinked=_one_of(value, "on", "off") == "on")(flavour, value)


def _local_lock(flavour: Flavour, value: str) -> Flavour:
    _one_of(value, "none", "flock", "posix", "all")
    assert flavour.nfs is not None
    if not flavour.nfs.is_v3:
        raise ValueError("has no meaning for NFSv4; use it with nfs3")
    return _mount(local_flock=value in ("flock", "all"), local_posix=value in ("posix", "all"))(
        flavour, value
    )


def _lookupcache(flavour: Flavour, value: str) -> Flavour:
    kind = {"positive": "pos"}.get(value, value)
    _one_of(kind, "all", "pos", "none")
    return _mount(lookupcache=cast(LookupCache, kind))(flavour, value)


def _no_lock(flavour: Flavour, _value: str) -> Flavour:
    return _local_lock(flavour, "all")


def _export(flavour: Flavour, value: str) -> Flavour:
    works = _one_of(value, "sync", "async") == "sync"
    return replace(flavour, disk=replace(flavour.disk, fsync_works=works))


def _wsize(flavour: Flavour, value: str) -> Flavour:
    size = _bytes(value)
    if size < 4096 or size % 4096:
        raise ValueError(f"{value!r} is not a multiple of 4096")
    return _mount(wsize_bytes=size)(flavour, value)


def _disk(**changes: Any) -> Apply:
    def apply(flavour: Flavour, _value: str) -> Flavour:
        return replace(flavour, disk=replace(flavour.disk, **changes))

    return apply


def _data(flavour: Flavour, value: str) -> Flavour:
    if not flavour.name.startswith("ext4"):
        raise ValueError("is an option of ext4")
    journal = _one_of(value, "ordered", "journal") == "journal"
    disk: Disk = flavour.disk
    if journal:
        disk = replace(disk, journal_data=True, mapped_tail=False)
    return replace(flavour, disk=disk)


def _noauto_da_alloc(flavour: Flavour, value: str) -> Flavour:
    if not flavour.name.startswith("ext4"):
        raise ValueError("is an option of ext4")
    return _disk(flush_replaced=False)(flavour, value)


def _torn(flavour: Flavour, value: str) -> Flavour:
    return _disk(torn_bytes=int(_one_of(value, "512", "4096")))(flavour, value)


def _size(flavour: Flavour, value: str) -> Flavour:
    return replace(flavour, capacity_bytes=_bytes(value))


def _tick(flavour: Flavour, value: str) -> Flavour:
    ticks = round(_seconds(value))
    if ticks < 1:
        raise ValueError("must be more than zero seconds")
    return replace(flavour, tick_ns=ticks)


_AC_FIELDS = ("acregmin_ns", "acregmax_ns", "acdirmin_ns", "acdirmax_ns")
_NO_AGE: dict[str, Any] = dict.fromkeys(_AC_FIELDS, 0)

_COMMON: dict[str, Apply] = {"size": _size, "tick": _tick}

_NFS_OPTIONS: dict[str, Apply] = {
    **_COMMON,
    "acregmin": _timed("acregmin_ns"),
    "acregmax": _timed("acregmax_ns"),
    "acdirmin": _timed("acdirmin_ns"),
    "acdirmax": _timed("acdirmax_ns"),
    "actimeo": _timed(*_AC_FIELDS),
    "noac": _mount(sync_writes=True, **_NO_AGE),
    "sync": _mount(sync_writes=True),
    "lookupcache": _lookupcache,
    "nocto": _mount(close_to_open=False),
    "local_lock": _local_lock,
    "nolock": _no_lock,
    "hard": _mount(recovery="hard"),
    "soft": _mount(recovery="soft"),
    "softerr": _mount(recovery="softerr"),
    "kernel": _kernel,
    "server_serves_unlinked_by_handle": _serves_unlinked,
    "noalignwrite": _mount(extends_writes=False),
    "wsize": _wsize,
    "lease": _timed("lease_ns"),
    "grace": _timed("grace_ns"),
    "export": _export,
}

_LOCAL_OPTIONS: dict[str, Apply] = {
    **_COMMON,
    "data": _data,
    "noauto_da_alloc": _noauto_da_alloc,
    "torn": _torn,
}

_FLAGS = frozenset(
    ("noac", "sync", "nocto", "nolock", "hard", "soft", "softerr", "noalignwrite")
) | {"noauto_da_alloc"}

"""What a probe says, and what follows for a target's file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
EXTENSIONS = {
    "creation": "creation",
    "creation-with-upload": "creation-with-upload",
    "creation-defer-length": "defer-length",
    "expiration": "expiration",
    "termination": "termination",
    "concatenation": "concatenation",
}
"""Tus-Extension's words as capabilities; ``checksum`` comes with its algorithms."""


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """One capability. ``does`` is None where no probe can tell; ``says`` is what was seen."""

    capability: str
    does: bool | None
    says: str


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What OPTIONS says. ``silent`` is why nothing was announced, None where it was answered."""

    versions: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ()
    max_size: str | None = None
    silent: str | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """The capabilities that were announced."""
        named = {EXTENSIONS[word] for word in self.extensions if word in EXTENSIONS}
        return frozenset(named | {f"checksum-{word}" for word in self.algorithms})

    def about(self, capability: str) -> bool | None:
        """Whether it is announced; None for what tus has no word for."""
        if capability in EXTENSIONS.values() or capability.startswith("checksum-"):
            return None if self.silent else capability in self.capabilities
        return None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """All that ``target check`` found. ``remarks`` are further things to know or to correct."""

    announced: Announced
    probed: tuple[Probed, ...]
    remarks: tuple[str, ...] = ()

    def capabilities(self, declared: Sequence[str]) -> tuple[str, ...]:
        """The right list: what was declared, less what is not so, and then what is, in order."""
        found = {one.capability: one.does for one in self.probed}
        kept = [name for name in declared if found.get(name) is not False]
        new = [one.capability for one in self.probed if one.does and one.capability not in kept]
        return (*kept, *new)

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What is announced and not done, and what is done and not announced."""
        told = []
        for one in self.probed:
            announced = self.announced.about(one.capability)
            if announced and one.does is False:
                told.append(f"{one.capability} is announced and not done: {one.says}")
            if announced is False and one.does:
                told.append(f"{one.capability} is done and not announced: {one.says}")
        return tuple(told)

    @property
    def broken_promises(self) -> bool:
        """Whether something is announced that is not done."""
        return any(
            one.does is False and self.announced.about(one.capability) for one in self.probed
        )

"""What a probe says, and what follows for a target's file.

A capability is added to a file only if it is announced, where the protocol has an announcement for it, and
its effect was seen; it is taken out only if it was seen not to be so. What cannot be told stays as declared.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

READINGS = ("offset-addressed", "sequential")
"""A target's file names exactly one of them."""


class Probed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One capability. ``does`` is None where no probe can tell; ``says`` is what was seen.

    ``announced`` is whether it was announced where it was tried, if that was a server that was started in
    another way than the one whose announcement is known.
    """

    capability: str
    does: bool | None
    says: str
    announced: bool | None = None


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself; a protocol in which it does derives a class with what was said.

    ``silent`` is why nothing was announced, None where it was answered.
    """

    silent: str | None = None

    def about(self, capability: str) -> bool | None:
        """Whether it is announced; None for what the protocol has no word for."""
        return None

    def withholds(self, capability: str) -> bool:
        """Whether the protocol has a word for it and it was not said, for whatever reason."""
        return False


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a key of the target's file should have, and what was seen that speaks for it."""

    key: str
    value: str | tuple[str, ...]
    says: str


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """All that ``target check`` found.

    ``proposals`` are what other keys of the file should say, ``remarks`` what a person has to see to.
    ``unsound`` is why nothing follows from the probes: the server does not do what any of them stands on.
    """

    announced: Announced
    probed: tuple[Probed, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    remarks: tuple[str, ...] = ()
    unsound: str | None = None

    def capabilities(
        self, declared: Sequence[str], pinned: Collection[str] = ()
    ) -> tuple[str, ...]:
        """The right list: what was declared, less what is not so, and then what is, in order.

        ``pinned`` are left in or out as they were declared.
        """
        if self.unsound is not None:
            return tuple(declared)
        found = {one.capability: one.does for one in self.probed if one.capability not in pinned}
        kept = [name for name in declared if found.get(name) is not False]
        due = {one.capability for one in self.probed if self._due(one)}
        new = [name for name, does in found.items() if does and name not in kept and name in due]
        return _of_one_reading(declared, (*kept, *new), pinned)

    def _due(self, one: Probed) -> bool:
        if one.announced is not None:
            return one.announced
        return not self.announced.withholds(one.capability)

    def _announced(self, one: Probed) -> bool | None:
        return self.announced.about(one.capability) if one.announced is None else one.announced

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What is announced and not done, and what is done and not announced."""
        told = []
        for one in self.probed:
            announced = self._announced(one)
            if announced and one.does is False:
                told.append(f"{one.capability} is announced and not done: {one.says}")
            if announced is False and one.does:
                told.append(f"{one.capability} is done and not announced: {one.says}")
        return tuple(told)

    @property
    def broken_promises(self) -> bool:
        """Whether something is announced that is not done, or nothing can be relied on."""
        return self.unsound is not None or any(
            one.does is False and self._announced(one) for one in self.probed
        )


def _of_one_reading(
    declared: Sequence[str], names: tuple[str, ...], pinned: Collection[str]
) -> tuple[str, ...]:
    """``names`` with exactly one reading: a pinned one, then one that was found, then the stricter."""
    readings = [name for name in names if name in READINGS]
    if len(readings) == 1:
        return names
    held = [name for name in declared if name in READINGS and name in pinned]
    found = [name for name in readings if name not in declared]
    (reading, *_) = (*held, *found, *readings, "sequential")
    return (*(name for name in names if name not in READINGS), reading)

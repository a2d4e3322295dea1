"""A schedule as it is kept: the choices that were not dull, each under its name.

Everything that is not listed was 0: go on with the task that runs, take the first that is ready, no
fault, the fresh answer. A schedule is therefore short, and its length is what shrinking reduces.

A choice is named by the task that took it, how many steps that task had made by then, and its kind,
so an edit of one choice does not shift the meaning of the others. A choice of *who runs next* also
names the task that was chosen: where that task cannot run, the dull choice is taken instead.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from patchstorm.errors import UsageError

VERSION = 1
"""Raised whenever the same choices would mean another run: steps, names or dull defaults changed.

Of the simulator. A world that names its steps another way counts for itself (``World.schedules``), so that
neither makes the other's files unreadable.
"""

Key = tuple[str, int, str]


class Choice(msgspec.Struct, frozen=True, array_like=True):
    """One decision that was not dull. ``target`` is the path of the task that was chosen, if one was."""

    task: str
    step: int
    kind: str
    value: int
    target: str | None = None

    @property
    def key(self) -> Key:
        return (self.task, self.step, self.kind)


class Schedule(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False, forbid_unknown_fields=True
):
    """All choices of one run: the scheduler's, and the ``draws`` of its workloads (None: from the seed).

    ``digest`` is that of the history; None: never measured. ``openers`` is what was known, when the run
    began, of how servers begin what they do of their own accord: their calls are named by it.
    """

    choices: tuple[Choice, ...] = ()
    draws: tuple[Choice, ...] | None = None
    digest: str | None = None
    version: int = VERSION
    openers: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET

    def __len__(self) -> int:
        return len(self.choices)

    @property
    def mark(self) -> str:
        """A short digest of all choices, by which a file tells that somebody has changed them."""
        listed = msgspec.json.encode([self.choices, self.draws])
        return hashlib.sha256(listed).hexdigest()[:16]


def check_version(found: object, what: str, runs: int = VERSION) -> None:
    """Refuse what another release recorded; this one ``runs`` that version. Raises :class:`UsageError`."""
    if found != runs:
        raise UsageError(
            f"{what} was recorded as schedule version {found}, and this release runs version "
            f"{runs}: the same choices would mean another run. Replay it with the release that "
            "wrote it, or search again with its scenario, target and seed."
        )


def by_key(choices: Iterable[Choice]) -> dict[Key, Choice]:
    """Choices by name; of two with one name the first counts."""
    found: dict[Key, Choice] = {}
    for choice in choices:
        found.setdefault(choice.key, choice)
    return found

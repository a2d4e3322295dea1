"""What a world brings: its storages, faults and triggers, whom it can run, how a plan is run there."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

from patchstorm.choice.schedule import VERSION, Choice, Schedule
from patchstorm.run.outcome import Outcome
from patchstorm.scenario.means import Means
from patchstorm.scenario.plan import Plan
from patchstorm.storage.catalogue import SUMMARY
from patchstorm.storage.flavour import Flavour
from patchstorm.storage.parse import FlavourError, parse_flavour
from patchstorm.target.model import Target

TMPFS_STORAGES: Final[Mapping[str, str]] = {
    "tmpfs": "memory shared by all replicas",
    "tmpfs,size=SIZE": "a tmpfs of its own that can be filled, as in `tmpfs,size=16MiB`",
}
"""What worlds of real replicas on one kernel have to share."""


def of_nfs() -> dict[str, str]:
    """The flavours of NFS, for worlds with real mounts."""
    return {name: text for name, text in SUMMARY.items() if name.startswith("nfs")}


def is_tmpfs(storage: str) -> bool:
    """Whether a flavour is tmpfs, of whatever size; not, where it is misspelt or a world's own word."""
    flavour = flavour_of(storage)
    return flavour is not None and flavour.name.partition(",")[0] == "tmpfs"


def flavour_of(storage: str) -> Flavour | None:
    """The model's flavour of this name; None for a directory, a misspelt one and a world's own word."""
    try:
        return parse_flavour(storage)
    except FlavourError:
        return None


@dataclass(frozen=True, slots=True)
class Row:
    """A thing that a machine can or cannot do, for ``patchstorm doctor``.

    ``broken`` is for what no storm can do without; ``no`` for what only some things need.
    """

    what: str
    state: Literal["yes", "no", "broken"]
    says: str


class Death(NamedTuple):
    """A replica dies right before or right after one of its calls; ``order`` are the choices that kill it."""

    order: tuple[Choice, ...]
    replica: int
    call: str
    path: str
    detail: str
    moment: Literal["before", "after"]


class Conducting(Protocol):
    """How the orders of one run after the other are decided; such runs are given it as what they share.

    ``strategy`` draws the orders of runs that are given no choices.
    """

    strategy: str

    def beside(self, strategy: str) -> Conducting:
        """For one run that may be under way beside others, and in the end has a last run of its own."""
        ...

    def close(self) -> None:
        """No run is to come: end what has outlived the last one."""
        ...

    @property
    def slept(self) -> float:
        """The part of the last run's time in which it waited for timers of servers, from 0 to 1."""
        ...

    @property
    def ran(self) -> bool:
        """Whether the last run came to something that orders can be read off."""
        ...

    def aimed(self, *, deadly: bool) -> Sequence[tuple[Choice, ...]]:
        """Orders that are worth forcing, by the last run, in which nobody was disturbed; best ones first."""
        ...

    @property
    def unmade(self) -> bool:
        """Whether a choice that the last run was asked for could not be made: it was another run."""
        ...

    def deaths(self) -> Sequence[Death]:
        """One before and one after each call of the last run that changed something."""
        ...


class World(ABC):
    """One world. A module that defines one must be cheap to import: ``list`` and ``--help`` ask them all.

    ``says`` is one line. ``default``: it is part of a run where nobody names a world. ``searches``: the order
    of steps is the harness's own, so that schedules can be searched, repeated exactly and shrunk.
    ``repeats``: choices are known by name, and a run can be asked to make them again, as far as it can, so
    that orders can be searched by running them. ``contains``: it runs replicas of an image. ``schedules`` is
    the version of the choices that it records and repeats, raised when the same names would mean another run.
    """

    name: str
    says: str
    default: bool = False
    searches: bool = False
    repeats: bool = False
    contains: bool = False
    schedules: int = VERSION

    @abstractmethod
    def means(self) -> Means:
        """What it can do for a storm."""

    @abstractmethod
    async def run(self, plan: Plan, target: Target, *, out_dir: Path, shared: Any) -> Outcome:
        """Run ``plan``; its history is also written to ``out_dir``.

        ``shared`` is what :meth:`shared` gave. Raises UsageError for what was asked wrongly and TargetError
        for a target that does not start.
        """

    async def repeat(
        self, plan: Plan, target: Target, schedule: Schedule, *, out_dir: Path, shared: Any
    ) -> Outcome:
        """Run ``plan`` with those choices; asked of worlds that ``repeats`` says can."""
        raise NotImplementedError

    def step_ns(self) -> int | None:
        """How long a step takes, where a clock moves by steps; stories then count them."""
        return None

    def conducting(self) -> Conducting:
        """What a search gives its runs as what they share; asked of worlds that ``repeats`` says can."""
        raise NotImplementedError

    def shared(self, at_once: int) -> AbstractContextManager[Any]:
        """What many storms use one after the other, ``at_once`` of them at a time."""
        return contextlib.nullcontext()

    def storages(self) -> Mapping[str, str]:
        """The storages that a user can name, each with a line that says what it is."""
        return {}

    def offers(self, storage: str) -> bool:
        """Whether a storm can have this storage (a flavour, or ``dir:PATH``)."""
        return storage in self.storages()

    def storage_for(self, asked: str | None, wanted: str | None) -> str | None:
        """The storage of a storm that ``wanted`` one; ``asked`` is what a user insists on."""
        return asked

    def check_storage(self, storage: str) -> None:
        """UsageError, with a remedy, for a storage that somebody insists on and that cannot be had."""
        return

    def storages_in_words(self) -> str:
        """What to write for a storage here, as a part of a sentence."""
        return ", ".join(self.storages())

    def cannot_run(self, target: Target) -> str | None:
        """Why no storm at all can be run against ``target``; None where some can.

        What starts servers needs a command for it.
        """
        if target.only_contained:
            return (
                None
                if self.contains
                else (
                    f"target {target.name} has no [start] with a `command`, and is run in containers only: "
                    "use --world containers or --world fuse"
                )
            )
        if not target.start.command:
            return (
                f"target {target.name} has no [start], so nothing says how a replica is started; it is "
                "run in the world sim only"
            )
        return None

    def shares(self, target: Target) -> bool:
        """Whether the replicas of ``target`` share a program here that stands beside them."""
        return target.companion is not None

    async def doctor(self) -> AsyncIterator[Row]:
        """Whether it works on this machine; tried, not guessed."""
        return
        yield


class OnTheModel(World):
    """A world whose replicas share the storage model, in any of its flavours."""

    def storages(self) -> Mapping[str, str]:
        return SUMMARY

    def offers(self, storage: str) -> bool:
        return flavour_of(storage) is not None

    def storages_in_words(self) -> str:
        return "any of `patchstorm list storages` but a directory"

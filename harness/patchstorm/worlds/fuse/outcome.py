"""What one conducted storm came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Footprint
from patchstorm.history.model import History

NO_STEP: Final = -1


class Step(NamedTuple):
    """One call that was made: by whom, under which name, what came of it, and what it touched.

    ``number`` is NO_STEP where it did not matter when it was made, and nobody was asked. ``fault`` is what
    hit this one call, and ``old`` the choice of the model in which one had it answered with something old.
    ``requests`` are those that its replica served just then, the one that was let go last first.
    """

    time_ns: int
    replica: int
    name: str
    told: str
    result: str
    footprint: Footprint
    number: int = 0
    fault: str = ""
    old: str = ""
    requests: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """The replica, or what it does of its own accord."""
        return self.name.partition(" ")[0]

    @property
    def key(self) -> str:
        """The full name, by which choices know it."""
        return f"{self.name}#{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FuseOutcome:
    """``choices`` are those that were not dull, ``unplaced`` listed ones that could not be made.

    ``storm_steps`` counts the calls between the storm's first request and its last; ``order`` names all
    that was chosen in it, and ``possible`` since when there each turn of a client could have been taken, and
    ``asleep`` since when its client had only to be woken for it.
    What of ``trace`` comes before ``storm_from`` was done before the storm, where nobody is struck.
    ``paths`` maps what requests are called to their operations, ``turns`` the names of clients' turns
    to requests, and ``names`` what servers minted to what paths say instead. ``openers`` is what was known of
    sweeps from the first (:mod:`.chains`). Of the real ``seconds`` that it took, in ``slept`` nothing could
    go on but a timer of a server's.
    """

    history: History
    choices: tuple[Choice, ...] = ()
    unplaced: tuple[Choice, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: str | None = None
    idle: tuple[str, ...] = ()
    steps: int = 0
    storm_steps: int = 0
    trace: tuple[Step, ...] = ()
    storm_from: int = 0
    order: tuple[str, ...] = ()
    possible: dict[str, int] = field(default_factory=dict)
    asleep: dict[str, int] = field(default_factory=dict)
    paths: dict[str, int] = field(default_factory=dict)
    turns: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    openers: tuple[str, ...] = ()
    seconds: float = 0.0
    slept: float = 0.0

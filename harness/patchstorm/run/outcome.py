"""What running a plan gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from patchstorm.choice.schedule import Schedule
from patchstorm.history.model import History
from patchstorm.telling.record import Account

HISTORY_FILE = "history.jsonl"
"""What a history is called in the directory of its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to. ``history`` is None where nothing could be run to its end.

    ``unknown`` says why nothing can be concluded, ``skipped`` why the storm was not run at all. ``idle`` are
    ids of faults that were in force and hit nothing; ``scaled`` says which sizes the world made smaller.
    ``missed`` are ids of faults whose moment came and was over before they could strike: the same plan, run
    again, may hit. ``schedule`` are the choices made, in worlds whose runs can be repeated by them,
    and ``account`` says which steps there were, for a story.
    """

    log_dir: Path
    history: History | None = None
    notes: tuple[str, ...] = ()
    unknown: str | None = None
    skipped: str | None = None
    seconds: float = 0.0
    idle: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    scaled: tuple[str, ...] = ()
    schedule: Schedule | None = None
    account: Account | None = None

"""What a storm of a test is, and what holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from patchstorm.api import Scenario, Subject, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One storm. ``name`` is what the target is called on the command line; None: a store of one's own."""

    scenario: Scenario
    target: Target
    name: str | None
    subject: Subject | None = None
    world: str
    seed: int
    schedules: int | None = None
    storage: str | None = None
    replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What holds for every storm, those of people's own tests included."""

    out: Path
    corpus: Path | None
    schedules: int | None
    allow_unreached: bool

"""The bounds of numbers that users give, and how a number outside them is refused."""

from __future__ import annotations

from typing import Final

from patchstorm.errors import UsageError

SEED_MAX: Final = 2**63 - 1
SCHEDULES_MAX: Final = 100_000_000
REPLICAS_MAX: Final = 64
JOBS_MAX: Final = 256


def between(option: str, value: int, low: int, high: int) -> None:
    """UsageError unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise UsageError(f"{option} {value}: give a number from {low} to {high}.")


def check_bounds(schedules: int | None, replicas: int | None, jobs: int | None) -> None:
    """UsageError for a number that makes no sense; None was left open."""
    if schedules is not None:
        between("--schedules", schedules, 1, SCHEDULES_MAX)
    if replicas is not None:
        between("--replicas", replicas, 1, REPLICAS_MAX)
    if jobs is not None:
        between("--jobs", jobs, 1, JOBS_MAX)

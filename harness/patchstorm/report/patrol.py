"""The result of a patrol: the shape that ``patrol --json`` prints, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Verdict = Literal["innocent", "accused", "unknown"]


class Accusation(msgspec.Struct, frozen=True, kw_only=True):
    """A cell in which somebody was accused; ``failure`` is the file that ``replay`` takes."""

    storm: str
    storage: str
    checkers: tuple[str, ...]
    failure: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A cell of which some schedule has no verdict."""

    storm: str
    storage: str
    reason: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True):
    """How many cells do not apply, for the same reason."""

    reason: str
    cells: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One innocent. ``cells`` and ``schedules`` are those that were run, ``seconds`` of one processor."""

    name: str
    cells: int
    schedules: int
    seconds: float
    skipped: tuple[Skipped, ...]
    accused: tuple[Accusation, ...]
    unknown: tuple[Unknown, ...]


class Patrols(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one patrol found.

    ``applying`` is how many cells there are that apply, run here or not; ``share`` (k, n): the k-th of
    n parts was run. ``lost``: why a patrol on a cluster ended before its time.
    """

    verdict: Verdict
    seed: int
    schedules: int
    cells: int
    applying: int
    share: tuple[int, int]
    seconds: float
    interrupted: bool
    innocents: tuple[Row, ...]
    lost: str | None = None


def verdict_of(rows: Iterable[Row]) -> Verdict:
    """Accused beats unknown beats innocent; where nothing was run, nobody knows."""
    rows = tuple(rows)
    if any(row.accused for row in rows):
        return "accused"
    if any(row.unknown for row in rows) or not any(row.schedules for row in rows):
        return "unknown"
    return "innocent"


def exit_code(result: Patrols) -> int:
    """0 nobody accused, 1 somebody, 2 unknown."""
    return {"innocent": 0, "accused": 1, "unknown": 2}[result.verdict]


def encode(result: Patrols) -> bytes:
    """``result`` as the one JSON object that ``--json`` prints, with a line end."""
    return msgspec.json.encode(result) + b"\n"

"""A report as a badge: the JSON that shields.io reads from an address and draws.

The schema is that of https://shields.io/badges/endpoint-badge, version 1. What was skipped stands in no
badge, and where nothing else is left the badge does not say that anything is safe.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.report.model import Report
from patchstorm.report.story import word

LABEL: Final = "patchstorm"
_COLORS: Final = {"violated": "red", "unknown": "yellow", "safe": "brightgreen"}
_NOTHING: Final = "lightgrey"


class Badge(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """``is_error``: whoever shows it cannot choose another color."""

    schema_version: int
    label: str
    message: str
    color: str
    is_error: bool = False


def badge(report: Report) -> Badge:
    """How many storms came to what, the worst first, in the color of the worst."""
    counts = Counter(word(run) for run in report.runs)
    said = [f"{counts[verdict]} {verdict}" for verdict in _COLORS if counts[verdict]]
    if report.interrupted is True:
        said.append("interrupted")
    return Badge(
        schema_version=1,
        label=LABEL,
        message=", ".join(said) or "nothing ran",
        color=_COLORS[report.verdict] if said else _NOTHING,
        is_error=report.verdict == "violated",
    )


def write_badge(report: Report, path: Path) -> None:
    """Write it to ``path``; OSError if that cannot be done."""
    path.write_bytes(msgspec.json.encode(badge(report)) + b"\n")

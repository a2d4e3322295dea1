"""The files that a command leaves beside what it prints: of ``--out``, of ``--junit``, of ``--badge``."""

from __future__ import annotations

from pathlib import Path

from patchstorm.report.model import Report
from patchstorm.report.stored import store


def leave(
    report: Report, *, out: Path | None, junit: Path | None, badge: Path | None = None
) -> None:
    """Write what was asked for; OSError where that cannot be done."""
    if out is not None:
        store(report, out)
    if junit is not None:
        from patchstorm.report.junit import write_junit

        write_junit(report, junit)
    if badge is not None:
        from patchstorm.report.badge import write_badge

        write_badge(report, badge)

"""The files that a command leaves beside what it prints: of ``--out``, of ``--junit``, of ``--badge``.

They are written before the result is told, since whoever reads it may go away, and what could not be
written is complained of after it: a disk may be full by now, and what hours of storms came to is said all
the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from patchstorm.errors import UsageError
from patchstorm.report.model import Report
from patchstorm.report.stored import store


def leave(
    report: Report, *, out: Path | None, junit: Path | None, badge: Path | None = None
) -> UsageError | None:
    """Write what was asked for. What could not be written is to be raised when ``report`` has been told."""
    unwritten = None
    if out is not None:
        unwritten = left("--out", out, lambda: store(report, out)) or unwritten
    if junit is not None:
        from patchstorm.report.junit import write_junit

        unwritten = left("--junit", junit, lambda: write_junit(report, junit)) or unwritten
    if badge is not None:
        from patchstorm.report.badge import write_badge

        unwritten = left("--badge", badge, lambda: write_badge(report, badge)) or unwritten
    return unwritten


def left(option: str, path: Path, write: Callable[[], object]) -> UsageError | None:
    """Have ``write`` write ``path``; what to say of ``option`` where it cannot."""
    try:
        write()
    except OSError as error:
        return UsageError(
            f"{option} {path}: could not be written ({error.strerror}). What was told stands; give a place "
            "that can be written to and has room."
        )
    return None

"""``patchstorm report``: a finished run told again, from the files it left."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import IO

from patchstorm.commands.places import writable_file
from patchstorm.report.model import Report
from patchstorm.report.stored import read


def execute(run_dir: Path, *, output: Path | None) -> int:
    """Tell the report in ``run_dir``; 0 once it is told, whatever it says."""
    report = read(run_dir)
    if output is None:
        _tell(report, sys.stdout)
    else:
        writable_file(output, "--output")
        output.write_text(_rendered(report, output), encoding="utf-8")
        sys.stderr.write(f"wrote {output}\n")
    return 0


def _rendered(report: Report, output: Path) -> str:
    if output.suffix.lower() in (".html", ".htm"):
        from patchstorm.report.html import page

        return page(report)
    text = io.StringIO()
    _tell(report, text)
    return text.getvalue()


def _tell(report: Report, file: IO[str]) -> None:
    from patchstorm.report.console import console_on, tell

    seconds = sum(run.seconds for run in report.runs)
    tell(report, console_on(file), took=f"{seconds:.1f} s of storms")

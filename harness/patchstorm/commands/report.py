"""``patchstorm report``: a finished run told again, from the files it left."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from patchstorm.campaign.failure import FAILURE_FILE, read_failure, violation
from patchstorm.commands.leaving import leave
from patchstorm.commands.places import writable_file
from patchstorm.errors import UsageError
from patchstorm.legible import legible_line
from patchstorm.report.model import Report, RunReport, report_of
from patchstorm.report.stored import REPORT_FILE, read

if TYPE_CHECKING:
    from patchstorm.report.measures import Measured


def execute(run_dir: Path, *, output: Path | None, badge: Path | None = None) -> int:
    """Tell the report in ``run_dir``; 0 once it is told, whatever it says."""
    report = _found(run_dir)
    if badge is not None:
        writable_file(badge, "--badge")
        unwritten = leave(report, out=None, junit=None, badge=badge)
        if unwritten is not None:
            raise unwritten
    if output is None:
        _tell(report, sys.stdout)
    else:
        writable_file(output, "--output")
        output.write_text(_rendered(report, output, run_dir), encoding="utf-8")
        sys.stderr.write(f"wrote {legible_line(str(output))}\n")
    return 0


def _found(run_dir: Path) -> Report:
    """The report that a command left in ``run_dir``; where none did, the failures that lie there.

    A command without ``--out`` keeps only those (``patchstorm-runs``), each in a directory of its own.
    """
    kept = sorted((*run_dir.glob(FAILURE_FILE), *run_dir.glob(f"*/{FAILURE_FILE}")))
    if (run_dir / REPORT_FILE).exists() or not kept:
        return read(run_dir)
    runs = tuple(_kept(kept))
    return report_of(runs)


def _kept(paths: Sequence[Path]) -> Iterator[RunReport]:
    """The failures of these files. One that cannot be read hides no other; UsageError where none can be."""
    unreadable = []
    for path in paths:
        try:
            yield violation(read_failure(path), path)
        except UsageError as error:
            unreadable.append(error)
    if len(unreadable) == len(paths):
        raise unreadable[0]
    sys.stderr.writelines(f"not told: {error}\n" for error in unreadable)


def _rendered(report: Report, output: Path, run_dir: Path) -> str:
    if output.suffix.lower() in (".html", ".htm"):
        from patchstorm.report.html import page

        return page(report, _drawn(report, output, run_dir), _measures(report, run_dir))
    text = io.StringIO()
    _tell(report, text)
    return text.getvalue()


def _drawn(report: Report, output: Path, run_dir: Path) -> dict[str, str]:
    """Every failure that lies here, drawn beside itself: by its path the address that ``output`` links to."""
    from patchstorm.commands.drawing import draw_all

    failures = [run.failure for run in report.runs if run.failure is not None]
    places = ((path, _place(path, run_dir)) for path in failures)
    return draw_all(((path, place) for path, place in places if place is not None), output)


def _measures(report: Report, run_dir: Path) -> dict[str, Measured]:
    """What the histories that lie here measure, by the paths that the report has for them."""
    from patchstorm.history.reader import read_history
    from patchstorm.report.measures import measured

    measures: dict[str, Measured] = {}
    for path in (path for run in report.runs for path in run.histories):
        place = _place(path, run_dir)
        if place is None:
            continue
        try:
            found = measured(read_history(place))
        except UsageError as error:
            sys.stderr.write(f"not drawn: {error}\n")
            continue
        if found is not None:
            measures[path] = found
    return measures


def _place(path: str, run_dir: Path) -> Path | None:
    """Where a file of a run lies: as the report says, or in ``run_dir``, where that was moved."""
    beside = run_dir / Path(path).parent.name / Path(path).name
    return next((place for place in (Path(path), beside) if place.is_file()), None)


def _tell(report: Report, file: IO[str]) -> None:
    from patchstorm.report.console import console_on, tell

    seconds = sum(run.seconds for run in report.runs)
    tell(report, console_on(file), took=f"{seconds:.1f} s of storms")

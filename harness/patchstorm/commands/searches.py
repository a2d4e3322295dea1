"""What a search is asked, and how it ends, whichever world's orders it searched."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from patchstorm.commands.ending import INTERRUPTED
from patchstorm.commands.leaving import leave
from patchstorm.commands.made import made_here
from patchstorm.commands.places import DEFAULT_OUT, drop_if_empty
from patchstorm.report.loudness import NORMAL, Loudness
from patchstorm.report.model import Report, RunReport, exit_code, report_of
from patchstorm.report.stored import encode

if TYPE_CHECKING:
    from patchstorm.campaign.corpus import Corpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asked for; None is what was left open.

    The budget is for each storm, or for all together where none is named.
    """

    scenarios: tuple[str, ...]
    target: str
    storage: str | None
    schedules: int | None
    seconds: float | None
    strategy: str
    jobs: int | None
    cluster: str | None
    seed: int
    replicas: int | None
    collect: bool
    unclaimed: bool
    allow_unreached: bool
    out: Path | None
    junit: Path | None
    corpus: Path | None
    no_corpus: bool
    json: bool
    loudness: Loudness = NORMAL
    world: str = "sim"


def end(
    request: Request,
    corpus: Corpus | None,
    runs: tuple[RunReport, ...],
    *,
    remarks: Sequence[str] = (),
    interrupted: str | None,
) -> int:
    """Keep, write and tell what was found; the exit code.

    ``interrupted`` says where Ctrl-C met the search, None where it did not: what had ended by then is told.
    """
    from patchstorm.commands.corpus import keep_found

    drop_if_empty(DEFAULT_OUT)
    keep_found(corpus, runs)
    took = sum(run.seconds + run.shrinking_s for run in runs)
    report = report_of(runs, made=made_here(took), interrupted=interrupted is not None)
    unwritten = leave(report, out=request.out, junit=request.junit)
    _tell(request, report, remarks)
    if unwritten is not None:
        raise unwritten
    if interrupted is not None:
        sys.stderr.write(f"patchstorm: interrupted in {interrupted}\n")
        return INTERRUPTED
    return exit_code(report.verdict)


def _tell(request: Request, report: Report, remarks: Sequence[str]) -> None:
    if request.json:
        sys.stdout.write(encode(report).decode())
        return
    from patchstorm.report.console import console_on, tell

    took = sum(run.seconds + run.shrinking_s for run in report.runs)
    tell(
        report,
        console_on(sys.stdout),
        took=f"{took:.1f} s",
        remarks=remarks,
        loudness=request.loudness,
    )

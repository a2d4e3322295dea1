"""``patchstorm check``: judge a stored history, whoever recorded it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from patchstorm.check.model import Judgement
from patchstorm.check.verdict import Verdict
from patchstorm.commands.leaving import leave
from patchstorm.commands.places import writable_file
from patchstorm.history.model import History
from patchstorm.report.model import Report, RunReport, exit_code


class CheckerReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one checker said; ``verdict`` is None for one that was skipped."""

    checker: str
    verdict: Verdict | None
    skipped: str | None = None
    unknown: str | None = None
    findings: int = 0


class CheckReport(Report, frozen=True, kw_only=True):
    """A report of one run, with every checker's verdict beside it."""

    checkers: tuple[CheckerReport, ...]


def execute(path: Path, *, junit: Path | None = None, json: bool) -> int:
    """Judge the history at ``path``; the exit code. UsageError for what is not a history."""
    from patchstorm.check.registry import judge
    from patchstorm.history import read_history

    if junit is not None:
        writable_file(junit, "--junit")
    history = read_history(path)
    began = time.monotonic()
    judgements = judge(history)
    report = _report(history, judgements, seconds=time.monotonic() - began)
    unwritten = leave(report, out=None, junit=junit)
    if json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _tell(report)
    if unwritten is not None:
        raise unwritten
    return exit_code(report.verdict)


def _report(history: History, judgements: Sequence[Judgement], *, seconds: float) -> CheckReport:
    from patchstorm.check.registry import unknowns, verdict
    from patchstorm.history import digest

    header = history.header
    said = verdict(judgements)
    run = RunReport(
        scenario=header.scenario,
        target=header.target,
        world=header.world,
        seed=header.seed,
        verdict=said,
        schedules=1,
        steps=len(history.operations),
        seconds=seconds,
        digest=digest(history) if header.clock == "virtual" else None,
        unknown=unknowns(judgements) if said == "unknown" else None,
        findings=tuple(finding for one in judgements for finding in one.findings),
        rules=tuple(rule for one in judgements for rule in one.rules),
    )
    return CheckReport(verdict=said, runs=(run,), checkers=tuple(map(_checker, judgements)))


def _checker(judgement: Judgement) -> CheckerReport:
    return CheckerReport(
        checker=judgement.checker,
        verdict=judgement.verdict,
        skipped=judgement.skipped,
        unknown=judgement.unknown,
        findings=len(judgement.findings),
    )


def _tell(report: CheckReport) -> None:
    from patchstorm.report.console import checker_table, console_on, tell_violation

    console = console_on(sys.stdout)
    run = report.runs[0]
    rows = [
        (one.checker, one.verdict or "skipped", one.skipped or one.unknown or _count(one.findings))
        for one in report.checkers
    ]
    console.print(checker_table(rows))
    console.print()
    console.print(
        f"{run.scenario} against {run.target} in {run.world}, seed {run.seed}: {run.verdict}, "
        f"{run.steps} operations",
        soft_wrap=True,
    )
    if run.verdict == "violated":
        console.print()
        tell_violation(run, console)


def _count(findings: int) -> str:
    return "" if not findings else f"{findings} finding{'s' * (findings > 1)}"

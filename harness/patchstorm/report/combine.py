"""Several plans of one storm as one line of a report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from patchstorm.check.model import Ruled
from patchstorm.check.tried import gathered
from patchstorm.check.verdict import Verdict, folded
from patchstorm.report.model import Rate, RunReport
from patchstorm.report.reached import held, released

FINDINGS_MAX: Final = 32


def combined(runs: Sequence[RunReport], *, allow_unreached: bool = False) -> RunReport:
    """One report for the ``runs`` of one scenario, in the order of their plans; at least one.

    The verdict is the worst; the failure file is the first one's, and the findings its findings
    first. Skipped plans count for nothing unless all were skipped. What one run reached the storm tried,
    so a run that missed it is unknown no more.
    """
    judged = [released(run) for run in runs if run.verdict is not None]
    if len(runs) == 1 or not judged:
        return runs[0]
    verdict = folded(run.verdict for run in judged)
    worst = [run for run in judged if run.verdict == verdict]
    findings = tuple(finding for run in worst for finding in run.findings)
    whole = msgspec.structs.replace(
        worst[0],
        schedules=sum(run.schedules for run in judged),
        steps=sum(run.steps for run in judged),
        seconds=sum(run.seconds for run in judged),
        shrinking_s=sum(run.shrinking_s for run in judged),
        digest=None,
        findings=findings[:FINDINGS_MAX],
        notes=(*_tally(judged, verdict), *_distinct(judged)),
        points=gathered(run.points for run in judged),
        histories=tuple(path for run in judged for path in run.histories),
        rules=rules_of(run.rules for run in judged),
        rate=_rate([run.rate for run in judged if run.rate is not None]),
    )
    return held(whole, allow_unreached=allow_unreached)


def rules_of(runs: Iterable[Sequence[Ruled]]) -> tuple[Ruled, ...]:
    """Each rule once: as the first run tells it that broke it, or else as the first that put it."""
    told: dict[str, Ruled] = {}
    for rule in (rule for rules in runs for rule in rules):
        if rule.rule not in told or (told[rule.rule].held and not rule.held):
            told[rule.rule] = rule
    return tuple(told.values())


def _rate(rates: Sequence[Rate]) -> Rate | None:
    if not rates:
        return None
    return Rate(violated=sum(one.violated for one in rates), runs=sum(one.runs for one in rates))


def _tally(judged: Sequence[RunReport], verdict: Verdict) -> tuple[str, ...]:
    if verdict == "safe":
        return ()
    count = sum(run.verdict == verdict for run in judged)
    return (f"{count} of {len(judged)} plans {verdict}",)


def _distinct(judged: Sequence[RunReport]) -> list[str]:
    return list(dict.fromkeys(note for run in judged for note in run.notes))

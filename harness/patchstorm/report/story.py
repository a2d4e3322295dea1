"""What a run found, in words: the lines that console, text, JUnit and pytest share."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import UNSET

from patchstorm.check.model import Finding, Range
from patchstorm.report.causes import headers_alone
from patchstorm.report.model import Rate, RunReport

FINDINGS_TOLD: Final = 3
RANGES_TOLD: Final = 4
NOTES_IN_TABLE: Final = 3
NOT_APPLYING: Final = " does not apply: "
_ORDER: Final = ("violated", "unknown", "safe", "skipped")


def word(run: RunReport) -> str:
    """The verdict, or ``skipped``: a skipped storm has none."""
    return run.verdict or "skipped"


def in_brief(run: RunReport) -> str:
    """The verdict and the time it took, as a progress display tells it."""
    return f"{word(run)}, {run.seconds:.1f} s" if run.verdict else word(run)


def found_in_brief(run: RunReport) -> str:
    """What was found first, in a line; nothing where nothing was violated."""
    if run.verdict != "violated" or not run.findings:
        return ""
    first = run.findings[0]
    return f"{first.checker}: {first.summary}"


def remark(run: RunReport) -> str:
    """Why, in a few words: the reason of a skip or an unknown, or the checkers that found something."""
    if run.skipped is not None:
        return run.skipped
    parts = [run.unknown] if run.unknown is not None else []
    if run.rate is not None:
        parts.append(rate(run.rate))
    if run.findings:
        checkers = ", ".join(dict.fromkeys(finding.checker for finding in run.findings))
        parts.append(f"{checkers}, about headers alone" if headers_alone(run) else checkers)
    notes = _notes(run)
    if len(notes) > NOTES_IN_TABLE:
        notes = [notes[0], f"{len(notes) - 1} more remarks"]
    return "; ".join((*parts, *notes))


def rate(found: Rate) -> str:
    """How often it came again, in a phrase."""
    return f"violated {found.violated} of {found.runs}"


def scaled_down(runs: Sequence[RunReport]) -> str | None:
    """How many storms had their sizes made smaller and do not say so themselves."""
    count = sum(
        bool(run.scaled) and not any(note.startswith("scaled: ") for note in run.notes)
        for run in runs
    )
    if not count:
        return None
    storms = "storm" if count == 1 else "storms"
    return f"Sizes were scaled down for the simulator in {count} {storms}; `--json` says how"


def shrinking(runs: Sequence[RunReport]) -> str | None:
    """How long making failures small took, and its share of the work; None where none was."""
    spent = sum(run.shrinking_s for run in runs)
    if not spent:
        return None
    share = spent / (spent + sum(run.seconds for run in runs))
    return f"{spent:.1f} s, {share:.0%} of the work"


def remarks_below(run: RunReport) -> list[str]:
    """The notes for which the table has no room."""
    notes = _notes(run)
    return notes[1:] if len(notes) > NOTES_IN_TABLE else []


def _notes(run: RunReport) -> list[str]:
    """The notes, save for those on checkers that do not apply: :func:`idle_checkers` sums them up."""
    return [note for note in run.notes if NOT_APPLYING not in note]


def idle_checkers(runs: Sequence[RunReport]) -> str | None:
    """Which checkers did not apply to how many storms; None where all applied to all."""
    counts = Counter(
        note.partition(NOT_APPLYING)[0]
        for run in runs
        for note in run.notes
        if NOT_APPLYING in note
    )
    if not counts:
        return None
    said = [f"{name} to {count}" for name, count in sorted(counts.items())]
    return f"Checkers that did not apply, to how many storms: {', '.join(said)}"


def headline(run: RunReport) -> str:
    """One line that says what was violated where."""
    said = word(run) if run.rate is None else f"{rate(run.rate)} runs"
    return f"{run.scenario} against {run.target} in {run.world}, seed {run.seed}: {said}"


def story(run: RunReport) -> list[str]:
    """What was found, how it came to that, and last the command that replays it."""
    lines = _by_steps(run) if run.story else _by_findings(run)
    lines += [f"  another cause: {_replay(path)}" for path in run.others]
    if run.others:
        lines.append("")
    command = replay_command(run)
    if command is not None:
        lines.append(command)
    return lines


def _by_steps(run: RunReport) -> list[str]:
    """One line for each checker, then the steps: those are the same for all that it came to."""
    lines: list[str] = []
    firsts = {finding.checker: finding for finding in reversed(run.findings)}
    told = [finding for finding in run.findings if finding is firsts[finding.checker]]
    for finding in told[:FINDINGS_TOLD]:
        lines += [f"  {line}" for line in _claim(finding)]
    rest = len(told) - FINDINGS_TOLD
    if rest > 0:
        lines.append(f"  and by {', '.join(one.checker for one in told[FINDINGS_TOLD:])}")
    return [*lines, "", *(f"  {line}" for line in run.story), ""]


def _by_findings(run: RunReport) -> list[str]:
    """At most a few findings, each with the requests that it names."""
    lines: list[str] = []
    told = _varied(run.findings)
    for finding in told:
        lines += [f"  {line}" if line else "" for line in _finding(finding)]
        lines.append("")
    rest = len(run.findings) - len(told)
    if rest:
        where = f"; all are in {run.failure}" if run.failure else ""
        lines += [f"  and {rest} more finding{'s' * (rest > 1)}{where}", ""]
    return lines


def replay_command(run: RunReport) -> str | None:
    """What runs the failure's plan again; None if no failure file was written."""
    if run.replay is not UNSET:
        return run.replay
    return None if run.failure is None else _replay(run.failure)


def _replay(path: str) -> str:
    return f"patchstorm replay {shlex.quote(path)}"


def tally(runs: Sequence[RunReport]) -> str:
    """How many storms ended how; for each world, where there are several."""
    worlds = list(dict.fromkeys(run.world for run in runs))
    if len(worlds) < 2:
        return _tally(runs)
    return "; ".join(
        f"{world}: {_tally([run for run in runs if run.world == world])}" for world in worlds
    )


def _tally(runs: Sequence[RunReport]) -> str:
    return counted([word(run) for run in runs])


def counted(words: Sequence[str]) -> str:
    """How many ended how. What was skipped is no coverage: safe are so many of those that apply."""
    counts = Counter(words)
    said = {one: f"{counts[one]} {one}" for one in _ORDER if counts[one]}
    apply = len(words) - counts["skipped"]
    if counts["skipped"] and apply:
        said = {"safe": f"{counts['safe']} of {apply} that apply safe"} | {
            one: text for one, text in said.items() if one != "safe"
        }
    return ", ".join(said.values()) or "nothing ran"


def skipped_alike(runs: Sequence[RunReport], world: str) -> bool:
    """Whether every storm was skipped in ``world`` for one reason, so that a line says it all."""
    reasons = {run.skipped for run in runs if run.world == world}
    return len(reasons) == 1 and None not in reasons


def skips(runs: Sequence[RunReport]) -> list[str]:
    """A line for each reason to skip: the worlds, the storms, and why they were not run."""
    reasons: dict[str, list[RunReport]] = {}
    for run in runs:
        if run.skipped is not None:
            reasons.setdefault(run.skipped, []).append(run)
    lines = []
    for reason, kept in reasons.items():
        names = list(dict.fromkeys(run.scenario for run in kept))
        worlds = ", ".join(dict.fromkeys(run.world for run in kept))
        if {run.scenario for run in runs} == set(names):
            names = ["all storms"]
        lines.append(f"Skipped in {worlds}: {', '.join(names)} ({reason})")
    return lines


def _varied(findings: Sequence[Finding]) -> list[Finding]:
    """A few findings, the first of each checker before any second one."""
    firsts = {finding.checker: finding for finding in reversed(findings)}
    ordered = sorted(findings, key=lambda one: one is not firsts[one.checker])
    return ordered[:FINDINGS_TOLD]


def _finding(finding: Finding) -> list[str]:
    return _claim(finding) + [f"  {line}" for line in finding.story]


def _claim(finding: Finding) -> list[str]:
    lines = [f"{finding.checker}: {finding.summary}"]
    if finding.ranges:
        lines.append(f"  bytes {_ranges(finding.ranges)}")
    if finding.remedy is not None:
        table, _, name = finding.remedy.key.rpartition(".")
        patterns = json.dumps(finding.remedy.patterns)
        lines.append(f"  none, if the target's file may say so: [{table}]  {name} = {patterns}")
    return lines


def _ranges(ranges: Sequence[Range]) -> str:
    said = ", ".join(f"[{one.offset}, {one.offset + one.length})" for one in ranges[:RANGES_TOLD])
    rest = len(ranges) - RANGES_TOLD
    return said if rest <= 0 else f"{said} and {rest} more"

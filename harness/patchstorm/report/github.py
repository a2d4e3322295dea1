"""A report for GitHub Actions: a Markdown summary of the job, and annotations in its log.

The forms are GitHub's: the summary is appended to the file that ``GITHUB_STEP_SUMMARY`` names, an annotation
is a line ``::error title=...::...`` in which percent signs and ends of lines are encoded, and in properties
also colons and commas (docs.github.com, Workflow commands for GitHub Actions).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from patchstorm.legible import legible
from patchstorm.report.model import Report, RunReport
from patchstorm.report.story import headline, remark, replay_command, story, word

STORY_LINES_MAX: Final = 60
STORIES_MAX: Final = 10  # a summary may have 1 MiB, and a reader less patience than that
_MARKS: Final = {"violated": "❌", "unknown": "❔", "safe": "✅", "skipped": "⚪"}


def summary(report: Report) -> str:
    """Markdown: what was violated with its story, what is unknown, what was skipped, and a line of counts."""
    counts = Counter(word(run) for run in report.runs)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in _MARKS if counts[verdict])
    if report.interrupted is True:
        said = f"{said or 'nothing ran'}, then interrupted"
    mark = _MARKS["skipped" if isinstance(report.nothing, str) else report.verdict]
    lines = [f"## {mark} Patchstorm: {said or 'nothing ran'}", ""]
    if isinstance(report.nothing, str):
        lines += [_cell(report.nothing), ""]
    violated = [run for run in report.runs if run.verdict == "violated"]
    for run in violated[:STORIES_MAX]:
        lines += _told(run)
    if len(violated) > STORIES_MAX:
        lines += [f"and {len(violated) - STORIES_MAX} more violated, in the table", ""]
    rest = [run for run in report.runs if run.verdict != "safe"]
    if rest:
        lines += ["| | storm | world | remark |", "|---|---|---|---|"]
        lines += [_row(run) for run in rest]
        lines.append("")
    return "\n".join(lines)


def log_lines(report: Report) -> Iterator[str]:
    """A line for every storm that was violated (error) or is unknown (warning)."""
    for run in report.runs:
        if run.verdict not in ("violated", "unknown"):
            continue
        kind = "error" if run.verdict == "violated" else "warning"
        found = [one.summary for one in run.findings[:1]] or [remark(run)]
        command = replay_command(run)
        text = "\n".join(legible(line) for line in (*found, *([command] if command else [])))
        yield f"::{kind} title={_property(legible(headline(run)))}::{_data(text)}"


def _told(run: RunReport) -> list[str]:
    lines = [legible(line) for line in story(run)]
    if len(lines) > STORY_LINES_MAX:
        cut = len(lines) - STORY_LINES_MAX
        lines = [*lines[: STORY_LINES_MAX - 1], f"  ({cut} more lines)", lines[-1]]
    tildes = max((len(found) for line in lines for found in re.findall("~+", line)), default=0)
    fence = "~" * max(3, tildes + 1)  # longer than any that a server may have said (CommonMark 4.5)
    title = _cell(headline(run))
    return [f"<details open><summary>{title}</summary>", "", fence, *lines, fence, "</details>", ""]


def _row(run: RunReport) -> str:
    cells = (_MARKS[word(run)], run.scenario, run.world, remark(run))
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    """What servers say must not become markup."""
    plain = legible(text).replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return "".join(f"\\{each}" if each in "\\`*_|[]~" else each for each in plain)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

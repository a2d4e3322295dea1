"""One cause that hit many storms is told once, not in each of their stories.

A line that a target's file lacks is such a cause, and so is a header that a server never sends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import dumps
from typing import Final

import msgspec

from patchstorm.check.model import Finding
from patchstorm.report.model import RunReport

STORMS_MIN: Final = 2
NAMES_TOLD: Final = 4
HEADER: Final = ""
Line = tuple[str, str]
"""A key of the target's file and one pattern under it; or HEADER and what was complained of."""


def common(runs: Sequence[RunReport]) -> dict[Line, list[RunReport]]:
    """The lines whose want, and the headers for which, several storms were violated for, each with those
    storms.
    """
    hit: dict[Line, list[RunReport]] = {}
    for run in runs:
        for line in dict.fromkeys(line for one in run.findings for line in _lines(one)):
            hit.setdefault(line, []).append(run)
    return {line: struck for line, struck in hit.items() if len(struck) >= STORMS_MIN}


def told(causes: Mapping[Line, Sequence[RunReport]]) -> Iterator[str]:
    """For each key: what its want hit, and the line to add. The failure of one storm tells the rest."""
    for key in dict.fromkeys(key for key, _ in causes):
        patterns = [pattern for one, pattern in causes if one == key]
        storms = list(
            dict.fromkeys(
                run.scenario for line, struck in causes.items() if line[0] == key for run in struck
            )
        )
        names = ", ".join(storms[:NAMES_TOLD]) + (", ..." if len(storms) > NAMES_TOLD else "")
        if key == HEADER:
            yield f"protocol, one cause in {len(storms)} storms ({names}): {patterns[0]}"
            yield from (f"  and {pattern}" for pattern in patterns[1:])
            continue
        told_as, may = _WORDS[key]
        listed = ", ".join(f"`{pattern}`" for pattern in patterns)
        yield f"residue, one cause in {len(storms)} storms ({names}): {told_as} {listed}"
        table, _, name = key.rpartition(".")
        yield f"  if {may}, say so in the target's file: [{table}]  {name} = {dumps(patterns)}"


_WORDS: Final = {
    "files.leftovers": ("what is left after a sweep is", "that may stay"),
    "files.internal": ("what was visible beside the targets is", "users never look at that"),
}


def without(run: RunReport, causes: Mapping[Line, object]) -> RunReport:
    """The run less the findings that are told with their causes."""
    rest = tuple(
        one for one in run.findings if not (lines := _lines(one)) or not causes.keys() >= set(lines)
    )
    return msgspec.structs.replace(run, findings=rest)


def headers_alone(run: RunReport) -> bool:
    """Whether whatever was found is about headers of answers, and nothing that was stored is in question."""
    return all(one.header is not None for one in run.findings)


def _lines(finding: Finding) -> list[Line]:
    if finding.header is not None:
        return [(HEADER, finding.header)]
    if finding.remedy is None:
        return []
    return [(finding.remedy.key, pattern) for pattern in finding.remedy.patterns]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What one checker said alike in ``runs``, of which the first is told as the example."""

    checker: str
    says: str
    runs: tuple[RunReport, ...]

    @property
    def storms(self) -> tuple[str, ...]:
        """The names of the storms that it hit, each once."""
        return tuple(dict.fromkeys(run.scenario for run in self.runs))

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets that it hit, each once."""
        return tuple(dict.fromkeys(run.target for run in self.runs))


def ranked(runs: Sequence[RunReport]) -> list[Cause]:
    """Every cause, those that hit most storms first; of equal ones the one that was met first."""
    met: dict[tuple[str, str], dict[int, RunReport]] = {}
    says: dict[tuple[str, str], str] = {}
    for number, run in enumerate(runs):
        for one in run.findings:
            key = one.checker, alike(one.header or one.summary)
            says.setdefault(key, one.header or one.summary)
            met.setdefault(key, {})[number] = run
    causes = [
        Cause(checker=key[0], says=says[key], runs=tuple(struck.values()))
        for key, struck in met.items()
    ]
    return sorted(causes, key=lambda cause: -len(cause.storms))


def alike(summary: str) -> str:
    """A summary without what differs each time it is met: ids that servers draw, sizes, offsets, times."""
    return _CHOSEN.sub("#", summary)


_CHOSEN: Final = re.compile(r"[0-9a-f]{8,}|\d+")

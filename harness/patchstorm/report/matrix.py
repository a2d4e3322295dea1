"""Servers by storms: the shape that ``patchstorm matrix --json`` prints, and its tables as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

import msgspec

from patchstorm.check.model import Ruled
from patchstorm.check.verdict import Verdict
from patchstorm.report.causes import headers_alone
from patchstorm.report.combine import combined
from patchstorm.report.model import RunReport
from patchstorm.report.reached import released
from patchstorm.report.story import story

Kind = Literal["defect", "undocumented-limit", "documented-limit"]
KINDS: Final[dict[Kind, str]] = {
    "defect": "defect",
    "undocumented-limit": "undocumented limit",
    "documented-limit": "documented limit",
}
TELLING: Final = (
    "bytes", "durability", "conflict", "offsets", "checksum", "completion", "publication", "status",
    "conformance", "availability", "residue", "replay", "linearizable", "protocol",
)  # fmt: skip
"""Checkers, the one whose finding is the plainest first; header rules last, as they go wrong everywhere, also
after those that are not named here.
"""
FENCE: Final = "```"
HEADERS: Final = "headers"  # the section of what every storm shows
PROCESSES: Final = "processes"
SIMULATED: Final = "sim"
SAFE_BUT: Final = "safe but for headers"
STORY_LINES_MAX: Final = 16
EVERY: Final = "*"  # in a reading's storms


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a person concluded about a violation, as the target's file says it."""

    kind: Kind
    says: str
    source: str = ""


class Concluded(Protocol):
    """A reading as a target's file has it: it speaks of findings of ``checker`` in ``storms``."""

    @property
    def storms(self) -> tuple[str, ...]: ...
    @property
    def checker(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def says(self) -> str: ...
    @property
    def source(self) -> str: ...


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One storm against one server: ``violated`` of ``runs`` runs of the same plan were violated.

    ``rates`` says in how many each checker found something. ``finding`` is the plainest one in a
    phrase, ``claims`` are all of that run, ``story`` is what happened, with ``steps`` step by step, which
    a simulation knows. ``failure`` is the run's file, and ``command`` runs that plan again from nothing.
    ``verdict`` is None where the storm was ``skipped``. ``readings`` are what people concluded.
    ``headers_alone``: whatever was found is about headers of answers. ``rules`` are those of the protocol
    that were put to answers.
    """

    storm: str
    verdict: Verdict | None
    runs: int = 0
    violated: int = 0
    undecided: int = 0
    seconds: float = 0.0
    skipped: str | None = None
    unknown: str | None = None
    rates: dict[str, int] = {}
    finding: str = ""
    claims: tuple[str, ...] = ()
    story: tuple[str, ...] = ()
    steps: bool = False
    failure: str | None = None
    command: str = ""
    readings: tuple[Reading, ...] = ()
    headers_alone: bool = False
    rules: tuple[Ruled, ...] = ()


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One server in one world. ``skipped`` says why none of its storms was run.

    ``causes`` says what storms were violated for alike; in those ``explained`` nothing else was found.
    """

    target: str
    world: str = PROCESSES
    title: str = ""
    version: str = ""
    configuration: str = ""
    replicas: int | None = None
    skipped: str | None = None
    cells: tuple[Cell, ...] = ()
    causes: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the row is called where there may be another of the same server."""
        return self.target if self.world == PROCESSES else f"{self.target} in {self.world}"


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """All rows, and what they were run with: each storm ``repeat`` times, violated ones ``confirm`` times.

    ``seconds`` is the time it took. ``interrupted`` is as in a report.
    """

    verdict: Verdict
    patchstorm: str
    date: str
    machine: str
    seed: int
    repeat: int
    confirm: int
    seconds: float
    rows: tuple[Row, ...]
    interrupted: bool | msgspec.UnsetType = msgspec.UNSET


def cell(
    storm: str,
    runs: Sequence[RunReport],
    command: str,
    known: Sequence[Concluded] = (),
    *,
    allow_unreached: bool = False,
) -> Cell:
    """What the runs of one plan come to; at least one. ``known`` are the target's own readings."""
    judged = [run for run in runs if run.verdict is not None]
    if not judged:
        return Cell(storm=storm, verdict=None, skipped=runs[0].skipped)
    whole = combined(judged, allow_unreached=allow_unreached)
    worst = whole.verdict
    if worst == "safe":
        judged = [released(run) for run in judged]  # what one of them reached, all have tried
    rates = _rates(judged)
    shown = next((run for run in judged if run.verdict == worst and _shows(run, rates)), whole)
    return Cell(
        storm=storm,
        verdict=worst,
        runs=len(judged),
        violated=sum(run.verdict == "violated" for run in judged),
        undecided=sum(run.verdict == "unknown" for run in judged),
        seconds=sum(run.seconds for run in judged),
        unknown=shown.unknown,
        rates=rates,
        finding=_plainest(shown),
        claims=tuple(
            dict.fromkeys(
                f"{one.checker}: {one.summary}" for one in _plainest_first(shown).findings
            )
        ),
        story=tuple(story(_plainest_first(shown))[:-1]) if shown.findings else (),
        steps=bool(shown.story),
        rules=whole.rules,
        failure=shown.failure,
        command=command,
        headers_alone=worst == "violated" and all(headers_alone(run) for run in judged),
        readings=tuple(
            Reading(kind=one.kind, says=one.says, source=one.source)
            for one in known
            if worst == "violated" and _speaks_of(one, storm, rates)
        ),
    )


def _rates(runs: Sequence[RunReport]) -> dict[str, int]:
    """In how many of the runs each checker found something, the plainest checker first."""
    counts = Counter(name for run in runs for name in {one.checker for one in run.findings})
    return {name: counts[name] for name in sorted(counts, key=_rank)}


def plainest(runs: Sequence[RunReport]) -> int | None:
    """Which of the runs a cell shows; None where nothing was violated."""
    rates = _rates([run for run in runs if run.verdict == "violated"])
    found = (
        number for number, run in enumerate(runs)
        if run.verdict == "violated" and _shows(run, rates)
    )  # fmt: skip
    return next(found, None)


def _shows(run: RunReport, rates: Mapping[str, int]) -> bool:
    """Whether the run has a finding of the plainest checker, if any checker found anything."""
    plainest = next(iter(rates), None)
    return plainest is None or any(one.checker == plainest for one in run.findings)


def _plainest_first(run: RunReport) -> RunReport:
    findings = tuple(sorted(run.findings, key=lambda one: _rank(one.checker)))
    return msgspec.structs.replace(run, findings=findings)


def _speaks_of(known: Concluded, storm: str, rates: Mapping[str, int]) -> bool:
    storms, checker = known.storms, known.checker
    return (storm in storms or EVERY in storms) and (not checker or checker in rates)


def _rank(checker: str) -> int:
    return TELLING.index(checker) * 2 if checker in TELLING else len(TELLING) * 2 - 3


def _plainest(run: RunReport) -> str:
    findings = sorted(run.findings, key=lambda one: _rank(one.checker))
    return f"{findings[0].checker}: {findings[0].summary}" if findings else ""


def word(one: Cell) -> str:
    """A cell in a word or two: how often out of how many where it is not plainly safe."""
    if one.verdict is None:
        return "-"
    if one.headers_alone:
        return SAFE_BUT
    if one.verdict == "violated":
        checker, count = next(iter(one.rates.items()))
        return f"{count}/{one.runs} {checker}"
    return one.verdict if one.verdict == "safe" else f"unknown {one.undecided}/{one.runs}"


def kind(one: Cell) -> str:
    """What a person called it; ``not read yet`` where nobody did."""
    if one.verdict != "violated":
        return ""
    return (
        " and ".join(dict.fromkeys(KINDS[reading.kind] for reading in one.readings))
        or "not read yet"
    )


def overview(matrix: Matrix) -> list[str]:
    """A table of Markdown: a line for each storm, a column for each server that was run."""
    rows = [row for row in matrix.rows if row.skipped is None]
    storms = dict.fromkeys(one.storm for row in rows for one in row.cells)
    lines = [
        "| storm | " + " | ".join(row.name for row in rows) + " |",
        "|---" * (len(rows) + 1) + "|",
    ]
    for storm in storms:
        words = [_linked(row, storm) for row in rows]
        if set(words) != {"-"}:
            lines.append(f"| `{storm}` | " + " | ".join(words) + " |")
    return lines


def _linked(row: Row, storm: str) -> str:
    found = next((one for one in row.cells if one.storm == storm), None)
    if found is None:
        return "-"
    said = word(found)
    if found.verdict != "violated":
        return said
    anchor = HEADERS if found.headers_alone else storm
    return f"[{said}](servers/{page(row.name)}#{anchor})"


def page(target: str) -> str:
    """The name of the page with the stories of ``target``."""
    return f"{target.replace('/', '_').replace(':', '-').replace(' ', '-')}.md"


def configurations(matrix: Matrix) -> list[str]:
    """A table of Markdown: what was run, and what it came to."""
    names = ("server", "version", "configuration", "safe", "violated", "of these, headers alone")
    lines = [f"| {' | '.join(names)} | unknown | do not apply |", "|---" * 8 + "|"]
    for row in matrix.rows:
        if row.skipped is not None:
            lines.append(f"| {row.name} | {row.version} | {row.skipped} | | | | | |")
            continue
        count = Counter(one.verdict for one in row.cells)
        headers = sum(one.headers_alone for one in row.cells)
        figures = [count["safe"], count["violated"], headers, count["unknown"], count[None]]
        said = " | ".join(str(figure) for figure in figures)
        lines.append(f"| {row.name} | {row.version} | {row.configuration} | {said} |")
    return lines


def stories(row: Row) -> list[str]:
    """A page of Markdown: every violated storm of one server, with its story and its command.

    Storms in which nothing but header rules went wrong share one section.
    """
    lines = [f"# {row.name}", "", f"{row.title}. Version {row.version}; {row.configuration}.", ""]
    violated = [one for one in row.cells if one.verdict == "violated"]
    for one in violated:
        if not one.headers_alone:
            lines += _section(one, one.storm)
    headers = [one for one in violated if one.headers_alone]
    if headers:
        named = ", ".join(f"`{one.storm}`" for one in headers)
        lines += _section(headers[0], HEADERS)
        lines += [f"The same, and nothing else, in {named}.", ""]
    return [*lines, *_not_run(row)]


def _section(one: Cell, title: str) -> list[str]:
    rates = ", ".join(f"`{name}` in {count}" for name, count in one.rates.items())
    lines = [f"## {title}", "", f"{one.violated} of {one.runs} runs: {rates}.", ""]
    for reading in one.readings:
        source = f" ({reading.source})" if reading.source else ""
        lines += [f"**{KINDS[reading.kind].capitalize()}**: {reading.says}{source}.", ""]
    told = _told(one)
    return [*lines, *_fenced("text", told), *_fenced("sh", [one.command])]


def _told(one: Cell) -> list[str]:
    """What was found; in the simulator with every step that it took."""
    if "conformance" in one.rates:
        return list(one.claims)
    return list(one.story) if one.steps else _first_finding(one)


def _first_finding(one: Cell) -> list[str]:
    """The plainest finding with its requests, on less than a screen."""
    end = one.story.index("") if "" in one.story else len(one.story)
    told = list(one.story[:end])
    if len(told) <= STORY_LINES_MAX:
        return told
    return [
        *told[: STORY_LINES_MAX - 1],
        f"    ... and {len(told) - STORY_LINES_MAX + 1} more lines",
    ]


def _fenced(language: str, lines: Sequence[str]) -> list[str]:
    return [FENCE + language, *lines, FENCE, ""]


def _not_run(row: Row) -> list[str]:
    skipped = [one for one in row.cells if one.verdict is None]
    if not skipped:
        return []
    lines = ["## Storms that do not apply", "", "| storm | reason |", "|---|---|"]
    return [*lines, *(f"| `{one.storm}` | {one.skipped} |" for one in skipped)]

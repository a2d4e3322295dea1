"""A self-test for people: a row for each planted bug and each innocent, then what is wrong, if anything."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from patchstorm.report.selftest import BugResult, InnocentResult, SelfTest

REASON_MAX: Final = 160
_STYLES: Final = {
    "found": "green", "missed": "bold red", "wrong-checker": "bold red",
    "innocent": "green", "accused": "bold red", "unknown": "yellow", "skipped": "dim",
}  # fmt: skip


def tell(result: SelfTest, console: Console) -> None:
    """The tables, what sums them up, and for each thing that is wrong how to look at it."""
    if result.bugs:
        console.print(_bugs(result.bugs))
        console.print()
    if result.innocents:
        console.print(_innocents(result.innocents))
        console.print()
    for line in (*_legend(result), *_sums(result), *_wrong(result)):
        console.print(Text(line), soft_wrap=True)


def _bugs(bugs: tuple[BugResult, ...]) -> Table:
    grid = _grid("planted bug", "storm", "found by")
    for name in ("after", "CPU s", "size"):
        grid.add_column(name, justify="right", no_wrap=True)
    for bug in bugs:
        grid.add_row(
            Text(bug.name),
            Text(bug.storm or ""),
            Text(_by(bug), style=_STYLES[bug.verdict]),
            str(bug.schedules),
            f"{bug.seconds:.2f}",
            "" if bug.choices is None else str(bug.choices),
        )
    return grid


def _by(bug: BugResult) -> str:
    if bug.verdict == "missed":
        missed = sum(trial.verdict == "missed" for trial in bug.trials)
        return f"missed {missed} of {len(bug.trials)}"
    said = f"{bug.checker}, {bug.strategy}"
    return said if bug.verdict == "found" else f"wrongly: {said}"


def _innocents(innocents: tuple[InnocentResult, ...]) -> Table:
    grid = _grid("innocent", "verdict", "remark")
    for name in ("schedules", "CPU s"):
        grid.add_column(name, justify="right", no_wrap=True)
    for one in innocents:
        grid.add_row(
            Text(one.name),
            Text(one.verdict, style=_STYLES[one.verdict]),
            Text(_remark(one)),
            str(one.schedules),
            f"{one.seconds:.2f}",
        )
    return grid


def _remark(one: InnocentResult) -> str:
    if one.verdict == "accused":
        return f"{one.storm}: {', '.join(one.checkers)}"
    if one.reason is not None:
        return one.reason if len(one.reason) <= REASON_MAX else f"{one.reason[:REASON_MAX]} ..."
    return one.storms[0] if len(one.storms) == 1 else f"{len(one.storms)} storms"


def _grid(*words: str) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for word in words:
        grid.add_column(word, overflow="fold")
    return grid


def _legend(result: SelfTest) -> Iterator[str]:
    if result.bugs:
        count = len(result.seeds)
        over = "one seed" if count == 1 else f"{count} seeds, medians"
        yield (
            f"after: schedules; CPU s: seconds of one processor; size: choices left in the shrunk "
            f"schedule; {over}"
        )


def _sums(result: SelfTest) -> Iterator[str]:
    said = []
    if result.bugs:
        found = sum(bug.verdict == "found" for bug in result.bugs)
        said.append(f"{found} of {len(result.bugs)} planted bugs found")
    asked = [trial.told for bug in result.bugs for trial in bug.trials if trial.told is not None]
    if asked:
        said.append(f"{sum(asked)} of {len(asked)} stories name the deed")
    if result.innocents:
        accused = sum(one.verdict == "accused" for one in result.innocents)
        schedules = sum(one.schedules for one in result.innocents)
        said.append(
            f"{accused} of {len(result.innocents)} innocents accused in {schedules} schedules"
        )
    yield f"{'; '.join(said) or 'nothing ended'}; {result.seconds:.1f} s"
    if result.pairs is not None:
        yield f"in composed storms of innocents {result.pairs}; `--json` names the others"


def _wrong(result: SelfTest) -> Iterator[str]:
    """What must not be, each with the command that shows it."""
    for bug in result.bugs:
        for trial in bug.trials:
            if trial.verdict == "missed":
                yield ""
                why = trial.reason or f"nobody spoke in {trial.schedules} schedules"
                yield f"{bug.name} was missed from seed {trial.seed}: {why}"
                if trial.storm is not None:
                    yield (
                        f"patchstorm explore {trial.storm} --target bug:{bug.name} "
                        f"--seed {trial.seed} --schedules {result.budget}"
                    )
            elif trial.verdict == "wrong-checker":
                yield ""
                yield (
                    f"{bug.name} was accused from seed {trial.seed} by {', '.join(trial.unexpected)}, "
                    "whom the catalogue does not expect"
                )
                yield f"patchstorm replay {shlex.quote(str(trial.failure))}"
            elif trial.told is False:
                yield ""
                yield (
                    f"{bug.name} was found from seed {trial.seed}, and its story does not name the deed "
                    "that the catalogue says"
                )
                yield f"patchstorm replay {shlex.quote(str(trial.failure))}"
    for one in result.innocents:
        if one.verdict == "accused":
            yield ""
            yield f"{one.name} was accused in {one.storm} by {', '.join(one.checkers)}"
            yield f"patchstorm replay {shlex.quote(str(one.failure))}"

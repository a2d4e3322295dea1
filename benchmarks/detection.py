"""How soon each strategy finds each planted bug. Run: ``python benchmarks/detection.py``.

Every bug of the catalogue is hunted in the storm that shows it soonest, from several seeds, by every
strategy; with ``--blind``, in all storms in turn and believing every checker, as if nothing were known of it.
Prints two tables in Markdown: what each strategy came to, and each bug on which they differ. A hunt that is
given up counts with its whole budget. Schedules do not depend on the machine; seconds are of one processor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

import msgspec

from patchstorm.campaign.selftest import Asked, selftest
from patchstorm.campaign.suspects import Suspect, chosen, suspects, unknown_suspects
from patchstorm.catalog.table import BUGS
from patchstorm.choice.portfolio import NAMES, check_name
from patchstorm.report.progress import Lines
from patchstorm.report.selftest import BugResult

KEPT = Path("patchstorm-runs")


def main() -> int:
    asked = _arguments()
    known = unknown_suspects(BUGS) if asked.blind else suspects(BUGS)
    bugs, _ = chosen(asked.only, known, ())
    results = {name: _hunted(name, bugs, asked) for name in asked.strategies}
    print(_totals(results))
    print()
    print(_differences(results))
    if asked.json is not None:
        asked.json.write_bytes(msgspec.json.encode(results) + b"\n")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strategies", nargs="+", default=list(NAMES), metavar="NAME")
    parser.add_argument("--only", nargs="+", default=[], metavar="BUG")
    parser.add_argument("--blind", action="store_true")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path, help="write everything here as well")
    asked = parser.parse_args()
    for name in asked.strategies:
        check_name(name)
    return asked


def _hunted(
    strategy: str, bugs: tuple[Suspect, ...], asked: argparse.Namespace
) -> tuple[BugResult, ...]:
    sys.stderr.write(f"{strategy}\n")
    result = selftest(
        Asked(
            suspects=bugs,
            innocents=(),
            seeds=tuple(range(1, asked.seeds + 1)),
            budget=asked.budget,
            schedules=1,
            jobs=asked.jobs,
            out_dir=KEPT,
            shrink=False,
            strategy=strategy,
        ),
        Lines(len(bugs)),
    )
    if result.interrupted:
        raise KeyboardInterrupt
    return result.bugs


def _totals(results: dict[str, tuple[BugResult, ...]]) -> str:
    rows = ["| strategy | found | median | mean | worst | CPU seconds, mean | worst |"]
    rows.append("|---|---|---|---|---|---|---|")
    for name, bugs in results.items():
        trials = [trial for bug in bugs for trial in bug.trials]
        found = sum(trial.verdict == "found" for trial in trials)
        schedules = [trial.schedules for trial in trials]
        seconds = [trial.seconds for trial in trials]
        rows.append(
            f"| `{name}` | {found} of {len(trials)} | {statistics.median_low(schedules)} "
            f"| {statistics.mean(schedules):.1f} | {max(schedules)} "
            f"| {statistics.mean(seconds):.2f} | {max(seconds):.1f} |"
        )
    return "\n".join(rows)


def _differences(results: dict[str, tuple[BugResult, ...]]) -> str:
    """Median schedules of each bug that some strategy does not find at once."""
    names = list(results)
    rows = [f"| bug | {' | '.join(f'`{name}`' for name in names)} |"]
    rows.append("|---" * (len(names) + 1) + "|")
    for bugs in zip(*results.values(), strict=True):
        medians = [statistics.median_low([one.schedules for one in bug.trials]) for bug in bugs]
        if max(medians) > 1:
            cells = [
                f"{median}" if bug.verdict == "found" else f"{median}, {_lost(bug)}"
                for bug, median in zip(bugs, medians, strict=True)
            ]
            rows.append(f"| `{bugs[0].name}` | {' | '.join(cells)} |")
    return "\n".join(rows)


def _lost(bug: BugResult) -> str:
    """Hunts that found nothing, or in which somebody spoke who must not."""
    lost = sum(trial.verdict != "found" for trial in bug.trials)
    return f"lost {lost} of {len(bug.trials)}"


if __name__ == "__main__":
    sys.exit(main())

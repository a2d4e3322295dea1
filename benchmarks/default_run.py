"""Which planted bugs the default run finds in the simulator. Run: ``python benchmarks/default_run.py``.

Every bug of the catalogue is the target of ``patchstorm run --world sim``, with no storm named and no budget
given, until a storm is violated: what somebody sees who knows of nothing. Bugs that ended are noted in a file
(the same command goes on from there). Prints the share that was found, and a line for each that was not.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from patchstorm.catalog.table import BUGS

STATE = Path("patchstorm-runs/default-run.jsonl")
COMMAND = (
    sys.executable,
    "-m",
    "patchstorm",
    "run",
    "--world",
    "sim",
    "-x",
    "--no-corpus",
    "--json",
)


@dataclass(frozen=True, slots=True)
class Ran:
    """One bug under one seed: ``storm`` was violated, ``checkers`` spoke; ``cpu_s`` of all its processes."""

    bug: str
    seed: int
    verdict: str
    storm: str | None
    checkers: tuple[str, ...]
    cpu_s: float


def main() -> None:
    asked = _arguments()
    asked.state.parent.mkdir(parents=True, exist_ok=True)
    ran = {(one.bug, one.seed): one for one in _noted(asked.state)}
    wanted = [
        (bug, seed) for seed in range(asked.seed, asked.seed + asked.seeds) for bug in _bugs(asked)
    ]
    with asked.state.open("a") as notes:
        for number, (bug, seed) in enumerate(wanted, 1):
            if (bug, seed) not in ran:
                one = ran[bug, seed] = _run(bug, seed, asked.jobs)
                notes.write(json.dumps(asdict(one)) + "\n")
                notes.flush()
                sys.stderr.write(f"[{number}/{len(wanted)}] {bug}: {_told(one)}\n")
    _print([ran[one] for one in wanted])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sample", type=int, help="so many bugs, drawn by the first seed")
    parser.add_argument("--only", nargs="+", metavar="BUG")
    parser.add_argument("--jobs", type=int, default=2, help="storms at once")
    parser.add_argument("--state", type=Path, default=STATE)
    return parser.parse_args()


def _bugs(asked: argparse.Namespace) -> list[str]:
    names = [bug.name for bug in BUGS if asked.only is None or bug.name in asked.only]
    if asked.sample is None or asked.sample >= len(names):
        return names
    drawn = set(random.Random(asked.seed).sample(names, asked.sample))
    return [name for name in names if name in drawn]


def _noted(state: Path) -> Iterator[Ran]:
    if state.exists():
        for line in state.read_text().splitlines():
            yield Ran(**json.loads(line))


def _run(bug: str, seed: int, jobs: int) -> Ran:
    """The command as a user gives it; RuntimeError where it came to no verdict."""
    before = _cpu_s()
    done = subprocess.run(
        [*COMMAND, "--target", f"bug:{bug}", "--seed", str(seed), "--jobs", str(jobs)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1, 2) or not done.stdout:
        raise RuntimeError(f"{bug}: exit code {done.returncode}: {done.stderr[-500:]}")
    report = json.loads(done.stdout)
    bad = next((run for run in report["runs"] if run["verdict"] == "violated"), None)
    return Ran(
        bug=bug,
        seed=seed,
        verdict=report["verdict"],
        storm=None if bad is None else bad["scenario"],
        checkers=() if bad is None else tuple(sorted({one["checker"] for one in bad["findings"]})),
        cpu_s=round(_cpu_s() - before, 1),
    )


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _told(one: Ran) -> str:
    where = "" if one.storm is None else f" in {one.storm} by {', '.join(one.checkers)}"
    return f"{one.verdict}{where}, {one.cpu_s:.1f} s"


def _print(ran: list[Ran]) -> None:
    found = [one for one in ran if one.verdict == "violated"]
    print(f"{len(found)} of {len(ran)} found, {100 * len(found) / len(ran):.1f} %")
    seconds = [one.cpu_s for one in ran]
    print(
        f"seconds of one processor: median {statistics.median(seconds):.1f}, all {sum(seconds):.0f}"
    )
    for one in ran:
        if one.verdict != "violated":
            print(f"| `{one.bug}` | seed {one.seed} | {one.verdict} | {one.cpu_s:.1f} s |")


if __name__ == "__main__":
    main()

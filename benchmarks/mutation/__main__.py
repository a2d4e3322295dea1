"""Mutation testing with storms as the test suite. Run: ``python -m benchmarks.mutation`` in a checkout.

``run`` tries a seeded sample of mutants of the reference against all storms in the simulator, at most two
at a time or on a cluster, and goes on where an earlier run was stopped. ``report`` prints the tables of what
was run, ``show`` one mutant, ``stale`` the entries of the reviewed list that are of no mutant any more.
"""

from __future__ import annotations

import argparse
import sys
from difflib import unified_diff
from pathlib import Path

from benchmarks.mutation.mutants import Mutant
from benchmarks.mutation.report import report, share, told
from benchmarks.mutation.sample import MODULES, equivalents, population, sampled, source_of
from benchmarks.mutation.storms import Bench, Budget, NotSafe

from patchstorm.errors import ClusterLostError, UsageError, WorkerDiedError

OUT = Path("patchstorm-runs/mutation")
SAMPLE = 320
AGAIN = ("survived", "stale", "all")


def main() -> int:
    asked = _parser().parse_args()
    unknown = sorted(set(asked.modules) - set(MODULES))
    if unknown:
        return _refuse(f"--modules: {unknown[0]} is none of {', '.join(MODULES)}")
    try:
        code: int = asked.act(asked)
        return code
    except ClusterLostError as error:
        return _refuse(f"{error}; the same command goes on from here")
    except (UsageError, WorkerDiedError, NotSafe) as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutation", description=__doc__)
    acts = parser.add_subparsers(required=True)
    for name, act in (("run", _run), ("report", _report), ("show", _show), ("stale", _stale)):
        sub = acts.add_parser(name)
        sub.set_defaults(act=act)
        sub.add_argument("--out", type=Path, default=OUT, help="where results are kept")
        sub.add_argument("--modules", type=_names, default=MODULES, help="store,session,...")
        sub.add_argument("--sample", type=_count, default=SAMPLE, help="how many mutants; 0: all")
        sub.add_argument("--seed", type=int, default=1, help="of the sample")
        sub.add_argument("--only", type=_names, default=(), help="these mutants")
        if name == "show":
            sub.add_argument("id")
        if name == "run":
            sub.add_argument("--schedules", type=int, default=40, help="of each storm")
            sub.add_argument("--storms", type=_names, default=(), help="these storms only")
            sub.add_argument("--jobs", type=int, choices=(1, 2), default=2)
            sub.add_argument("--cluster", help="a dask scheduler, its file, or local:N")
            sub.add_argument("--again", choices=AGAIN, help="try these a second time")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


def _count(text: str) -> int | None:
    return int(text) or None


def _chosen(asked: argparse.Namespace) -> list[Mutant]:
    found = population(asked.modules)
    if asked.only:
        return [mutant for mutant in found if mutant.id in asked.only]
    return sampled(found, asked.sample, asked.seed)


def _run(asked: argparse.Namespace) -> int:
    asked.out.mkdir(parents=True, exist_ok=True)
    budget = Budget(schedules=asked.schedules, scenarios=tuple(asked.storms))
    with Bench(budget, out=asked.out) as bench:
        unreached = bench.baseline()
        print(f"the code as it stands is safe in {len(budget.order)} storms", flush=True)
        chosen = _chosen(asked)
        kept, suite = bench.results(), bench.suite()
        left = [mutant for mutant in chosen if _due(kept.get(mutant.id), asked.again, suite)]
        print(f"{len(chosen)} mutants, {len(left)} to try", flush=True)
        for count, row in enumerate(bench.run(left, unreached, asked.jobs, asked.cluster), 1):
            print(f"{count:4d}/{len(left)} {row['seconds']:6.1f} s  {told(row)}", flush=True)
    return _report(asked)


def _due(row: dict[str, object] | None, again: str | None, suite: str) -> bool:
    if row is None or again == "all":
        return True
    if again == "survived":
        return row["verdict"] == "survived"
    return again == "stale" and row["suite"] != suite


def _report(asked: argparse.Namespace) -> int:
    results = Bench(Budget(), out=asked.out).results()
    rows = [results[mutant.id] for mutant in _chosen(asked) if mutant.id in results]
    judged = equivalents()
    print(report(rows, judged))
    killed, counted = share(rows, judged)
    suites = len({row["suite"] for row in rows})
    percent = 100 * killed / counted if counted else 0.0
    print(
        f"\n{len(rows)} mutants tried, {len(rows) - counted} equivalent; killed {killed} of {counted}: "
        f"{percent:.1f} %" + (f" ({suites} different suites)" if suites > 1 else "")
    )
    return 0


def _show(asked: argparse.Namespace) -> int:
    for mutant in population(asked.modules):
        if mutant.id == asked.id:
            old, new = source_of(mutant.module).splitlines(), mutant.source.splitlines()
            name = f"{mutant.module}.py"
            print("\n".join(unified_diff(old, new, name, f"{name} ({mutant.id})", lineterm="")))
            return 0
    return _refuse(f"there is no mutant {asked.id} in {', '.join(asked.modules)}")


def _stale(asked: argparse.Namespace) -> int:
    known = {mutant.id for mutant in population(asked.modules)}
    gone = [
        one
        for name, one in equivalents().items()
        if name not in known and one.module in asked.modules
    ]
    for one in gone:
        print(
            f"{one.module} {one.function}: no mutant any more\n    - {one.before}\n    + {one.after}"
        )
    return 1 if gone else 0


def _refuse(said: str) -> int:
    sys.stderr.write(f"benchmarks.mutation: {said}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())

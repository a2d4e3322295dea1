"""The storms as a test suite for mutants: each mutant in a process of its own, and its result kept.

A result is a line of JSON in ``results.jsonl`` as soon as it is there, so a run that was stopped goes on
where it was. ``suite`` is a digest of what judged: harness, storms, reference and budget. The code as it
stands goes first, and must be safe in every storm; what it is told there is held against the mutants.

Mutants are tried two at once, or by the workers of a cluster. What travels there is the mutant's text and the
budget, so a worker needs this checkout and nothing that makes mutants.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import chunkstore
import patchstorm
from patchstorm.campaign.crew import outcomes
from patchstorm.errors import UsageError
from patchstorm.scenario.library import names

if TYPE_CHECKING:
    from benchmarks.mutation.mutants import Mutant

PACKAGE = Path(chunkstore.__file__).parent
TRIAL = Path(__file__).with_name("trial.py")
SCHEDULE_S_MAX = (
    15.0  # of processor time; the longest schedule of the reference takes half a second
)
FIRST = (
    "replaying", "conflicting", "conformance-strict", "late-replays", "truncated", "resuming",
    "terminating", "sequential",
    "rivals", "rivals-overwrite", "overlapping", "checksums-wrong", "zero-bytes", "crash-publishing",
    "creating", "damage", "expiring", "crash-committing", "stale-mount", "power-loss", "failing-disk",
    "lost-replies", "disk-full-assembling", "crash-assembling", "late-after-termination",
)  # fmt: skip
"""The likeliest killers come first, the crowds last; the verdict does not depend on it, the time does."""
LAST = ("many",)


class NotSafe(Exception):
    """The code as it stands is accused: nothing can be measured with that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a mutant has to survive. ``schedules`` of each storm; ``scenarios`` empty: all."""

    schedules: int = 40
    seed: int = 0
    scenarios: tuple[str, ...] = ()

    @property
    def passes(self) -> list[int]:
        """Few schedules of each storm first, then more and more."""
        left, sizes, size = self.schedules, [], 1
        while left > 0:
            sizes.append(min(size, left))
            left -= sizes[-1]
            size *= 3
        return sizes

    @property
    def order(self) -> list[str]:
        chosen = self.scenarios or names()
        early = [name for name in FIRST if name in chosen]
        rest = [name for name in chosen if name not in FIRST and name not in LAST]
        return [*early, *rest, *(name for name in LAST if name in chosen)]


@dataclass(slots=True)
class Trials:
    """Trials with one budget, in processes of this machine; a context manager, which ends them."""

    budget: Budget
    _servers: list[subprocess.Popen[str]] = field(default_factory=list, init=False)
    _idle: deque[subprocess.Popen[str]] = field(default_factory=deque, init=False)

    def suite(self) -> str:
        """What judges, in short."""
        harness = Path(patchstorm.__file__).parent
        files = [*harness.rglob("*.py"), *PACKAGE.glob("*.py"), TRIAL]
        files += (harness.parents[1] / "scenarios").glob("*.toml")
        sha = hashlib.sha256(repr(self.budget).encode())
        for path in sorted(files):
            sha.update(path.name.encode() + b"\0" + path.read_bytes())
        return sha.hexdigest()[:12]

    def trial(self, module: str | None, source: str) -> dict[str, Any]:
        """One process: what was found (null for nothing), schedules, processor seconds."""
        asked = {
            "module": None if module is None else f"chunkstore.{module}", "source": source,
            "scenarios": self.budget.order, "passes": self.budget.passes,
            "seed": self.budget.seed, "seconds": SCHEDULE_S_MAX,
        }  # fmt: skip
        try:
            server = self._idle.pop()
        except IndexError:
            server = self._start()
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        said: list[dict[str, Any]] = []
        for line in server.stdout:
            said.append(json.loads(line))
            if "ended" in said[-1]:
                self._idle.append(server)
                return _told(said)
        raise RuntimeError(f"the process that tries mutants ended with {server.wait()}")

    def _start(self) -> subprocess.Popen[str]:
        server = subprocess.Popen(
            [sys.executable, "-P", str(TRIAL)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self._servers.append(server)
        return server

    def close(self) -> None:
        """End the processes, and what they have forked."""
        for server in self._servers:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.communicate()
        self._servers, self._idle = [], deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def judge(self, task: Task) -> dict[str, Any]:
        """A mutant's result."""
        told = self.trial(task.module, task.source)
        found = told["found"]
        new = [one for one in told["unreached"] if one not in task.unreached]
        if found is None and new:
            storm, _, situation = new[0].partition(": ")
            found = {"storm": storm, "index": None, "checkers": ["unreached"],
                     "said": f"no schedule reached {situation}", "repeated": True}  # fmt: skip
        return {
            **task.about,
            "verdict": "survived" if found is None else "killed", "found": found,
            "schedules": told["schedules"], "seconds": round(told["seconds"], 2),
            "suite": task.suite,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A mutant to try: plain data, also for another machine. ``about`` is what its result says of it."""

    module: str
    source: str
    about: dict[str, Any]
    unreached: tuple[str, ...]
    budget: Budget
    suite: str


@dataclass(slots=True)
class Bench(Trials):
    """Trials whose results lie below ``out``."""

    out: Path = field(kw_only=True)

    def results(self) -> dict[str, dict[str, Any]]:
        """The latest result of each mutant."""
        found: dict[str, dict[str, Any]] = {}
        with suppress(FileNotFoundError), open(self._file) as lines:
            for line in lines:
                with suppress(json.JSONDecodeError):  # the last line of a run that was killed
                    row = json.loads(line)
                    found[row["id"]] = row
        return found

    @property
    def _file(self) -> Path:
        return self.out / "results.jsonl"

    def baseline(self) -> list[str]:
        """The code as it stands, which must be safe; returns the situations no schedule reached.

        Raises :class:`NotSafe`.
        """
        suite, file = self.suite(), self.out / "baseline.json"
        with suppress(FileNotFoundError):
            kept = json.loads(file.read_text())
            if kept["suite"] == suite:
                return list(kept["unreached"])
        told = self.trial(None, "")
        if told["found"] is not None:
            raise NotSafe(f"the unmutated code is accused: {told['found']}")
        file.write_text(json.dumps({"suite": suite, **told}))
        return list(told["unreached"])

    def run(
        self,
        mutants: Iterable[Mutant],
        unreached: Sequence[str],
        jobs: int,
        cluster: str | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Try all of them, and yield each result when it has been written down.

        ``cluster`` is the address of a dask scheduler, whose workers do it then. UsageError for one that has
        other storms, or no checkout.
        """
        suite, budget = self.suite(), self.budget
        tasks = (_task(one, tuple(unreached), budget, suite) for one in mutants)
        try:
            with open(self._file, "a") as out:
                for row in self._here(tasks, jobs) if cluster is None else _away(tasks, cluster):
                    out.write(json.dumps(row) + "\n")
                    out.flush()
                    yield row
        finally:
            self.close()  # what is under way ends, so that nobody has to wait for it

    def _here(self, tasks: Iterator[Task], jobs: int) -> Iterator[dict[str, Any]]:
        under_way: set[Future[dict[str, Any]]] = set()
        with ThreadPoolExecutor(jobs) as pool:
            try:
                while True:
                    for task in islice(tasks, jobs - len(under_way)):
                        under_way.add(pool.submit(self.judge, task))
                    if not under_way:
                        return
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            finally:
                self.close()  # before the pool waits for its threads


def _task(mutant: Mutant, unreached: tuple[str, ...], budget: Budget, suite: str) -> Task:
    about = {
        "id": mutant.id, "module": mutant.module, "function": mutant.function,
        "operator": mutant.operator, "line": mutant.line, "before": mutant.before,
        "after": mutant.after, "ordinal": mutant.ordinal,
    }  # fmt: skip
    return Task(
        module=mutant.module, source=mutant.source, about=about, unreached=unreached,
        budget=budget, suite=suite,
    )  # fmt: skip


def _away(tasks: Iterator[Task], cluster: str) -> Iterator[dict[str, Any]]:
    try:
        for _, row in outcomes(_tried, tasks, 1, cluster):
            yield row
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != __name__.partition(".")[0]:
            raise
        raise UsageError(
            f"--cluster {cluster}: a worker cannot import {error.name}. Start workers in a checkout of this "
            "state: python -m distributed.cli.dask_worker ADDR"
        ) from None


_trials: Trials | None = None


def _tried(task: Task) -> dict[str, Any]:
    """In a worker of a cluster, which keeps its processes for the next task. They end when it does."""
    global _trials  # noqa: PLW0603 - a worker has one set of storms loaded at a time
    if _trials is None or _trials.budget != task.budget:
        if _trials is not None:
            _trials.close()
        _trials = Trials(task.budget)
    suite = _trials.suite()
    if suite != task.suite:
        raise UsageError(
            f"--cluster: a worker on {platform.node()} has other storms or other code ({suite}, and here is "
            f"{task.suite}). Bring its checkout to the same state."
        )
    return _trials.judge(task)


def _told(said: list[dict[str, Any]]) -> dict[str, Any]:
    """What a process said before it ended; one that did not get to a verdict hung, or crashed."""
    if len(said) > 1 and said[-2].get("done"):
        return said[-2]
    code = int(said[-1]["ended"])
    hung = code in (-signal.SIGPROF, -signal.SIGALRM)
    at = next((one["at"] for one in reversed(said) if "at" in one), "start")
    return {
        "done": True, "schedules": 0, "seconds": SCHEDULE_S_MAX if hung else 0.0, "unreached": [],
        "found": {"storm": at, "index": None, "checkers": ["hang" if hung else "crash"],
                  "said": f"the process ended with {code}", "repeated": True},
    }  # fmt: skip

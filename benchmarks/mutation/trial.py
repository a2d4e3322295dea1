"""One mutant before the storms, in a process of its own. Run by ``storms.py``; not a command by itself.

Reads JSON objects, one a line, on standard input: ``module`` (a module of ``chunkstore``, or null for the
code as it stands), ``source`` (its mutated text), ``scenarios``, ``passes`` (schedules of each storm in the
first pass, the second, ...), ``seed``, ``seconds`` (processor time that one schedule may take). For each it
forks a process, in which the mutated module is imported in place of the original; no file is touched.
What does not import ``chunkstore`` is imported before, once. Writes JSON lines: where it is, the verdict,
and how the process ended.

The search is breadth first: a few schedules of every storm, then some more, since most mutants die in
the first schedule of the right storm.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
from collections.abc import Sequence
from itertools import accumulate, pairwise
from time import process_time
from types import CodeType, ModuleType
from typing import Any

MEMORY_BYTES_MAX = 4 << 30
TRIAL_S_MAX = 3600  # by the clock: a process that waits for nothing is ended then
_FIRST = (
    "asyncio", "multiprocessing", "numpy", "patchstorm.check", "patchstorm.choice.portfolio",
    "patchstorm.scenario.library", "patchstorm.scenario.storm", "patchstorm.worlds.sim.kernel",
    "patchstorm.storage.client", "patchstorm.storage.server", "patchstorm.target.registry",
)  # fmt: skip


class Replaced(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives one module other source; everything else is found as usual."""

    def __init__(self, module: str, source: str) -> None:
        self._module = module
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=f"<mutant of {fullname}>")

    def get_source(self, fullname: str) -> str:
        return self._source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, f"<mutant of {fullname}>", "exec", dont_inherit=True)


def say(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


class Trial:
    """The storms against whatever ``chunkstore`` is in this process."""

    def __init__(self, asked: dict[str, Any]) -> None:
        from patchstorm.campaign.budget import SCHEDULES_DEFAULT, schedules_default
        from patchstorm.campaign.schedules import Search, Session
        from patchstorm.campaign.skipping import session_skip_reason
        from patchstorm.scenario.library import load

        self._seed: int = asked["seed"]
        self._seconds: float = asked["seconds"]
        self._passes: list[int] = asked["passes"]
        self.schedules = 0
        self._sessions: dict[str, Session] = {}
        self._most: dict[str, int] = {}
        for name in asked["scenarios"]:
            scenario = load(name)
            session = Session.of(Search(scenario=scenario, target="reference", seed=self._seed))
            if session_skip_reason(session, claimed_only=True) is None:
                self._sessions[name] = session
                crowd = schedules_default(scenario) < SCHEDULES_DEFAULT
                self._most[name] = schedules_default(scenario) if crowd else sum(self._passes)
        self._met: dict[str, set[str]] = {name: set() for name in self._sessions}

    def go(self) -> dict[str, Any] | None:
        """What gave the mutant away, or None."""
        marks = [0, *accumulate(self._passes)]
        for start, end in pairwise(marks):
            for name, most in self._most.items():
                found = self._storm(name, range(start, min(end, most)))
                if found is not None:
                    return found
        return None

    @property
    def unreached(self) -> list[str]:
        """The situations that a storm has to get into and did not."""
        return [
            f"{name}: {one}"
            for name, session in self._sessions.items()
            for one in session.search.scenario.reaches
            if one not in self._met[name]
        ]

    def _storm(self, name: str, indices: range) -> dict[str, Any] | None:
        say(at=name)
        for index in indices:
            found = self._schedule(name, index)
            if found is not None:
                again = self._schedule(name, index, fresh=True)
                found["repeated"] = again is not None and again["checkers"] == found["checkers"]
                return found
        return None

    def _schedule(self, name: str, index: int, *, fresh: bool = False) -> dict[str, Any] | None:
        from patchstorm.campaign.schedules import Session
        from patchstorm.errors import NondeterminismError

        session = self._sessions[name]
        if fresh:
            session = Session.of(session.search)
        else:
            self.schedules += 1
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        try:
            told = session.tell(index)
        except NondeterminismError as error:
            return _found(name, index, ("nondeterminism",), str(error))
        except Exception as error:
            return _found(name, index, ("crash",), f"{type(error).__name__}: {error}")
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        self._met[name].update(point.name for point in told.points if point.reached)
        if told.verdict == "violated":
            checkers = tuple(dict.fromkeys(one.checker for one in told.findings))
            return _found(name, index, checkers, told.findings[0].summary)
        if told.verdict == "unknown":
            return _found(name, index, ("unknown",), told.unknown or "no checker applied")
        return None


def attempt(asked: dict[str, Any]) -> None:
    """One trial, in this process, which is good for no other afterwards."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(TRIAL_S_MAX)
    if asked["module"] is not None:
        sys.meta_path.insert(0, Replaced(asked["module"], asked["source"]))
    say(at="start")
    found: dict[str, Any] | None
    schedules, unreached = 0, []
    try:
        trial = Trial(asked)
    except Exception as error:
        found = _found("start", None, ("crash",), f"{type(error).__name__}: {error}")
    else:
        found = trial.go()
        schedules, unreached = trial.schedules, trial.unreached
    say(
        done=True, found=found, schedules=schedules, seconds=process_time(),
        unreached=[] if found else unreached,
    )  # fmt: skip


def main() -> None:
    for name in _FIRST:
        importlib.import_module(name)
    assert "chunkstore" not in sys.modules, "a mutant has to be the first to be imported"
    for line in sys.stdin:
        child = os.fork()
        if not child:
            attempt(json.loads(line))
            os._exit(0)
        say(ended=ending(child))


def ending(child: int) -> int:
    """What ``child`` ended with. It ends with us, and we end when nobody is left who asked.

    Whoever asked says nothing more until it is told how this one ended, so that standard input is readable
    meanwhile when it was closed, and only then.
    """
    with open(os.pidfd_open(child), "rb", buffering=0) as end:
        ready, _, _ = select.select([end, sys.stdin], [], [])
    if end not in ready:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise SystemExit
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _found(name: str, index: int | None, checkers: tuple[str, ...], said: str) -> dict[str, Any]:
    return {
        "storm": name, "index": index, "checkers": list(checkers), "said": said[:300],
        "repeated": True,
    }  # fmt: skip


if __name__ == "__main__":
    main()

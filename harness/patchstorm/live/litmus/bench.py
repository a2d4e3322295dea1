"""Runs litmus programs on a stand, with one process for each host, and says what each step gave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Collection
from typing import Final

from patchstorm.errors import InconclusiveError
from patchstorm.live.litmus.stand import Stand
from patchstorm.storage.litmus.program import EVENTS, OF_DISKS, Program, Race, Step, verbs
from patchstorm.storage.litmus.runner import Outcome
from patchstorm.storage.litmus.shell import Value

AGENT: Final = "patchstorm.live.litmus.agent"
ANSWER_S_MAX: Final = 90.0
WAITS_S: Final = 4.0
"""A call that may wait, and does so for this long, is said to wait."""
LOCK_S_MAX: Final = 30.0
"""For a lock that a race waits for. Its holder has a step or two to go, unless they wait for each other."""
LINE_BYTES_MAX: Final = 1 << 24
PACE_S: Final = 0.03
"""Between two steps: more than a tick of the clock that stamps files, as in the model. Else version 3
could pass for having missed a change, where it did not."""


class UnansweredError(InconclusiveError):
    """A step did not end."""


class Agent:
    """One host: a process that executes steps, one after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Task[bytes] | None = None
        self.died = False

    async def ask(self, *, wait_s: float = ANSWER_S_MAX, **request: str) -> Value:
        """The answer. TimeoutError when there is none in time; it is then waited for next time."""
        async with self._turn:
            return await self._ask(request, wait_s)

    async def _ask(self, request: dict[str, str], wait_s: float) -> Value:
        if self._waiting is not None:
            await self._answer(self._waiting, ANSWER_S_MAX)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        with contextlib.suppress(ConnectionError):  # of one that died no line comes, either
            await self._process.stdin.drain()
        self._waiting = asyncio.ensure_future(self._process.stdout.readline())
        return await self._answer(self._waiting, wait_s)

    async def _answer(self, waiting: asyncio.Task[bytes], wait_s: float) -> Value:
        line = await asyncio.wait_for(asyncio.shield(waiting), wait_s)
        self._waiting = None
        if not line:
            self.died = True
            raise InconclusiveError("a process of a litmus program died")
        return json.loads(line)

    async def stop(self) -> None:
        """SIGKILL, not by ``Process.kill``: that may reap the process, which asyncio does elsewhere, and says
        that it was somebody else."""
        if self._waiting is not None:
            self._waiting.cancel()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
        await self._process.wait()


class Bench:
    """A stand with its processes; an asynchronous context manager that leaves none behind.

    Programs may run side by side, save for those with events, which want a bench and hosts to themselves.
    Several benches may share a stand. ``tidy`` removes a program's files when it has ended, so that any
    number of programs has room; a server gives that room back when it likes, which programs about a full
    disk would notice.
    """

    def __init__(self, stand: Stand, name: str = "", *, tidy: bool = False) -> None:
        self._stand = stand
        self._tidy = tidy
        self._name = name
        self._agents: dict[str, Agent] = {}
        self._begun: set[tuple[str, str]] = set()  # host and program
        self._starting = asyncio.Lock()
        self._count = 0

    async def __aenter__(self) -> Bench:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop_all()

    async def run(self, program: Program) -> Outcome:
        """The outcome of one execution in a fresh directory.

        InconclusiveError where a step does not answer: what was run then says nothing.
        """
        self._count += 1
        directory = f"{self._name}{self._count:03}-{program.name}"
        self._stand.make(directory)
        results: list[Value] = []
        try:
            for part in program.parts:
                if isinstance(part, Race):
                    results.extend(await self._race(part, directory))
                else:
                    results.append(await self._step(part, directory))
                await asyncio.sleep(PACE_S)
        except UnansweredError:
            await self._stop_all()
            raise
        except InconclusiveError:
            await self._stop_dead()
            raise
        except TimeoutError:
            await self._stop_all()
            raise UnansweredError(f"a process did not begin within {ANSWER_S_MAX:.0f} s") from None
        for host, name in sorted(self._begun):
            if name == directory:
                self._begun.discard((host, name))
                await self._agents[host].ask(program=directory)
        if any(step.commands.split()[0] in EVENTS for step in program.steps):
            await self._stop_all()
            await self._stand.settle()
        if self._tidy:
            self._stand.remove(directory)
        return tuple(results)

    async def _stop_all(self) -> None:
        agents = list(self._agents.values())
        self._agents.clear()
        self._begun.clear()
        for agent in agents:
            await agent.stop()

    async def _stop_dead(self) -> None:
        """Of a process that died, and no other: programs side by side would take each other down in turn."""
        for host, agent in list(self._agents.items()):
            if agent.died and self._agents.pop(host, None) is not None:
                self._begun = {begun for begun in self._begun if begun[0] != host}
                await agent.stop()

    async def _agent(self, host: str, directory: str) -> Agent:
        async with self._starting:
            if host not in self._agents:
                process = await asyncio.create_subprocess_exec(
                    *self._stand.enter(host, sys.executable, "-m", AGENT),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    limit=LINE_BYTES_MAX,
                )
                self._agents[host] = Agent(process)
        agent = self._agents[host]
        if (host, directory) not in self._begun:
            self._begun.add((host, directory))
            await agent.ask(program=directory, root=str(self._stand.root(host, directory)))
        return agent

    async def _step(self, step: Step, directory: str) -> Value:
        words = step.commands.split()
        if words[0] == "sleep":
            await asyncio.sleep(float(words[1]))
            return None
        if words[0] in EVENTS:
            await self._event(step.host, words[0])
            return None
        agent = await self._agent(step.host, directory)
        waits = _waits(step)
        wait_s = ANSWER_S_MAX if waits is None else WAITS_S
        try:
            return await agent.ask(program=directory, step=step.commands, wait_s=wait_s)
        except TimeoutError:
            if waits is None:
                raise _unanswered(step, wait_s) from None
            return waits

    async def _event(self, host: str, event: str) -> None:
        """A host that crashes is cut off first: what its dying processes still say is not heard."""
        if event != "kill":
            await self._stand.event(host, event)
        if event in ("kill", "crash") and host in self._agents:
            await self._agents.pop(host).stop()
            self._begun = {begun for begun in self._begun if begun[0] != host}

    async def _race(self, race: Race, directory: str) -> list[Value]:
        hosts = dict.fromkeys(step.host for step in race.steps)
        found = {host: await self._agent(host, directory) for host in hosts}
        wait_s = (
            LOCK_S_MAX if any("lockwait" in step.commands for step in race.steps) else ANSWER_S_MAX
        )

        async def answer(step: Step) -> Value:
            try:
                agent = found[step.host]
                return await agent.ask(program=directory, step=step.commands, wait_s=wait_s)
            except TimeoutError:
                raise _unanswered(step, wait_s) from None

        answers = [asyncio.ensure_future(answer(step)) for step in race.steps]
        try:
            return list(await asyncio.gather(*answers))
        finally:
            for one in answers:
                one.cancel()


def _unanswered(step: Step, wait_s: float) -> UnansweredError:
    remedy = ""
    if "lockwait" in step.commands:
        remedy = (
            "; a lock that it waits for may never be free: take locks in one order, and close or `unlock` "
            "what a race waits for"
        )
    return UnansweredError(
        f"`{step.host} {step.commands}` did not end within {wait_s:.0f} s{remedy}"
    )


def _waits(step: Step) -> Value:
    """The result that says that this step waits, if that is allowed."""
    for allowed in step.allowed or ():
        if isinstance(allowed.result, str) and allowed.result.startswith("waits"):
            return allowed.result
    return None


def runnable(program: Program, events: Collection[str]) -> str | None:
    """Why ``program`` cannot be run on a mount where these events can be brought about; None if it can."""
    if program.faults:
        return f"needs {', '.join(program.faults)}, which only the model can bring about"
    if verbs(program) & OF_DISKS and "fill" not in events:
        return "how much room a disk has is settled on tmpfs alone"
    for step in program.steps:
        word = step.commands.split()[0]
        if word in EVENTS and word not in events:
            return f"{word} cannot be brought about here"
        if _waits(step) == "waits for partition":
            return "what waits in a real process cannot be taken back"
    return None

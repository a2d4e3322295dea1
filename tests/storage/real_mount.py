"""Litmus programs on a real local directory, with one process for each host."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from patchstorm.storage.litmus.program import EVENTS, Program, Race, Step

AGENT = Path(__file__).with_name("real_client.py")


class Agent:
    """One host: a process that executes steps."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(AGENT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ask({"root": str(root)})

    def send(self, request: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the agent died"
        return json.loads(line)

    def ask(self, request: dict[str, Any]) -> Any:
        self.send(request)
        return self.receive()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


class RealMount:
    """Runs programs below one directory; a context manager that leaves no process behind."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.agents: dict[str, Agent] = {}
        self.count = 0
        self.root = directory

    def __enter__(self) -> RealMount:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for agent in self.agents.values():
            agent.stop()

    def run(self, program: Program) -> tuple[Any, ...]:
        """The outcome of one execution in a fresh directory."""
        self.count += 1
        self.root = self.directory / f"{self.count:03}"
        self.root.mkdir()
        for agent in self.agents.values():
            agent.ask({"root": str(self.root)})
        results: list[Any] = []
        for part in program.parts:
            if isinstance(part, Race):
                results.extend(self._race(part))
            else:
                results.append(self._step(part))
        return tuple(results)

    def _agent(self, host: str) -> Agent:
        if host not in self.agents:
            self.agents[host] = Agent(self.root)
        return self.agents[host]

    def _step(self, step: Step) -> Any:
        word = step.commands.split()[0]
        if word == "sleep":
            return None
        if word in EVENTS:
            assert word == "kill", f"{word} cannot be done to a local directory"
            self.agents.pop(step.host).stop()
            return None
        return self._agent(step.host).ask({"step": step.commands})

    def _race(self, race: Race) -> list[Any]:
        for step in race.steps:
            self._agent(step.host).send({"step": step.commands})
        return [self._agent(step.host).receive() for step in race.steps]

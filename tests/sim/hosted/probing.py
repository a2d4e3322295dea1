"""Code of a test run at the start of simulated servers, and what it prints."""

from __future__ import annotations

import textwrap
from pathlib import Path

from patchstorm.choice.strategy import Dull
from patchstorm.dialect.wire import Wire
from patchstorm.target.model import Files, Simulate, Start, Target
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.hosted.host import PythonHost
from patchstorm.worlds.sim.hosted.process import HostedProcess
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.replica import Replica
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.workers import Workers

from ..conftest import small_plan

SERVER = """
import os
from pathlib import Path

ROOT = Path(os.environ["UPLOADS"])
REPLICA = int(os.environ["REPLICA"])


def probe():
{probe}


def app(environ, start_response):
    start_response("503 Service Unavailable", [("Tus-Resumable", "1.0.0")])
    return [b""]


def make():
    probe()
    return app
"""


DIES_NS = 2_000_000


class RememberingHost(PythonHost):
    """Keeps the processes that it started."""

    def __init__(self, target: Target, *, dies: bool) -> None:
        super().__init__(target)
        self._dies = dies
        self.started: list[HostedProcess] = []

    def start(self, replica: Replica, port: SimPort, root: str) -> HostedProcess:
        process = super().start(replica, port, root)
        self.started.append(process)
        if self._dies and len(self.started) == 1:

            def again() -> None:
                replica.die()
                replica.start()

            port.kernel.after(DIES_NS, again)
        return process


def target_of(
    here: Path, probe: str, *, services: tuple[str, ...] = (), own: tuple[str, ...] = ()
) -> Target:
    """A server that does ``probe`` at each start, and then listens."""
    text = SERVER.format(probe=textwrap.indent(textwrap.dedent(probe), "    "))
    (here / "probed.py").write_text(text)
    return Target(
        name="probed",
        capabilities=("sequential", "creation"),
        start=Start(command=("probed",)),
        wire=Wire(path="/files"),
        files=Files(internal=("**",), leftovers=("**",)),
        simulate=Simulate(
            app="probed:make",
            services=services,
            own=own,
            environment={"UPLOADS": "{root}", "REPLICA": "{replica}"},
        ),
        here=str(here),
    )


def said(
    here: Path,
    probe: str,
    *,
    replicas: int = 2,
    dies: bool = False,
    services: tuple[str, ...] = (),
    own: tuple[str, ...] = (),
) -> list[list[str]]:
    """The lines that each start of a replica prints, in their order, in the plainest schedule.

    ``dies``: the first one is killed soon after its start, and the replica started again.
    """
    target = target_of(here, probe, services=services, own=own)
    host = RememberingHost(target, dies=dies)
    subject = Subject(target=target, host=host, sweep_ms=0)
    plan = small_plan(subject, replicas=replicas)
    run_schedule(plan, subject, Dull(), Workers(), steps_max=50_000)
    return [process.output.text.splitlines() for process in host.started]

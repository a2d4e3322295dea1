"""Runs a litmus program on the model in every way its choices allow.

The runner is an odometer: it replays the program with a list of answers for ``choose``, then turns
the last answer that can still be turned. Choices of the model (stale or fresh, what survives) and of
the race (who goes next) are turned alike, so the set of outcomes is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from patchstorm.storage.constants import SECOND_NS
from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.faults import Faults
from patchstorm.storage.litmus.program import EVENTS, OF_DISKS, Program, Race, Step, tags, verbs
from patchstorm.storage.litmus.shell import Busy, Shell, Value, error_name, split
from patchstorm.storage.parse import parse_flavour
from patchstorm.storage.server import Server
from patchstorm.storage.settings import ManualClock

Outcome = tuple[Value, ...]

STEP_NS = 20_000_000
"""Time between steps: more than a tick of any kernel, less than any cache's life."""

RUNS_MAX = 200_000
_TURNS_MAX = 400
NEVER = "never finished"
"""The result of a step of a race that waits and goes on waiting."""
_RELEASING = frozenset(("close", "unlock", "lock"))
"""``lock FD un`` and ``lock FD sh`` let go of what ``lock FD`` took."""
DISK_BYTES = 1 << 20
"""Of the disk of a program that asks for it, unless the flavour says so; that of others is never full."""


class Odometer:
    """A chooser that counts through all answers."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[tuple[str, int, int]] = []

    def choose(self, kind: str, count: int) -> int:
        """The planned answer, 0 beyond the plan."""
        position = len(self.taken)
        answer = self.answers[position] if position < len(self.answers) else 0
        self.taken.append((kind, count, answer))
        return answer

    def turn(self) -> bool:
        """To the next combination; False after the last."""
        taken = self.taken
        while taken and taken[-1][2] == taken[-1][1] - 1:
            taken.pop()
        if not taken:
            return False
        self.answers = [answer for _kind, _count, answer in taken]
        self.answers[-1] += 1
        self.taken = []
        return True

    @property
    def story(self) -> list[tuple[str, int]]:
        """The choices of the last run that were not dull."""
        return [(kind, answer) for kind, _count, answer in self.taken if answer]


@dataclass(slots=True)
class Result:
    """Every outcome, with the choices of the first run that gave it."""

    outcomes: dict[str, tuple[Outcome, list[tuple[str, int]]]] = field(default_factory=dict)
    runs: int = 0
    complete: bool = True

    def has(self, outcome: Outcome) -> bool:
        return repr(outcome) in self.outcomes


def run_model(program: Program, flavour: str, *, same_tick: bool = False) -> Result:
    """Explore a program on a flavour. With ``same_tick`` no time passes between steps."""
    odometer = Odometer()
    result = Result()
    while True:
        outcome = run_once(program, flavour, odometer, same_tick=same_tick)
        result.outcomes.setdefault(repr(outcome), (outcome, odometer.story))
        result.runs += 1
        if result.runs >= RUNS_MAX:
            result.complete = False
            return result
        if not odometer.turn():
            return result


def violations(
    program: Program, flavour: str, result: Result, *, same_tick: bool = False
) -> Iterator[str]:
    """What appeared and is not allowed, one line each."""
    flavour_tags = tags(flavour, same_tick)
    steps = program.steps
    for outcome, story in result.outcomes.values():
        for step, value in zip(steps, outcome, strict=True):
            if not step.permits(value, flavour_tags):
                yield (
                    f"{program.name} on {flavour}: {step.host} {step.commands} gave {value!r}; "
                    f"choices {story}"
                )


class Parted(Exception):
    """A run gave something else than was expected of it, first at step ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


def run_once(
    program: Program,
    flavour: str,
    odometer: Odometer,
    *,
    same_tick: bool = False,
    expected: Outcome | None = None,
) -> Outcome:
    """One execution, with the odometer's answers. Raises Parted where it is not as ``expected``."""
    return _Run(program, flavour, odometer, 0 if same_tick else STEP_NS, expected).run()


def _capacity_bytes(program: Program, flavour: str) -> int | None:
    found = parse_flavour(flavour).capacity_bytes
    return DISK_BYTES if found is None and verbs(program) & OF_DISKS else found


class _Run:
    """One execution of a program."""

    def __init__(
        self,
        program: Program,
        flavour: str,
        odometer: Odometer,
        step_ns: int,
        expected: Outcome | None,
    ) -> None:
        self.program = program
        self.expected = expected
        self.odometer = odometer
        self.step_ns = step_ns
        self.clock = ManualClock(1000 * SECOND_NS)
        switches = dict.fromkeys(program.faults, True)
        self.server = Server(
            flavour,
            clock=self.clock,
            choose=odometer.choose,
            faults=Faults(**switches) if switches else None,
            capacity_bytes=_capacity_bytes(program, flavour),
        )
        self.shells: dict[str, Shell] = {}
        self.results: dict[int, Value] = {}

    def run(self) -> Outcome:
        index = 0
        for part in self.program.parts:
            first = index
            if isinstance(part, Race):
                self._race(part, index)
                index += len(part.steps)
            else:
                self.results[index] = self._step(part)
                index += 1
            self._compare(first, index)
            self.clock.now_ns += self.step_ns
        return tuple(self.results[i] for i in range(index))

    def _compare(self, first: int, end: int) -> None:
        if self.expected is None:
            return
        for index in range(first, end):
            if repr(self.results[index]) != repr(self.expected[index]):
                raise Parted(index)

    def _shell(self, host: str) -> Shell:
        shell = self.shells.get(host)
        if shell is None:
            client = self.server.observer() if host == "S" else self.server.mount(host)
            shell = self.shells[host] = Shell(client)
        return shell

    def _step(self, step: Step) -> Value:
        words = step.commands.split()
        if words[0] == "sleep":
            self.clock.now_ns += round(float(words[1]) * SECOND_NS)
            return None
        if words[0] in EVENTS:
            return self._event(step.host, words[0])
        try:
            return self._shell(step.host).step(step.commands)
        except WouldBlock as wait:
            return f"waits for {wait.reason}"

    def _event(self, host: str, event: str) -> Value:
        server = self.server
        if event == "restart":
            server.restart()
        elif event == "power":
            server.power_loss()
            if server.flavour.nfs is None:
                self.shells.clear()
        elif event in ("cut", "heal"):
            self._shell(host).client.partition(event == "cut")
        else:
            getattr(self._shell(host).client, event)()
        if event in ("crash", "kill") and host in self.shells:
            shell = self.shells[host]
            shell.names.clear()
            if event == "kill":
                del self.shells[host]
        return None

    # -- races --------------------------------------------------------------------------------

    def _race(self, race: Race, first_index: int) -> None:
        threads: dict[str, _Thread] = {}
        for offset, step in enumerate(race.steps):
            thread = threads.setdefault(step.host, _Thread(self._shell(step.host), []))
            thread.steps.append((first_index + offset, split(step.commands)))
        everyone = list(threads.values())
        self.server.pause = lambda _kind: self._others(everyone)
        turns = 0
        while True:
            ready = [thread for thread in everyone if thread.can_run]
            if not ready:
                break
            turns += 1
            pick = self.odometer.choose("turn", len(ready)) if len(ready) > 1 else 0
            self._advance(ready[pick], everyone)
            if turns > _TURNS_MAX:
                break
        self.server.pause = None
        for thread in everyone:
            for index, _commands in thread.steps:
                self.results[index] = NEVER
            self.results.update(thread.finished)

    def _others(self, everyone: list[_Thread]) -> None:
        """Inside a call: any number of the others' commands may come first."""
        while True:
            ready = [thread for thread in everyone if thread.can_run]
            if not ready:
                return
            pick = self.odometer.choose("gap", len(ready) + 1)
            if pick == 0:
                return
            self._advance(ready[pick - 1], everyone)

    def _advance(self, thread: _Thread, everyone: list[_Thread]) -> None:
        thread.busy = True
        try:
            releases = thread.advance()
        except WouldBlock as wait:
            if wait.until_ns is None:
                raise
            self.clock.now_ns = max(wait.until_ns, self.clock.now_ns + 1)  # a grace period, say
            releases = False
        finally:
            thread.busy = False
        if releases:
            for other in everyone:
                other.blocked = False


class _Thread:
    """One host's part of a race."""

    def __init__(self, shell: Shell, steps: list[tuple[int, list[str]]]) -> None:
        self.shell = shell
        self.steps = steps
        self.finished: dict[int, Value] = {}
        self.shown: list[Value] = []
        self.at = 0
        self.blocked = False
        self.busy = False

    @property
    def can_run(self) -> bool:
        return bool(self.steps) and not self.blocked and not self.busy

    def advance(self) -> bool:
        """Execute the next command, and those glued to it; True if it may have released a lock."""
        index, commands = self.steps[0]
        releases = False
        while True:
            command = commands[self.at].removeprefix("+").strip()
            try:
                self.shell.command(command, self.shown)
            except Busy:
                self.blocked = True
                return releases
            except OSError as error:
                self._finish(index, error_name(error))
                return True
            releases = releases or command.split()[0] in _RELEASING
            self.at += 1
            if self.at == len(commands):
                shown = self.shown
                value = None if not shown else shown[0] if len(shown) == 1 else shown
                self._finish(index, value)
                return releases
            if not commands[self.at].startswith("+"):
                return releases

    def _finish(self, index: int, value: Value) -> None:
        self.finished[index] = value
        self.steps.pop(0)
        self.shown = []
        self.at = 0

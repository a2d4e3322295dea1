"""One replica: processes of the target, their port, their log, and the signals they are sent."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from patchstorm.dialect.operations import Request
from patchstorm.dialect.registry import dialect_of
from patchstorm.errors import TargetError
from patchstorm.history.model import UploadInfo
from patchstorm.live.environment import inherited
from patchstorm.live.host import HERE, Host
from patchstorm.live.http import SERVER_ADDRESS, Client
from patchstorm.live.launch import Launch, Order, Running
from patchstorm.live.log import Log
from patchstorm.target.installing import not_installed
from patchstorm.target.model import Target

POLL_S = 0.004
PORT_TRIES = 6
TAIL_BYTES = 2_000
PORT_MAX = 65_535
PORT_SHOWN = 40  # letters
WAITED_FOR = {
    "http": 'by = "http": OPTIONS on wire.path was not answered below 500',
    "tcp": 'by = "tcp": it took no connection',
    "line": 'by = "line": its output held no line that matches ready.line',
}
TAKEN = re.compile(r"address (is )?already in use|EADDRINUSE|Errno 98|os error 98", re.IGNORECASE)


class PortTaken(Exception):
    """Somebody else listens where this replica was to listen."""


class KilledAtStart(Exception):
    """A fault struck this replica before it was ready."""


@dataclass(slots=True, kw_only=True)
class Replica:
    """A replica of ``target``. ``port`` is None until it was up once; then it keeps its port.

    ``values`` fill the placeholders of ``command``, save for the port. ``launch`` is how its world
    runs a command, ``address`` where clients reach what it runs, seen from ``host``.
    """

    target: Target
    index: int
    command: tuple[str, ...]
    values: dict[str, str]
    log: Path
    launch: Launch
    address: str = SERVER_ADDRESS
    host: Host = HERE
    port: int | None = None
    paused: bool = False
    expected_down: bool = True
    on_spawn: Callable[[], None] | None = None
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)
    _running: Running | None = field(default=None, repr=False)
    _log: Log = field(init=False, repr=False)
    _exit_told: bool = False

    def __post_init__(self) -> None:
        self._log = Log(self.log)

    @property
    def pid(self) -> int | None:
        """The leader of the replica's processes while there is one."""
        return None if self._running is None else self._running.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs, paused or not."""
        return self._running is not None and self._running.poll() is None

    @property
    def moving(self) -> bool:
        """Whether it is being started or ended just now."""
        return self._turn.locked()

    def changes_loop(self) -> None:
        """Nobody of the last event loop waits for his turn any more."""
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Start unless it runs, and wait until it takes requests; TargetError if it never does.

        A restarted replica gets the port it had. A chosen port that somebody else took in between
        is chosen again. One that is killed by a fault while it starts is simply down.
        """
        async with self._turn:
            if not self.alive:
                await self._reap()
                await self._start()

    async def _start(self) -> None:
        for attempt in range(PORT_TRIES):
            port = self.port if self.port is not None else self._first_port()
            try:
                await self._spawn(port)
                self.port = await self._ready(port)
                return
            except PortTaken:
                await self._end()
                await asyncio.sleep(0.05 * attempt)
            except KilledAtStart:
                return
            except BaseException:
                await self._end()
                raise
        raise TargetError(
            f"{self._name}: its port {self.port or ''} is in use by somebody else.\n{self.tail()}"
        )

    def _first_port(self) -> int:
        return 0 if self.target.ready.reports_port else free_port()

    async def _spawn(self, port: int) -> None:
        values = {**self.values, "port": str(port)}
        start = self.target.start
        order = Order(
            command=tuple(part.format(**values) for part in self.command),
            environment={
                **inherited(start.inherit),
                **{key: text.format(**values) for key, text in start.environment.items()},
            },
            scratch=self.values["scratch"],
            log=self.log,
            name=self._name,
            remedy=self._remedy,
        )
        self._log.begin()
        self.paused = self.expected_down = self._exit_told = False
        self._running = await self.launch(order)
        if self.expected_down:  # a fault struck while it was being launched
            self.signal(signal.SIGKILL)
        if self.on_spawn is not None:
            self.on_spawn()

    async def _ready(self, port: int) -> int:
        """The port it listens on, once it does."""
        ready = self.target.ready
        deadline = time.monotonic() + ready.within_ms / 1_000
        while time.monotonic() < deadline:
            found = await self._probe(port)
            if found is not None:
                return found
            if not self.alive:
                self._died_at_start()
            await asyncio.sleep(POLL_S)
        raise TargetError(
            f"{self._name}: not ready within {ready.within_ms} ms "
            f"({WAITED_FOR[ready.by]}). Raise ready.within_ms, wait for something else (`ready.by`), "
            f"or see what it says in {self.log}:\n{self.tail()}"
        )

    def _died_at_start(self) -> None:
        if self.expected_down:
            raise KilledAtStart
        tail = self.tail()
        if TAKEN.search(tail):
            raise PortTaken
        raise TargetError(
            f"{self._name}: ended with code {self.exit_code} before it was ready. "
            f"Its last words ({self.log}):\n{tail or '(nothing)'}"
        )

    async def _probe(self, port: int) -> int | None:
        ready = self.target.ready
        if ready.by == "line":
            assert ready.line is not None
            found = self._log.search(ready.line)
            if found is None:
                return None
            return self._reported(found["port"]) if ready.reports_port else port
        if ready.by == "tcp":
            return port if await _takes_connections(self.host, self.address, port) else None
        return port if await answers(self.address, port, self.target, self.host) else None

    def _reported(self, port: str | None) -> int:
        """The port that the server says; TargetError for what is none."""
        digits = port or ""
        if re.fullmatch("[0-9]{1,5}", digits) and 0 < int(digits) <= PORT_MAX:
            return int(digits)
        raise TargetError(
            f"{self._name}: ready.line reads the port {digits[:PORT_SHOWN]!r}, which is none. Let "
            "the group `port` match the digits of the port alone, as in (?P<port>[0-9]+)."
        )

    def tail(self) -> str:
        """The end of what it wrote since it was last started."""
        return self._log.tail(TAIL_BYTES)

    def trim_log(self) -> None:
        """Keep the log from filling the disk."""
        self._log.trim()

    def kill_now(self) -> None:
        """SIGKILL to all its processes without waiting: when every microsecond counts."""
        self.expected_down = True
        self.signal(signal.SIGKILL)

    async def kill(self) -> None:
        """SIGKILL to all its processes, and wait until it is gone."""
        self.kill_now()
        async with self._turn:
            await self._end()

    def forsake(self) -> None:
        """Whoever of it was killed and is not gone need not be waited for: it can do nothing any more."""
        self._running = None
        self.paused = False

    async def stop(self) -> None:
        """The target's own stop signal, then SIGKILL once ``stop_ms`` have passed."""
        async with self._turn:
            self.expected_down = True
            self.resume()
            self.signal(signal.Signals[self.target.start.stop])
            deadline = time.monotonic() + self.target.start.stop_ms / 1_000
            while self.alive and time.monotonic() < deadline:
                await asyncio.sleep(POLL_S)
            await self._end()

    async def _end(self) -> None:
        self.kill_now()
        await self._reap()

    def pause(self) -> None:
        """SIGSTOP to all its processes."""
        if self.alive:
            self.signal(signal.SIGSTOP)
            self.paused = True

    def resume(self) -> None:
        """SIGCONT to all its processes; nothing if it was not paused."""
        if self.paused:
            self.signal(signal.SIGCONT)
            self.paused = False

    def thaw(self) -> None:
        """Go on after a freeze, unless it is paused for reasons of its own."""
        if not self.paused:
            self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        """Send ``number`` to every process of the replica."""
        if self._running is not None:
            self._running.signal(number)

    async def _reap(self) -> None:
        if self._running is None:
            return
        await self._running.reap()
        self.forsake()

    @property
    def _remedy(self) -> str:
        if not_installed(self.target) is not None:
            return f"Install it with: patchstorm target install {self.target.origin}"
        return self.target.start.missing or "Install it, or correct start.command."

    @property
    def exit_code(self) -> int | None:
        """How it ended by itself; None while it runs or after it was taken down."""
        return None if self._running is None else self._running.poll()

    def exit_untold(self) -> bool:
        """Whether it has ended by itself and nobody has asked so far."""
        untold = not (self.expected_down or self._exit_told) and self.exit_code is not None
        self._exit_told |= untold
        return untold

    @property
    def _name(self) -> str:
        return f"target {self.target.name}, replica {self.index}"


def free_port() -> int:
    """A port nobody listens on just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.bind((SERVER_ADDRESS, 0))
        port: int = sock.getsockname()[1]
        return port


async def _takes_connections(host: Host, address: str, port: int) -> bool:
    with contextlib.suppress(OSError), host.socket() as sock:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        return True
    return False


async def answers(address: str, port: int, target: Target, host: Host = HERE) -> bool:
    """Whether OPTIONS gets an answer below 500."""
    probe = Request(kind="discover", upload="")
    nothing = UploadInfo(id="", size=0, target="")
    head = dialect_of(target.dialect).codec.encode(target.wire, probe, nothing, None)
    delivery = await Client(timeout_ms=1_000).deliver(port, head, address=address, host=host)
    return delivery.reply is not None and delivery.reply.status < 500

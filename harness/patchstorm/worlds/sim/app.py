"""What is simulated: a store behind its protocol, built anew for every start of a replica.

``reference``, its variants and what the catalogue plants run ``chunkstore``'s own protocol, unmodified, on
the simulator's port. Any other synchronous Python store is brought in by a factory of one's own; see
``docs/adapting-a-store.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from chunkstore import errors
from chunkstore.config import LIFETIME_S_DEFAULT, SIZE_MAX_DEFAULT, Settings
from chunkstore.model import Options
from chunkstore.protocol import Exchange
from chunkstore.protocol_headers import Head
from chunkstore.store import Store
from chunkstore.variants import VARIANTS
from patchstorm.errors import UsageError
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.target.registry import BUG_SERVER
from patchstorm.worlds.sim.kernel import Kernel
from patchstorm.worlds.sim.port import SimPort

if TYPE_CHECKING:
    from patchstorm.worlds.sim.delivery import Delivery
    from patchstorm.worlds.sim.hosted.process import HostedProcess
    from patchstorm.worlds.sim.replica import Replica

SECRET = b"a secret that every simulated replica shares"
SWEEP_MS = 200
LOCK_WAIT_MS = 10_000
LIMITS = Options(segment_records=4, kept_recent=1, size_max=SIZE_MAX_DEFAULT)
"""Small, as the plans are: an upload of twelve chunks has two segments of records and recent ones. The
limit is the announced one, as the server gives it to its store."""


class Answer(Protocol):
    """A response."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def body(self) -> bytes: ...


class Conversation(Protocol):
    """One request: ``begin`` with the head, ``data`` for each block, then ``end``; or ``abort``.

    Each may return the answer, or None to go on. Each may raise the application's ``busy`` error:
    then nothing happened, and the same call is made again a little later.

    One that keeps what came of a body that broke off has a method ``cut`` besides, which is called then,
    before ``abort``; it ends a request whose body is whole whether the client is still there or not.
    """

    def begin(self) -> Answer | None: ...
    def data(self, block: Any) -> Answer | None: ...
    def end(self) -> Answer: ...
    def abort(self) -> None: ...
    def busy_response(self) -> Answer: ...


class App(Protocol):
    """One replica's process, between its start and its death."""

    busy: type[Exception]

    def exchange(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...]
    ) -> Conversation: ...
    def sweep(self) -> object: ...


Build = Callable[[SimPort, str], App]
"""Starts a process: its port, and the absolute path of the shared directory."""


class Host(Protocol):
    """How a whole server is run, one that knows no port: as a process of its own, spoken to in bytes."""

    @property
    def kernel(self) -> type[Kernel]:
        """The kernel of its runs."""

    def start(self, replica: Replica, port: SimPort, root: str) -> HostedProcess:
        """Begin a process of ``replica``, whose domain is made."""

    def place(self) -> str | None:
        """The line of a server that led to what is done now; None where none runs."""

    def reason_to_skip(self, plan: Plan) -> str | None:
        """Why the server cannot be asked for what this plan takes; None if it can."""

    def carry(self, process: HostedProcess, delivery: Delivery, body: Iterator[bytes]) -> Answer:
        """The answer to one request, as :func:`~patchstorm.worlds.sim.serving.serve` gives it."""


def no_store(port: SimPort, root: str) -> App:
    """For subjects that a ``host`` runs."""
    raise AssertionError("a whole server is no store")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A target together with the code that stands for it. ``sweep_ms`` 0: it has no sweeper.

    ``describes``: it never looks into long bodies itself, so they may be ropes, and larger than memory.

    Either ``build`` makes the application of a process, or ``host`` runs the whole server as it is.
    """

    target: Target
    build: Build = no_store
    host: Host | None = None
    sweep_ms: int = SWEEP_MS
    lock_wait_ms: int = LOCK_WAIT_MS
    describes: bool = False

    @property
    def kernel(self) -> type[Kernel]:
        """The kernel of its runs."""
        return Kernel if self.host is None else self.host.kernel

    def reason_to_skip(self, plan: Plan) -> str | None:
        """Why it cannot be asked for what this plan takes; None if it can."""
        return None if self.host is None else self.host.reason_to_skip(plan)


class ChunkstoreApp:
    """A process of the reference, or of a variant of it."""

    busy: type[Exception] = errors.Busy

    def __init__(
        self, store_type: type[Store], exchange_type: type[Exchange], port: SimPort, root: str
    ) -> None:
        if port.blocks is None:
            self.store = store_type(port, root, LIMITS)
        else:
            from patchstorm.scenario.described import Digest

            self.store = store_type(port, root, LIMITS, Digest)
        self._exchange_type = exchange_type
        lifetime_ms = port.lifetime_ms
        lifetime_s = LIFETIME_S_DEFAULT if lifetime_ms is None else -(-lifetime_ms // 1_000)
        self._settings = Settings(
            secret=SECRET, lifetime_s=lifetime_s, creation=port.creation, creation_secret=SECRET
        )

    def exchange(
        self, method: str, path: str, headers: tuple[tuple[str, str], ...]
    ) -> Conversation:
        path, _, query = path.partition("?")
        head = Head(method=method, path=path, query=query, headers=headers)
        return self._exchange_type(self.store, self._settings, head)

    def sweep(self) -> object:
        return self.store.sweep()


def subject_of(target: Target) -> Subject:
    """The code of ``target``. Raises :class:`UsageError` for servers that only run as processes."""
    if target.simulate is not None:
        return _hosted(target)
    command = target.start.command
    if BUG_SERVER in command:
        return _planted(target, command[command.index(BUG_SERVER) + 1])
    if "chunkstore" not in command:
        raise UsageError(
            f"target {target.name} is not a Python store that the simulator knows; run it in the world "
            "processes, or give the simulator a factory (docs/adapting-a-store.md)"
        )
    name = command[command.index("--variant") + 1] if "--variant" in command else "reference"
    store_type: Any = Store if name == "reference" else VARIANTS.get(name)
    if store_type is None:
        raise UsageError(
            f"target {target.name}: chunkstore has no variant `{name}`; known are "
            + ", ".join(sorted(VARIANTS))
        )
    build = partial(ChunkstoreApp, store_type, Exchange)
    return Subject(target=target, build=build, describes=True)


def _hosted(target: Target) -> Subject:
    """The server as it is, run by what its file says under ``[simulate]``."""
    from patchstorm.worlds.sim.hosted.host import PythonHost

    return Subject(target=target, host=PythonHost(target), sweep_ms=0)


def _planted(target: Target, name: str) -> Subject:
    """A base of the catalogue, with a planted bug or as its innocent twin."""
    from patchstorm.catalog.table import planted

    code = planted(name)
    build = partial(ChunkstoreApp, code.store, code.exchange)
    describes = not getattr(code.store, "wants_bytes", False)  # it holds whole bodies, as bytes
    return Subject(target=target, build=build, describes=describes)

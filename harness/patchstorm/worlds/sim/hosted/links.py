"""Connections from simulated processes to services, and the way that each replica has to one.

A :class:`Link` has a task on the side of the service, which reads requests and carries each out as one
step. Faults stand on the :class:`Way`: it is cut, holds everything back, loses what passes, or is slow.
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from patchstorm.choice.strategy import Footprint
from patchstorm.scenario.faults.changing import Sparing
from patchstorm.worlds.sim.hosted.here import REQUEST
from patchstorm.worlds.sim.hosted.lines import line_of
from patchstorm.worlds.sim.hosted.service import Asked, Session

if TYPE_CHECKING:
    from patchstorm.worlds.sim.hosted.beside import Program
    from patchstorm.worlds.sim.hosted.connection import Peer
    from patchstorm.worlds.sim.hosted.process import HostedProcess


@dataclass(slots=True)
class Loss:
    """``left`` more requests that hold ``to``, or replies to such, get lost; ``lost`` so far.

    ``sparing``: which of them they may be, if not any.
    """

    of: Literal["request", "reply"]
    left: int
    to: str = ""
    lost: int = 0
    sparing: Sparing | None = None

    def takes(self, of: str, asked: Asked) -> bool:
        if of != self.of or self.left == 0 or self.to not in asked.says.lower():
            return False
        kinds = (asked.says.partition(" ")[0].lower().encode(),) if asked.writes else ()
        if self.sparing is not None and not self.sparing.takes(kinds):
            return False
        self.left -= 1
        self.lost += 1
        return True


@dataclass(slots=True, eq=False)
class Way:
    """How a replica reaches a service. ``met`` counts what its faults hit."""

    cut: bool = False
    silent: bool = False
    delay_ns: int = 0
    losses: list[Loss] = field(default_factory=list)
    met: int = 0

    def loses(self, of: str, asked: Asked) -> bool:
        return any(loss.takes(of, asked) for loss in self.losses)


class Reply:
    """What came back, which a story tells in the service's words."""

    __slots__ = ("_session", "data")

    def __init__(self, session: Session, data: bytes) -> None:
        self._session = session
        self.data = data

    def __str__(self) -> str:
        return self._session.told(self.data)


class Link:
    """One connection. A process holds it where it would hold one of a client's, the other way round."""

    def __init__(self, program: Program, process: HostedProcess, way: Way) -> None:
        self.process = process
        self.peer: Peer | None = None
        self.closed = self._broken = False
        process.links += 1
        self.name = ""
        """For which request its callbacks run: for none."""
        self.path = f"{program.name}/{process.name}/{process.links}"
        self._program = program
        self._way = way
        self._kernel = process.kernel
        self._arrived: list[tuple[bytes, tuple[str, str]] | None] = []
        self._session = program.service.session(self._deliver)
        self._kernel.spawn(
            self.path, lambda: contextvars.Context().run(self._serve), program.domain
        )

    @property
    def replica(self) -> int:
        domain = self.process.domain
        assert domain is not None and domain.index is not None
        return domain.index

    # -- the process's end -----------------------------------------------------------------------------

    def server_wrote(self, data: bytes) -> None:
        if self.process.alive and not self.closed:
            self._arrived.append((data, (REQUEST.get(), line_of(self.process))))
            self._kernel.wake(self)

    def server_closed(self) -> None:
        """What was sent before is still carried out."""
        if not self.closed:
            self.closed = True
            self._arrived.append(None)
            self._kernel.wake(self)

    # -- the service's end -----------------------------------------------------------------------------

    def broken(self) -> None:
        """Both ends are told, and what was under way is lost."""
        if self._broken:
            return
        self._broken = True
        self._arrived[:] = [None]
        self._kernel.wake(self)
        if not self.closed:
            self.closed = True
            if self.peer is not None:
                self.peer.reset()

    def _serve(self) -> None:
        try:
            while (piece := self._next()) is not None:
                data, on_behalf = piece
                for asked in self._session.read(data):
                    self._answer(asked, on_behalf)
                    if self._broken:
                        return
        except ValueError:
            self.broken()
        finally:
            self._session.close()
            self._program.links.pop(self, None)

    def _next(self) -> tuple[bytes, tuple[str, str]] | None:
        while not self._arrived:
            self._kernel.wait(self)
        return self._arrived.pop(0)

    def _answer(self, asked: Asked, on_behalf: tuple[str, str]) -> None:
        way, name = self._way, self._program.name
        self._gate()
        if self._broken or self._lost("request", asked):
            return
        footprint = Footprint(
            name,
            tuple(f"@{name} {one}" for one in asked.reads),
            tuple(f"@{name} {one}" for one in asked.writes),
        )

        def execute() -> Reply:
            self._program.process.on_behalf = on_behalf
            return Reply(self._session, asked.run())

        reply: Reply = self.process.port.asks(footprint, asked.says, execute)
        if way.delay_ns:
            way.met += 1
            self._kernel.sleep(way.delay_ns)
        self._gate()
        if reply.data and not self._lost("reply", asked):
            self._deliver(reply.data)

    def _gate(self) -> None:
        way = self._way
        way.met += way.silent
        while way.silent and not self._broken:
            self._kernel.wait(way)

    def _lost(self, of: str, asked: Asked) -> bool:
        lost = self._way.loses(of, asked)
        if lost:
            self.broken()
        return lost

    def _deliver(self, data: bytes) -> None:
        if not self.closed and self.peer is not None:
            self.peer.feed(data)

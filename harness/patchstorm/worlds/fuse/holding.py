"""Takes in what replicas ask, and answers it when somebody says so.

Nothing is decided here: :mod:`.conductor` adds when, and in which order.
"""

from __future__ import annotations

import errno
import select
from collections.abc import Callable, Iterable
from typing import Final

from patchstorm.live.replica import Replica
from patchstorm.storage.errors import WouldBlock
from patchstorm.storage.server import Server
from patchstorm.worlds.fuse.bridge import SILENT
from patchstorm.worlds.fuse.calls import Names, described
from patchstorm.worlds.fuse.chains import Chains
from patchstorm.worlds.fuse.loop import Selector
from patchstorm.worlds.fuse.member import Held, Member
from patchstorm.worlds.fuse.moving import MOVES
from patchstorm.worlds.fuse.protocol import Op, Request

MILLISECOND_S: Final = 0.001
SELECTED_MAX: Final = 1_024  # descriptors that select(2) takes
SHARED: Final = -1
LOOKS: Final = (Op.LOOKUP, Op.GETATTR, Op.OPEN, Op.READ, Op.READDIR)
_SIZE_AT: Final = {Op.GETATTR: 24, Op.LOOKUP: 48}


class Holding:
    """All that is asked and not answered. ``after`` is told of each call and what came of it.

    ``acting`` is the call that is being made. Members of ``_moving`` were let go since all were at rest.
    """

    def __init__(self, server: Server, selector: Selector, chains: Chains) -> None:
        self.server = server
        self.names = Names()
        self.chains = chains
        self.members: list[Member] = []
        self.after: Callable[[Held, str], None] = lambda _, __: None
        self.execute: Callable[[Held], bytes] = lambda held: held.member.bridge.execute(
            held.request
        )
        """How a call is made; a fault may stand in between."""
        self.acting: Held | None = None
        self.minded: frozenset[str] = frozenset()
        """Operations for which a fault waits: each of them is a step."""
        self._changers: dict[str, int] = {}  # which replica alone asked to change it, or SHARED
        self._selector = selector
        self._poll = select.epoll()
        self._poll.register(selector.fileno(), select.EPOLLIN)
        self._by_fd: dict[int, Member] = {}
        self._held: list[Held] = []
        self._parked: list[Held] = []
        self._moving: set[int] = set()

    def add(self, member: Member) -> None:
        self.members.append(member)
        self._by_fd[member.device.fd] = member
        self._poll.register(member.device.fd, select.EPOLLIN)

    def close(self) -> None:
        self._poll.close()
        for member in self.members:
            member.down()

    # -- what comes -----------------------------------------------------------------------------------

    def _pump(self, wait: float) -> bool:
        """Take in what has come; True if anything has."""
        came = False
        if 0 < wait < MILLISECOND_S and self._poll.fileno() < SELECTED_MAX:
            select.select([self._poll], (), (), wait)  # epoll_wait(2) knows whole milliseconds only
            wait = 0
        for fd, _ in self._poll.poll(wait):
            came = True
            member = self._by_fd.get(fd)
            if member is not None:
                for request in member.device.requests():
                    self._take_in(member, request)
        return came

    def _take_in(self, member: Member, request: Request) -> None:
        if member.watch is not None and not member.watch.knows(request.tid):
            member.watch.look_for_children()
        if member.dying:
            member.last_words(request)
        elif request.op == Op.INTERRUPT:
            self._interrupt(member, request.unpack("Q")[0])
        else:
            call = described(member.bridge, request)
            path = self.names.path(member.name, call.path)
            to = self.names.path(member.name, call.to) if call.to else ""
            called = call._replace(path=path, to=to)
            silent = request.op in SILENT or member.bridge.leads_on(request)
            own = not silent and self.chains.own(
                member.index, request.tid, f"{call.operation} {path}",
                looks=request.op in LOOKS, serves=self._serves(member.index), held=self._conducts(),
            )  # fmt: skip
            held = Held(member, request, call, "", own=own)
            named = held.told = called.told()
            if request.op == Op.RELEASE:
                member.moves.closed(request)
            elif request.op in MOVES:
                named = called._replace(detail=member.moves.called(request, path)).told()
            held.name = f"{held.who} {named}"
            if silent:
                self._execute(held)
            elif self._passes(held):
                held.passed = True
                self._execute(held)
            else:
                self._arrived(held)

    def _serves(self, replica: int) -> bool:
        """Whether what a replica asks for may be for a client."""
        return False

    def _conducts(self) -> bool:
        """Whether calls are held, and time stands still meanwhile."""
        return False

    def _passes(self, held: Held) -> bool:
        """Whether nobody could tell when it is made, so that it need not wait for its turn.

        So it is for a close that gives up no lock, and for a look at what no other replica has asked to
        change since the storm began: whatever another one does to that could as well be done before the call
        that came before the look, and two who only look are not in each other's way. On NFS a close sends
        what was written, and what a look finds is the client's to choose. A sweep waits at its first look:
        further on it may have a lock in memory that a request of its replica waits for.
        """
        index, call = held.member.index, held.call
        self._will_change(held)
        if call.operation in self.minded or self.server.flavour.nfs is not None:
            return False
        if held.request.op == Op.FLUSH:
            return held.member.bridge.locks_nothing(held.request)
        if held.request.op not in LOOKS or call.changes or held.own:
            return False
        return all(self._changers.get(name, index) == index for name in call.footprint.reads)

    def _will_change(self, held: Held) -> None:
        index = held.member.index
        for name in held.call.footprint.writes:
            if self._changers.setdefault(name, index) != index:
                self._changers[name] = SHARED

    def storm_begins(self) -> None:
        """What was done before it is over for everybody; what is still held is not."""
        self._changers.clear()
        for held in (*self._held, *self._parked):
            self._will_change(held)

    def _arrived(self, held: Held) -> None:
        self._held.append(held)

    def _interrupt(self, member: Member, unique: int) -> None:
        """A signal: whoever waits for a lock gives up, all else is answered in its turn."""
        for parked in [one for one in self._parked if one.member is member]:
            if parked.request.unique == unique:
                self._parked.remove(parked)
                member.device.fail(parked.request, errno.EINTR)
                self._moving.add(member.index)

    def idle(self, member: Member) -> bool:
        """Whether it is at rest and asks for nothing."""
        rests = member.watch is None or member.watch.at_rest()
        self._pump(0)
        asks = any(one.member is member for one in (*self._held, *self._parked))
        return rests and not asks

    # -- execution ------------------------------------------------------------------------------------

    def _execute(self, held: Held) -> None:
        """Do what was asked, and answer."""
        member = held.member
        self._moving.add(member.index)
        result = self.performed(held)
        if result is None:
            self._parked.append(held)
            self.after(held, "waits")
            return
        code, payload = result
        if code:
            member.device.fail(held.request, code)
        else:
            member.device.reply(held.request, payload)
        self.after(held, answer_of(held, result))
        self.wake()

    def performed(self, held: Held) -> tuple[int, bytes] | None:
        """The call itself: errno and payload; None: it has to wait."""
        self.acting = held
        try:
            return 0, self.execute(held)
        except WouldBlock as wait:
            held.until_ns = wait.until_ns
            return None
        except OSError as error:
            return error.errno or errno.EIO, b""
        finally:
            self.acting = None

    def wake(self) -> None:
        """Whoever waited for what became free tries once more."""
        if self.server.take_wakes() and self._parked:
            self._held[:0], self._parked = self._parked, []

    # -- what faults need -----------------------------------------------------------------------------

    def withdraw(self, members: Iterable[Member]) -> None:
        """These replicas are dead: what they asked never happens. SIGKILL frees no held call."""
        gone = set(members)
        for member in gone:
            member.dying = True
            member.paused = False
            member.down()
        for one in [held for held in (*self._held, *self._parked) if held.member in gone]:
            (self._held if one in self._held else self._parked).remove(one)
            one.member.last_words(one.request)

    def offers(self, replica: Replica) -> bool:
        """Whether clients may think that it is there. That it dies is known at once, not when it is gone:
        how long that takes is the operating system's to decide."""
        return replica.alive and not self.members[replica.index].dying

    def stir(self, member: Member) -> None:
        """Somebody has moved it: look whether it is at rest."""
        self._moving.add(member.index)


def answer_of(held: Held, result: tuple[int, bytes]) -> str:
    """What came of a call, in a few characters."""
    code, payload = result
    if code:
        return errno.errorcode.get(code, str(code))
    if held.request.op == Op.READ:
        return f"{len(payload)} bytes"
    if held.request.op == Op.WRITE:
        return str(int.from_bytes(payload[:4], "little"))
    at = _SIZE_AT.get(Op(held.request.op)) if held.request.called in Op.__members__ else None
    if at is not None:
        return f"size {int.from_bytes(payload[at : at + 8], 'little')}"
    return ""

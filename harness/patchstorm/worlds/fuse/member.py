"""One replica as the conductor has it: its mount, its view of the storage, its threads."""

from __future__ import annotations

import errno

from patchstorm.storage.client import Client
from patchstorm.storage.server import Server
from patchstorm.worlds.fuse.bridge import Bridge
from patchstorm.worlds.fuse.calls import Call
from patchstorm.worlds.fuse.chains import OWN
from patchstorm.worlds.fuse.device import Device
from patchstorm.worlds.fuse.moving import Moves
from patchstorm.worlds.fuse.protocol import Op, Request
from patchstorm.worlds.fuse.rest import Watch

_CLOSING = (Op.FLUSH, Op.RELEASE, Op.RELEASEDIR)


class Held:
    """A request that has come and was not answered yet. ``name`` is what choices call it.

    ``until_ns`` is when it no longer has to wait for others, where it waits and that is known. ``own``: it is
    made for no client (:mod:`.chains`).
    """

    __slots__ = (
        *(
            "call",
            "chosen",
            "member",
            "name",
            "own",
            "old",
            "passed",
            "request",
            "struck",
            "told",
            "until_ns",
        ),
    )

    def __init__(
        self, member: Member, request: Request, call: Call, name: str, *, own: bool = False
    ) -> None:
        self.member = member
        self.request = request
        self.call = call
        self.name = name
        self.own = own
        self.told = ""
        """The call as stories have it, with every number."""
        self.until_ns: int | None = None
        self.struck = ""
        """The fault that hit this very call."""
        self.old = ""
        """The choice of the storage model in which a fault had it answered with something old."""
        self.chosen = False
        """Whether it is a step of the order; the others are answered as they come."""
        self.passed = False
        """Whether it would have been one, had it mattered when it was made."""

    @property
    def who(self) -> str:
        """Who acts, for whoever chooses: the replica, or what it does of its own accord."""
        return f"{self.member.name}{OWN}" if self.own else self.member.name


class Member:
    """Replica ``index``. ``watch`` is None while it is down.

    ``conducted``: its calls are held, but for times in which they are not, of which ``loose`` are under way.
    ``dying``: it was killed, and the kernel closes what it had open.
    """

    def __init__(self, index: int, server: Server, device: Device, bridge: Bridge) -> None:
        self.index = index
        self.name = f"r{index}"
        self.device = device
        self.bridge = bridge
        self.watch: Watch | None = None
        self.conducted = False
        self.loose = 0
        self.paused = False
        self.dying = False
        self.moves = Moves()
        self.local = 0
        """How many steps it has made."""
        self._server = server
        self._lives = 1

    @property
    def free(self) -> bool:
        """Whether nothing of it is held."""
        return not self.conducted or self.loose > 0

    def up(self, pid: int) -> None:
        """It runs, as process ``pid``."""
        self.down()
        self.watch = Watch(pid)

    def down(self) -> None:
        """Nobody is to be waited for any more."""
        if self.watch is not None:
            self.watch.close()
            self.watch = None

    def buried(self) -> None:
        """All its processes are gone. What it had open is closed; the next to run is a new process."""
        self.bridge.end()
        self._lives += 1
        self.bridge.begin(self._client())
        self.dying = False

    def unplugged(self) -> None:
        """The storage under it has lost power, and with it all that it knew of its processes."""
        self._lives += 1
        self.bridge.begin(self._client())

    def _client(self) -> Client:
        return self._server.mount(self.name, self._lives)

    def last_words(self, request: Request) -> None:
        """Answer what a dead process still asks: it closes files, and nothing else happens."""
        if request.op in _CLOSING:
            self.device.reply(request)
        else:
            self.device.fail(request, errno.EINTR)

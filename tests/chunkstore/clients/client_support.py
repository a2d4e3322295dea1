"""A proxy that breaks connections in the middle of a body, and what replicas tell of requests."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chunkstore.testing import Fleet

_BLOCK_BYTES = 64 << 10
_PATIENCE_S = 90.0


class CuttingProxy:
    """Forwards connection ``i`` to replica ``i`` modulo their number.

    Connection ``i`` is reset once ``cuts[i]`` bytes went from the client to the replica; connections
    beyond the list are left alone, or cut after ``others`` bytes. ``broken`` counts the cuts that really
    happened. ``settled`` is called with their number once the replica's end is closed, and before the
    client's is: so a client that comes back at once finds what came of its body.

    ``hold`` stops everything instead, once so many bytes came from the client: ``held`` says that it has
    happened, and ``release`` lets go of both ends.
    """

    def __init__(
        self,
        ports: Sequence[int],
        cuts: Sequence[int] = (),
        others: int | None = None,
        hold: int | None = None,
        settled: Callable[[int], None] = lambda broken: None,
    ) -> None:
        self._ports = [*ports]
        self._cuts = [*cuts]
        self._others = others
        self._hold = hold
        self._settled = settled
        self._passed = 0
        self._released = threading.Event()
        self.held = threading.Event()
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.broken = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/upload"
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> CuttingProxy:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._released.set()
        self._threads[0].join()
        with self._lock:
            for end in self._open:
                _close(end)
        for thread in self._threads[1:]:
            thread.join()

    def release(self) -> None:
        """Close what is held, and let whoever comes next pass."""
        self._hold = None
        self._released.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            index, self.connections = self.connections, self.connections + 1
            replica = socket.create_connection(("127.0.0.1", self._ports[index % len(self._ports)]))
            budget = self._cuts[index] if index < len(self._cuts) else self._others
            with self._lock:
                self._open += [client, replica]
            breaking = threading.Lock()
            for thread in (
                threading.Thread(target=self._up, args=(client, replica, budget, breaking)),
                threading.Thread(target=self._down, args=(replica, client, breaking)),
            ):
                self._threads.append(thread)
                thread.start()

    def _up(
        self,
        client: socket.socket,
        replica: socket.socket,
        allowed: int | None,
        breaking: threading.Lock,
    ) -> None:
        with suppress(OSError):
            while block := client.recv(_BLOCK_BYTES):
                if allowed is not None and len(block) >= allowed:
                    replica.sendall(block[:allowed])
                    with breaking:  # or the other direction would close the client's end at once
                        self._break(replica)
                    break
                replica.sendall(block)
                allowed = None if allowed is None else allowed - len(block)
                self._passed += len(block)
                if self._hold is not None and self._passed >= self._hold:
                    self.held.set()
                    self._released.wait()
                    break
        _close_both(client, replica, breaking)

    def _down(
        self, replica: socket.socket, client: socket.socket, breaking: threading.Lock
    ) -> None:
        with suppress(OSError):
            while block := replica.recv(_BLOCK_BYTES):
                client.sendall(block)
        _close_both(client, replica, breaking)

    def _break(self, replica: socket.socket) -> None:
        _close(replica)
        with self._lock:
            self.broken += 1
            broken = self.broken
        self._settled(broken)


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that brought bytes, as a replica's log tells it: where they began and how many came."""

    offset: int
    received: int
    status: int

    @property
    def whole(self) -> bool:
        return self.status < 300


class Witness:
    """What a fleet hears and publishes from now on."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._earlier = {line["session"] for line in self._requests()}
        self._files = set(fleet.root.iterdir())

    def _requests(self) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self._fleet.logs().splitlines()]
        return [line for line in lines if line["event"] == "request"]

    def heard(self) -> list[Heard]:
        """What PATCHes brought, in the order of their offsets."""
        found = [
            Heard(line["offset"], line["received"], line["status"])
            for line in self._requests()
            if line["offset"] is not None and line["session"] not in self._earlier
        ]
        return sorted((one for one in found if one.received), key=lambda one: one.offset)

    def broken(self) -> list[Heard]:
        """Those that broke off."""
        return [one for one in self.heard() if not one.whole]

    def published(self) -> Path:
        """The one new file."""
        fresh = set(self._fleet.root.iterdir()) - self._files
        [found] = [path for path in fresh if path.name != ".upload"]
        return found


def until(claim: Callable[[], bool], what: str) -> None:
    """Wait for what others do."""
    deadline = time.monotonic() + _PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, f"it did not happen that {what}"
        time.sleep(0.01)


def _close_both(client: socket.socket, replica: socket.socket, breaking: threading.Lock) -> None:
    with breaking:
        _close(client)
        _close(replica)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()

"""A proxy that breaks connections in the middle of a body, and lands the next on another replica."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

_BLOCK_BYTES = 64 << 10


class CuttingProxy:
    """Forwards connection ``i`` to replica ``i`` modulo their number.

    Connection ``i`` is reset once ``cuts[i]`` bytes went from the client to the replica; connections
    beyond the list are left alone. ``broken`` counts the cuts that really happened.
    """

    def __init__(self, ports: Sequence[int], cuts: Sequence[int]) -> None:
        self._ports = [*ports]
        self._cuts = [*cuts]
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
        self._threads[0].join()
        with self._lock:
            for end in self._open:
                _close(end)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            index, self.connections = self.connections, self.connections + 1
            replica = socket.create_connection(("127.0.0.1", self._ports[index % len(self._ports)]))
            budget = self._cuts[index] if index < len(self._cuts) else None
            with self._lock:
                self._open += [client, replica]
            for source, sink, allowed in ((client, replica, budget), (replica, client, None)):
                thread = threading.Thread(target=self._pump, args=(source, sink, allowed))
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket, allowed: int | None) -> None:
        with suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                if allowed is not None and len(block) >= allowed:
                    sink.sendall(block[:allowed])
                    self.broken += 1
                    break
                sink.sendall(block)
                allowed = None if allowed is None else allowed - len(block)
        _close(source)
        _close(sink)


def _close(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()

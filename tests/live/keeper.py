"""What replicas share in the tests, run as a process: ``keeper.py PORT [FILE]``. Standard library only.

One word a line, and one line back: ``GET key``, ``CAS key old new`` (to a key that is not there, old is "-"),
``ADD key number``, ``CLEAR``, and ``EXPIRE``: the time of a lease, a key that begins with "lease:", is up.
That shows when somebody else wants it, who gets it: so it always runs out under a holder. With a FILE all is
appended to it before it is told, and read at the start.
"""

from __future__ import annotations

import socketserver
import sys
import threading
from pathlib import Path

NOTHING = "-"


class Keeper(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self, port: int, file: Path | None) -> None:
        self.values: dict[str, str] = {}
        self.over = 0  # leases that will be found to have run out
        self.turn = threading.Lock()
        if file is not None and file.exists():
            self.values = dict(line.split(" ", 1) for line in file.read_text().splitlines())
        self.kept = None if file is None else file.open("a")
        super().__init__(("127.0.0.1", port), Talk)

    def told(self, word: str, *rest: str) -> str:
        with self.turn:
            if word == "CLEAR":
                self.values.clear()
                return "OK"
            if word == "EXPIRE":
                self.over += 1
                return "OK"
            now = self.values.get(rest[0], NOTHING)
            if self.over and rest[0].startswith("lease:") and rest[1:2] == (NOTHING,) != (now,):
                self.over -= 1
                now = NOTHING
            if word == "CAS" and now == rest[1]:
                self.set(rest[0], rest[2])
                return rest[2]
            if word == "ADD":
                now = str(int(now) + int(rest[1]))
                self.set(rest[0], now)
            return now

    def set(self, key: str, value: str) -> None:
        self.values[key] = value
        if self.kept is not None:
            print(key, value, file=self.kept, flush=True)


class Talk(socketserver.StreamRequestHandler):
    server: Keeper

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(self.server.told(*line.decode().split()).encode() + b"\n")


if __name__ == "__main__":
    Keeper(int(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None).serve_forever()

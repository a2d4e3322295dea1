"""A toy server to be run as a process: ``toy.py PORT MOOD``. Standard library only.

Moods: ``plain`` answers everything with 204; ``dies`` complains and ends; ``silent`` never listens;
``stubborn`` ignores SIGTERM; ``parent`` leaves a child of its own behind in its process group.
"""

from __future__ import annotations

import http.server
import os
import signal
import subprocess
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.send_header("X-Pid", str(os.getpid()))
        self.end_headers()

    do_OPTIONS = do_PATCH = do_HEAD = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        return None


def polite(*_: object) -> None:
    os.write(1, b"told to stop\n")
    os._exit(0)


def stubborn(*_: object) -> None:
    os.write(1, b"told to stop, and will not\n")


def main() -> None:
    port, mood = int(sys.argv[1]), sys.argv[2]
    if mood == "dies":
        sys.exit("the disk is read-only")
    if mood == "silent":
        time.sleep(60)
    signal.signal(signal.SIGTERM, stubborn if mood == "stubborn" else polite)
    if mood == "parent":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        print(f"child {child.pid}", flush=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"listening on {server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

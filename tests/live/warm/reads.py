"""A server whose packages are those beside its root, and that says what they found as they were imported."""

from __future__ import annotations

import http.server
import json
import os
import sys

os.environ["TOLD"] = "by the server"
import told_first

del os.environ["TOLD"]
import asks
import imports_asks
import steady

json.loads = json.JSONDecoder().decode  # type: ignore[assignment]
import after_exchange  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    def do_OPTIONS(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_GET(self) -> None:
        if self.path == "/end":
            os._exit(7)
        if self.path == "/fail":
            sys.exit("enough")
        raise KeyboardInterrupt

    def log_message(self, *_: object) -> None:
        return None


if __name__ == "__main__":
    found = {
        "asks": asks.FOUND,
        "imports_asks": imports_asks.FOUND,
        "told": told_first.FOUND,
        "left": os.environ.get("TOLD"),
        "steady": os.getpid() == steady.BY,
        "exchanged": after_exchange.LOADS is json.loads,
        "pid": os.getpid(),
    }
    with open(f"{sys.argv[1]}/found.json", "w") as file:
        json.dump(found, file)
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()

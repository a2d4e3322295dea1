"""A small tus server to be run as a process: ``tiny.py PORT DIRECTORY MOOD``. Standard library only.

One file an upload, appended to as the body comes; its length in a file beside it. Sequential, with
creation, creation-with-upload and termination. Moods: ``honest`` announces just that; ``boastful`` announces
extensions that it has not; ``shy`` announces nothing; ``careless`` drops the last byte of each body and
acknowledges it; ``lonely`` shares nothing; ``strict`` wants a header; ``dies`` and ``silent`` never listen.
"""

from __future__ import annotations

import http.server
import os
import sys
import time
import uuid
from pathlib import Path

HEADERS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}
DOES = "creation,creation-with-upload,termination"
BOASTS = DOES + ",checksum,expiration,concatenation"
BLOCK = 4_096


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    mood: str

    def reply(self, status: int, body: bytes = b"", **more: str) -> None:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        self.send_response(status)
        for name, value in (HEADERS | named).items():
            self.send_header(name, value)
        if status != 204 and "Content-Length" not in named:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def data(self) -> Path:
        return self.root / self.path.rpartition("/")[2]

    def length(self) -> int | None:
        try:
            return int(self.data.with_suffix(".len").read_text().partition("\n")[0])
        except (OSError, ValueError):
            return None

    def append(self, data: Path) -> int:
        """Take the body, also one that breaks off; the size afterwards."""
        left = int(self.headers.get("Content-Length", 0))
        whole = left
        with data.open("ab", buffering=0) as file:
            while left > 0:
                block = self.rfile.read1(min(left, BLOCK))
                if not block:
                    break
                left -= len(block)
                dropped = self.mood == "careless" and left == 0 and whole > 1
                file.write(block[:-1] + b"?" if dropped else block)
        return data.stat().st_size

    def do_OPTIONS(self) -> None:
        said = {"shy": "", "boastful": BOASTS}.get(self.mood, DOES)
        more = {"Tus_Extension": said} if said else {}
        if self.mood == "boastful":
            more["Tus_Checksum_Algorithm"] = "sha1"
        self.reply(204, Tus_Version="1.0.0", **more)

    def do_POST(self) -> None:
        if self.mood == "strict" and self.headers.get("X-Tenant") is None:
            self.reply(400, b"the header X-Tenant is missing")
            return
        length = self.headers.get("Upload-Length")
        if length is None:
            self.reply(400, b"no length")
            return
        name = uuid.uuid4().hex
        data = self.root / name
        data.touch()
        metadata = self.headers.get("Upload-Metadata", "")
        data.with_suffix(".len").write_text(f"{length}\n{metadata}")
        self.reply(201, Location=f"/files/{name}", Upload_Offset=str(self.append(data)))

    def do_HEAD(self) -> None:
        length = self.length()
        if length is None:
            self.reply(404)
            return
        size = self.data.stat().st_size
        metadata = self.data.with_suffix(".len").read_text().partition("\n")[2]
        told = (
            {"Upload_Metadata": metadata} if metadata else {}
        )  # tus 1.0.0, creation: HEAD gives it back
        self.reply(200, Upload_Offset=str(size), Upload_Length=str(length), **told)

    def do_GET(self) -> None:
        if self.length() is None:
            self.reply(404)
        else:
            self.reply(200, self.data.read_bytes())

    def do_PATCH(self) -> None:
        if self.length() is None:
            self.reply(404)
            self.close_connection = True
        elif int(self.headers["Upload-Offset"]) != self.data.stat().st_size:
            self.reply(409)
            self.close_connection = True
        else:
            self.reply(204, Upload_Offset=str(self.append(self.data)))

    def do_DELETE(self) -> None:
        if self.length() is None:
            self.reply(404)
            return
        self.data.with_suffix(".len").unlink()
        self.data.unlink()
        self.reply(204)

    def log_message(self, *_: object) -> None:
        return None


def main() -> None:
    port, root, mood = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if mood == "dies":
        sys.exit("the licence has expired")
    if mood == "silent":
        print("still thinking", flush=True)
        time.sleep(60)
    Handler.root = root / str(os.getpid()) if mood == "lonely" else root
    Handler.root.mkdir(exist_ok=True)
    Handler.mood = mood
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main()

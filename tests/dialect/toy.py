"""A protocol of one file: other verbs, other headers, and a little server that speaks it.

    PUT  /shelf?name=N&size=S     201, X-Box: the upload's address
    GET  /shelf/ID?state          200, X-At: how far it is, X-Size: how long it will be
    POST /shelf/ID                X-At: where the bytes belong; 200 with the new X-At, 409 elsewhere

``python toy.py PORT ROOT MOOD`` serves it with real files. The mood ``greedy`` takes bytes at any offset.
"""

from __future__ import annotations

import http.server
import importlib.util
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from patchstorm.case.case import Case
from patchstorm.dialect.base import Dialect
from patchstorm.dialect.exchange import Head, Reply
from patchstorm.dialect.operations import Request
from patchstorm.dialect.wire import Wire
from patchstorm.dialect.words import Words
from patchstorm.history.model import Completion, Operation, UploadInfo
from patchstorm.history.no_answer import NoAnswer
from patchstorm.history.recorder import outcome_of

STORE = Path(__file__).parents[1] / "sim" / "naive_store.py"
Headers = tuple[tuple[str, str], ...]
Answer = tuple[int, Headers]


class ShelfCodec:
    """Requests and answers of the shelf."""

    def encode(
        self,
        wire: Wire,
        request: Request,
        upload: UploadInfo,
        url: str | None,
        blocks: Callable[[], Iterable[Any]] | None = None,
    ) -> Head:
        if request.kind == "create":
            asked = urlencode({"name": upload.target, "size": upload.size})
            return Head(method="PUT", path=f"{wire.path}?{asked}", headers=(), has_body=True)
        if request.kind == "discover" or url is None:
            return Head(method="GET", path=wire.path, headers=())
        if request.kind == "append":
            at = (("X-At", str(request.offset)),)
            return Head(method="POST", path=url, headers=at, length=request.length, has_body=True)
        return Head(method="GET", path=f"{url}?state", headers=())

    def decode(
        self,
        wire: Wire,
        op: int,
        time_ns: int,
        request: Request,
        reply: Reply | None,
        *,
        sent: int,
        error: NoAnswer | None = None,
    ) -> Completion:
        if reply is None:
            return Completion(op=op, time_ns=time_ns, outcome="info", sent=sent, error=error)
        at, size = reply.headers.get("x-at"), reply.headers.get("x-size")
        return Completion(
            op=op,
            time_ns=time_ns,
            outcome=outcome_of(reply.status),
            status=reply.status,
            offset=None if at is None else int(at),
            upload_length=None if size is None else int(size),
            sent=sent,
            headers=reply.headers,
        )

    def created_url(self, wire: Wire, reply: Reply) -> str | None:
        return reply.headers.get("x-box")

    def upload_id(self, wire: Wire, url: str) -> str:
        return url.rpartition("/")[2]

    def fetch(self, wire: Wire, url: str) -> Head:
        return Head(method="GET", path=f"{url}?bytes", headers=())


def _stands_elsewhere(case: Case, operation: Operation, end: Completion, status: int) -> bool:
    """Bytes at another offset than the current one are refused."""
    return status == 409 and operation.call.kind == "append"


SHELF = Dialect(
    name="shelf",
    words=Words(
        verbs={"discover": "LOOK", "create": "MAKE", "query": "ASK", "append": "ADD"}, offset="X-At"
    ),
    codec=ShelfCodec(),
    excuses=_stands_elsewhere,
)


def answered(
    store: Any, method: str, path: str, headers: dict[str, str], body: bytes, *, greedy: bool
) -> Answer:
    """One request, whole; header names in lower case."""
    parts = urlsplit(path)
    ident = parts.path.rpartition("/")[2]
    if method == "PUT":
        asked = parse_qs(parts.query)
        box = store.create(asked["name"][0], int(asked["size"][0]))
        return 201, (("X-Box", f"/shelf/{box}"),)
    if method == "POST":
        at = store.offset(ident) if greedy else int(headers["x-at"])
        if not store.append(ident, at, body):
            return 409, ()
        return 200, (("X-At", str(at + len(body))),)
    if ident == "shelf":
        return 200, ()
    return 200, (("X-At", str(store.offset(ident))), ("X-Size", str(store.about(ident)[1])))


def _serve(port: int, root: str, mood: str) -> None:
    spec = importlib.util.spec_from_file_location("naive_store", STORE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.LOCKED = True
    store = module.Naive(root)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more = answered(
                store, self.command, self.path, headers, body, greedy=mood == "greedy"
            )
            self.send_response(status)
            for name, value in (*more, ("Content-Length", "0")):
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_PUT = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            return None

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    _serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])

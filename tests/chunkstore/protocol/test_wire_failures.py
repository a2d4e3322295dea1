"""When the store says *busy*, or the storage fails: what a client hears, and when it hears it.

A scripted store stands in, so that each failure happens exactly where the test wants it.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from wire_support import PATCH_TYPE, SECRET, TUS, Wire, problem_of

from chunkstore.config import Settings
from chunkstore.errors import Busy, Conflict, Locked, OutOfSpace, StoreError
from chunkstore.model import Claims, StatusDocument, View
from chunkstore.port import OsPort
from chunkstore.protocol import Exchange, Response


class ScriptedBody:
    def __init__(self, store: ScriptedStore) -> None:
        self.store = store
        self.sha256 = hashlib.sha256()
        self.received = 0
        self.aborted = 0

    def write(self, block: bytes) -> None:
        self.store.say("write")
        self.sha256.update(block)
        self.received += len(block)

    def commit(self) -> View:
        self.store.say("commit")
        return self.store.seen()

    def abort(self) -> None:
        self.aborted += 1


class ScriptedStore:
    """Raises what the script holds for a call, one error a time, and then succeeds."""

    def __init__(self) -> None:
        self.files = SimpleNamespace(port=OsPort())
        self.script: dict[str, list[Exception]] = {}
        self.calls: list[str] = []
        self.created: list[Claims] = []
        self.bodies: list[ScriptedBody] = []

    def say(self, call: str) -> None:
        self.calls.append(call)
        if self.script.get(call):
            raise self.script[call].pop(0)

    def seen(self) -> View:
        return View(
            session="s1", size=10, offset=5, received=5, count=1, expires_s=2_000_000_000, metadata="",
            state="uploading",
        )  # fmt: skip

    def create(self, claims: Claims, metadata: str) -> View:
        self.created.append(claims)
        self.say("create")
        return self.seen()

    def view(self, claims: Claims) -> View:
        self.say("view")
        return self.seen()

    def status(self, claims: Claims) -> StatusDocument:
        self.say("status")
        raise AssertionError("no test gets here")

    def begin(self, claims: Claims, offset: int, length: int | None) -> ScriptedBody:
        self.say("begin")
        self.bodies.append(ScriptedBody(self))
        return self.bodies[-1]

    def terminate(self, claims: Claims) -> None:
        self.say("terminate")


@pytest.fixture
def store() -> ScriptedStore:
    return ScriptedStore()


@pytest.fixture
def wire(store: ScriptedStore, tmp_path: Path) -> Wire:
    return Wire(store, tmp_path, Settings(secret=SECRET))


PATCH = TUS | {"Content-Type": PATCH_TYPE, "Content-Length": "5", "Upload-Offset": "0"}


def patiently(call: Callable[[], Response | None]) -> Response | None:
    """What an adapter does: the same call again, for as long as the store is busy."""
    while True:
        try:
            return call()
        except Busy:
            continue


def patch(wire: Wire) -> Response:
    return wire.request("PATCH", f"/upload?token={wire.token()}", PATCH, [b"hello"])


def test_a_busy_commit_is_repeated_and_the_checksum_still_holds(
    wire: Wire, store: ScriptedStore
) -> None:
    store.script = {"begin": [Busy("lock")], "commit": [Busy("lock"), Busy("lock")]}
    exchange = wire.exchange("PATCH", f"/upload?token={wire.token()}", PATCH)
    assert patiently(exchange.begin) is None
    assert exchange.data(b"hello") is None
    response = patiently(exchange.end)
    assert response is not None
    assert response.status == 204
    assert store.calls == ["begin", "begin", "write", "commit", "commit", "commit"]
    assert len(store.bodies) == 1


def test_when_patience_ends_the_client_hears_423(wire: Wire, store: ScriptedStore) -> None:
    store.script = {"commit": [Busy("Another request holds the session's lock.")]}
    exchange = wire.exchange("PATCH", f"/upload?token={wire.token()}", PATCH)
    exchange.begin()
    exchange.data(b"hello")
    with pytest.raises(Busy):
        exchange.end()
    response = exchange.busy_response()
    assert response.status == 423
    assert response.header("Retry-After") == "1"
    assert problem_of(response)["detail"] == "Another request holds the session's lock."
    assert store.bodies[0].aborted == 1


def test_a_creation_is_made_once_however_often_it_is_repeated(
    wire: Wire, store: ScriptedStore
) -> None:
    store.script = {"create": [Busy("lock")], "begin": [Busy("lock")]}
    fields = wire.creation(10) | {"Content-Type": PATCH_TYPE, "Content-Length": "5"}
    exchange = wire.exchange("POST", "/upload", fields)
    assert patiently(exchange.begin) is None
    assert store.calls == ["create", "create", "begin", "begin"]
    assert store.created[0] == store.created[1]


def test_a_creation_whose_bytes_stay_busy_is_announced_without_them(
    wire: Wire, store: ScriptedStore
) -> None:
    store.script = {"commit": [Busy("lock")]}
    fields = wire.creation(10) | {"Content-Type": PATCH_TYPE, "Content-Length": "5"}
    exchange = wire.exchange("POST", "/upload", fields)
    exchange.begin()
    exchange.data(b"hello")
    with pytest.raises(Busy):
        exchange.end()
    response = exchange.busy_response()
    assert (response.status, response.header("Upload-Offset")) == (201, "0")
    assert response.header("Location")


def test_a_busy_creation_is_423(wire: Wire, store: ScriptedStore) -> None:
    store.script = {"create": [Busy("lock")]}
    exchange = wire.exchange("POST", headers=wire.creation(10))
    with pytest.raises(Busy):
        exchange.begin()
    assert exchange.busy_response().status == 423


@pytest.mark.parametrize("call", ["begin", "write", "commit"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OSError(errno.ENOSPC, "No space left", "/srv/root/x"), 507),
        (OSError(errno.EDQUOT, "Quota exceeded", "/srv/root/x"), 507),
        (OSError(errno.EIO, "I/O error", "/srv/root/x"), 500),
        (OSError(errno.ESTALE, "Stale handle", "/srv/root/x"), 500),
        (OSError("no number"), 500),
        (OutOfSpace("full"), 507),
        (Locked("vanished"), 423),
        (Conflict("other bytes"), 409),
    ],
)
def test_a_failing_storage_ends_a_patch(
    wire: Wire, store: ScriptedStore, call: str, error: Exception, status: int
) -> None:
    store.script = {call: [error]}
    response = patch(wire)
    assert response.status == status
    assert b"/srv" not in response.body
    problem_of(response)
    assert all(body.aborted for body in store.bodies)


@pytest.mark.parametrize(
    "error", [OSError(errno.EIO, "I/O error", "/srv/x"), OutOfSpace("full"), StoreError("odd")]
)
def test_head_is_never_a_server_error(wire: Wire, store: ScriptedStore, error: Exception) -> None:
    store.script = {"view": [error]}
    response = wire.request("HEAD", f"/upload?token={wire.token()}")
    assert response.status == 423
    assert response.header("Retry-After") == "1"
    assert wire.request("HEAD", f"/upload?token={wire.token()}").status == 200


def test_status_and_delete_may_say_that_the_storage_failed(
    wire: Wire, store: ScriptedStore
) -> None:
    for method, path, call in (
        ("GET", "/upload/status", "status"),
        ("DELETE", "/upload", "terminate"),
    ):
        store.script = {call: [OSError(errno.EIO, "I/O error")]}
        assert wire.request(method, f"{path}?token={wire.token()}").status == 500


def test_a_creation_whose_bytes_are_refused_is_ended(wire: Wire, store: ScriptedStore) -> None:
    store.script = {"commit": [OutOfSpace("full")], "terminate": [Busy("lock")]}
    exchange = carrying(wire)
    response = patiently(exchange.end)
    assert response is not None
    assert response.status == 507
    assert response.header("Location") is None
    assert store.calls[-3:] == ["commit", "terminate", "terminate"]


def test_a_refused_creation_that_stays_busy_is_refused_all_the_same(
    wire: Wire, store: ScriptedStore
) -> None:
    store.script = {"commit": [OutOfSpace("full")], "terminate": [Busy("lock")]}
    exchange = carrying(wire)
    with pytest.raises(Busy):
        exchange.end()
    response = exchange.busy_response()
    assert response.status == 507
    assert response.header("Location") is None


def carrying(wire: Wire) -> Exchange:
    """A creation whose first bytes have come."""
    fields = wire.creation(10) | {"Content-Type": PATCH_TYPE, "Content-Length": "5"}
    exchange = wire.exchange("POST", "/upload", fields)
    assert exchange.begin() is None
    assert exchange.data(b"hello") is None
    return exchange

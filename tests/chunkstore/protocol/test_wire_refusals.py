"""Refusals: the right status, a problem document that helps, and nothing changed by any of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wire_support import PATCH_TYPE, TUS, Wire, b64, problem_of

from chunkstore.protocol import Response


def patch_with(wire: Wire, location: str, **changes: str | None) -> Response:
    given = {name.replace("_", "-"): value for name, value in changes.items()}
    fields = TUS | {"Content-Type": PATCH_TYPE, "Content-Length": "5", "Upload-Offset": "0"} | given
    kept = {name: value for name, value in fields.items() if value is not None}
    return wire.request("PATCH", location, kept, [b"hello"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Tus_Resumable": None}, 412),
        ({"Tus_Resumable": "0.2.2"}, 412),
        ({"Content_Type": None}, 415),
        ({"Content_Type": "application/octet-stream"}, 415),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Upload_Offset": None}, 400),
        ({"Upload_Offset": "+0"}, 400),
        ({"Upload_Offset": "0_0"}, 400),
        ({"Upload_Offset": "0x0"}, 400),
        ({"Upload_Offset": " 0"}, 400),
        ({"Upload_Offset": "-1"}, 400),
        ({"Upload_Offset": "11"}, 409),
        ({"Upload_Offset": "6"}, 413),
        ({"Content_Length": "11"}, 413),
        ({"Content_Length": "five"}, 400),
        ({"Upload_Length": "11"}, 400),
        ({"Upload_Checksum": "md5 AAAA"}, 400),
        ({"Upload_Checksum": "sha1"}, 400),
        ({"Upload_Checksum": f"sha1 {b64(bytes(20))}"}, 460),
    ],
)
def test_a_refused_patch_changes_nothing(
    wire: Wire, changes: dict[str, str | None], status: int
) -> None:
    location = wire.create(10)
    before = wire.status(location)
    response = patch_with(wire, location, **changes)
    problem_of(response)
    assert response.status == status
    assert response.header("Tus-Resumable") == "1.0.0"
    assert response.header("Upload-Offset") is None
    assert wire.status(location) == before
    assert wire.patch(location, 0, b"helloworld").header("Upload-Offset") == "10"


def test_a_wrong_version_is_told_the_right_one(wire: Wire) -> None:
    response = wire.request("HEAD", wire.create(5), {"Tus-Resumable": "2.0.0"})
    assert response.status == 412
    assert response.header("Tus-Version") == "1.0.0"
    assert problem_of(response)["received"] == "2.0.0"


def test_a_chunked_body_past_the_end_is_stopped(wire: Wire) -> None:
    location = wire.create(10)
    fields = TUS | {
        "Content-Type": PATCH_TYPE,
        "Transfer-Encoding": "chunked",
        "Upload-Offset": "0",
    }
    exchange = wire.exchange("PATCH", location, fields)
    assert exchange.begin() is None
    assert exchange.data(b"12345678") is None
    response = exchange.data(b"9abc")
    assert response is not None
    assert response.status == 413
    assert wire.offset(location) == "0"
    assert not list((wire.root / ".upload").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Upload-Length": None}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": " 5"}, 400),
        ({"Upload-Length": "5,5"}, 400),
        ({"Upload-Length": str((1 << 30) + 1)}, 413),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": None, "Upload-Defer-Length": "1"}, 400),
        ({"Upload-Concat": "partial"}, 400),
        ({"Upload-Metadata": "filename"}, 400),
        ({"Upload-Metadata": "filename !!"}, 400),
        ({"Upload-Metadata": f"filename {b64(b'../x')}"}, 400),
        ({"Upload-Metadata": f"filename {b64(b'/etc/x')}"}, 400),
        ({"Upload-Metadata": f"filename {b64(b'.upload/x')}"}, 400),
        ({"Upload-Metadata": f"filename {b64(b'x')},overwrite {b64(b'perhaps')}"}, 400),
        ({"Tus-Resumable": None}, 412),
    ],
)
def test_creation_is_strict(wire: Wire, changes: dict[str, str | None], status: int) -> None:
    fields = {k: v for k, v in (wire.creation(5) | changes).items() if v is not None}
    response = wire.request("POST", headers=fields)
    assert response.status == status
    if status != 201:
        problem_of(response)
        sessions = wire.root / ".upload"
        assert not sessions.exists() or not list(sessions.rglob("info.json"))


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?token=", 400), ("?token=rubbish", 400), ("?token=a.b.c", 400), ("?tok=x", 400)],
)
def test_a_request_without_a_good_token(wire: Wire, query: str, status: int) -> None:
    for method in ("HEAD", "PATCH", "DELETE"):
        assert wire.request(method, f"/upload{query}").status == status
    assert wire.request("GET", f"/upload/status{query}").status == status


def test_a_tampered_token_is_401_even_when_it_has_expired(wire: Wire) -> None:
    good = wire.token(expires_s=1)
    assert wire.request("HEAD", f"/upload?token={good}").status == 410
    response = wire.request("HEAD", f"/upload?token={good[:-2]}xx")
    assert response.status == 401
    assert response.header("WWW-Authenticate")


def test_an_expired_token_has_no_effect(wire: Wire) -> None:
    location = f"/upload?token={wire.token(expires_s=1)}"
    for method in ("HEAD", "DELETE"):
        assert wire.request(method, location).status == 410
    assert wire.patch(location, 0, b"x").status == 410
    assert not (wire.root / ".upload").exists()


def test_another_uploads_token_does_not_open_this_one(wire: Wire) -> None:
    mine = f"/upload?token={wire.token(session='mine', target='mine')}"
    assert wire.patch(mine, 0, b"12345").status == 204
    forged = f"/upload?token={wire.token(session='mine', target='other')}"
    assert wire.patch(forged, 5, b"67890").status == 409
    assert wire.offset(mine) == "5"


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("GET", "/upload", 405, "DELETE, HEAD, OPTIONS, PATCH, POST"),
        ("PUT", "/upload", 405, "DELETE, HEAD, OPTIONS, PATCH, POST"),
        ("PATCH", "/upload/status", 405, "GET, HEAD, OPTIONS"),
        ("GET", "/", 404, None),
        ("GET", "/uploads", 404, None),
        ("GET", "/upload/status/x", 404, None),
        ("HEAD", "/upload/../upload", 404, None),
    ],
)
def test_other_methods_and_paths(
    wire: Wire, method: str, path: str, status: int, allowed: str | None
) -> None:
    response = wire.request(method, path)
    assert response.status == status
    assert response.header("Allow") == allowed


def test_creation_can_be_switched_off(wire: Wire) -> None:
    closed = Wire(wire.store, wire.root, replace(wire.settings, creation="off"))
    assert closed.request("POST", headers=closed.creation(5)).status == 403
    assert "creation" not in (closed.request("OPTIONS").header("Tus-Extension") or "")
    location = f"/upload?token={closed.token(size=5)}"
    assert closed.patch(location, 0, b"hello").status == 204


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer wrong", 401),
        ("Basic the creation secret", 401),
        ("Bearer the creation secret", 201),
        ("bearer the creation secret", 201),
        ("Bearer \udcff", 401),
    ],
)
def test_creation_can_be_guarded(wire: Wire, shown: str | None, status: int) -> None:
    guarded = Wire(
        wire.store,
        wire.root,
        replace(wire.settings, creation="bearer", creation_secret=b"the creation secret"),
    )
    fields = guarded.creation(5) | ({} if shown is None else {"Authorization": shown})
    response = guarded.request("POST", headers=fields)
    assert response.status == status
    if status == 401:
        assert (response.header("WWW-Authenticate") or "").startswith("Bearer")
        assert b"creation secret" not in response.body.replace(b"the creation secret.", b"")


def test_the_guard_guards_creation_only(wire: Wire) -> None:
    guarded = Wire(
        wire.store, wire.root, replace(wire.settings, creation="bearer", creation_secret=b"x" * 16)
    )
    location = f"/upload?token={guarded.token(size=5)}"
    assert guarded.patch(location, 0, b"hello").status == 204


def test_settings_do_not_show_their_secrets(wire: Wire) -> None:
    settings = replace(wire.settings, creation_secret=b"another hidden one")
    assert "secret of the fleet" not in repr(settings)
    assert "hidden" not in repr(settings)

"""Pages of other origins: what a browser asks before it lets one upload, and what it lets it read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wire_support import PATCH_TYPE, TUS, Wire

from chunkstore import cors
from chunkstore.errors import Busy
from chunkstore.protocol import Response
from chunkstore.protocol_headers import Head

PAGE = "https://app.example"
OTHER = "https://other.example"
FROM_PAGE = {"Origin": PAGE}
ALLOWED = "Access-Control-Allow-Origin"


def preflight(wire: Wire, method: str, origin: str = PAGE) -> Response:
    return wire.request(
        "OPTIONS",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "content-type,tus-resumable,upload-offset",
        },
    )


def listed(response: Response, name: str) -> set[str]:
    return {one.strip().lower() for one in (response.header(name) or "").split(",")} - {""}


def letting_in(wire: Wire, *origins: str) -> Wire:
    return Wire(wire.store, wire.root, replace(wire.settings, origins=origins))


@pytest.mark.parametrize("method", ["POST", "PATCH", "HEAD", "DELETE", "GET"])
def test_a_preflight_grants_what_clients_of_tus_send(wire: Wire, method: str) -> None:
    granted = preflight(wire, method)
    assert granted.status == 204
    assert granted.header(ALLOWED) == "*"
    assert method.lower() in listed(granted, "Access-Control-Allow-Methods")
    assert {
        "tus-resumable", "content-type", "upload-length", "upload-offset", "upload-metadata",
        "upload-checksum", "x-http-method-override", "authorization",
    } <= listed(granted, "Access-Control-Allow-Headers")  # fmt: skip
    assert granted.header("Access-Control-Allow-Credentials") is None


def test_every_field_of_an_answer_can_be_read(wire: Wire) -> None:
    created = wire.request("POST", headers=wire.creation(10) | FROM_PAGE)
    location = created.header("Location") or ""
    answers = [
        created,
        wire.patch(location, 0, b"hello", Origin=PAGE),
        wire.request("HEAD", location, TUS | FROM_PAGE),
        wire.request("OPTIONS", headers=FROM_PAGE),
    ]
    safe = {"cache-control", "content-type", "content-length"}
    for answer in answers:
        assert answer.status < 300
        assert answer.header(ALLOWED) == "*"
        told = {
            name.lower() for name, _ in answer.headers if not name.startswith("Access-Control-")
        }
        assert told - safe <= listed(answer, "Access-Control-Expose-Headers")
    assert "x-backend-ai-progress-percent" in listed(answers[1], "Access-Control-Expose-Headers")


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/upload", TUS, 400),
        ("POST", "/upload", {}, 412),
        ("PUT", "/upload", TUS, 405),
        ("HEAD", "/upload?token=none", TUS, 400),
        ("GET", "/elsewhere", TUS, 404),
        ("PATCH", "/upload?token=a.b.c", TUS | {"Content-Type": PATCH_TYPE}, 400),
    ],
)
def test_a_refusal_can_be_read_too(
    wire: Wire, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    refused = wire.request(method, path, headers | FROM_PAGE)
    assert refused.status == status
    assert refused.header(ALLOWED) == "*"
    assert "tus-resumable" in listed(refused, "Access-Control-Expose-Headers")


def test_a_busy_answer_can_be_read_too(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> object:
        raise Busy("The upload is busy.")

    location = wire.create(5)
    monkeypatch.setattr(wire.store, "view", busy)
    exchange = wire.exchange("HEAD", location, TUS | FROM_PAGE)
    with pytest.raises(Busy):
        exchange.begin()
    answer = exchange.busy_response()
    assert (answer.status, answer.header(ALLOWED)) == (423, "*")
    assert "retry-after" in listed(answer, "Access-Control-Expose-Headers")


def test_who_sends_no_origin_is_told_nothing_of_it(wire: Wire) -> None:
    answer = wire.request("OPTIONS", headers={})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
    assert answer.header("Vary") is None


def test_named_origins_are_let_in_and_no_others(wire: Wire) -> None:
    chosen = letting_in(wire, PAGE, "https://second.example")
    for origin in (PAGE, "https://second.example"):
        assert preflight(chosen, "PATCH", origin).header(ALLOWED) == origin
    for origin in (OTHER, "null", f"{PAGE}.evil.example", "http://app.example", PAGE + "," + PAGE):
        refused = preflight(chosen, "PATCH", origin)
        assert not [name for name, _ in refused.headers if name.startswith("Access-Control-")]
        assert refused.header("Vary") == "Origin"
    assert chosen.request("OPTIONS", headers={}).header("Vary") == "Origin"


def test_switched_off_no_page_is_let_in(wire: Wire) -> None:
    off = letting_in(wire)
    assert preflight(off, "PATCH").header(ALLOWED) is None
    assert off.request("OPTIONS", headers=FROM_PAGE).header("Vary") is None


def test_of_an_unread_request_only_what_holds_for_all_is_said() -> None:
    assert dict(cors.unheard(("*",)))[ALLOWED] == "*"
    assert cors.unheard((PAGE,)) == ()
    assert cors.unheard(()) == ()


def test_two_origins_in_one_request_are_none_of_the_named() -> None:
    head = Head(method="GET", path="/upload", headers=(("Origin", PAGE), ("Origin", OTHER)))
    assert cors.fields((PAGE,), head) == (("Vary", "Origin"),)

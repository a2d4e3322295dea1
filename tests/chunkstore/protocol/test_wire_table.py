"""The table of the wire, row by row, over a real store in a temporary directory."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from email.utils import parsedate_to_datetime

import pytest
from wire_support import PATCH_TYPE, SECRET, TUS, Wire, b64, problem_of

from chunkstore.tokens import verify

DATA = bytes(range(256)) * 4


def claims_of(location: str) -> object:
    return verify(location.partition("token=")[2], SECRET)


def test_options_tells_what_is_served(wire: Wire) -> None:
    response = wire.request("OPTIONS", headers={})
    assert response.status == 204
    assert response.header("Tus-Version") == "1.0.0"
    assert response.header("Tus-Max-Size") == str(1 << 30)
    assert response.header("Tus-Checksum-Algorithm") == "sha1,sha256"
    assert response.header("Tus-Extension") == (
        "creation,creation-with-upload,checksum,termination,expiration"
    )


def test_an_upload_from_creation_to_the_published_file(wire: Wire) -> None:
    location = wire.create(len(DATA), "dir.bin")
    assert wire.offset(location) == "0"
    first = wire.patch(location, 0, DATA[:300])
    assert (first.status, first.header("Upload-Offset")) == (204, "300")
    assert not (wire.root / "dir.bin").exists()
    last = wire.patch(location, 300, DATA[300:])
    assert (last.status, last.header("Upload-Offset")) == (204, str(len(DATA)))
    assert (wire.root / "dir.bin").read_bytes() == DATA


def test_creation_answers_a_location_and_an_expiry(wire: Wire) -> None:
    response = wire.request("POST", headers=wire.creation(5))
    location = response.header("Location") or ""
    assert response.status == 201
    assert location.startswith("/upload?token=")
    assert response.header("Upload-Offset") is None
    claims = verify(location.partition("token=")[2], SECRET)
    assert (claims.size, claims.target, claims.created) == (5, "file.bin", True)
    expires = parsedate_to_datetime(response.header("Upload-Expires") or "")
    assert int(expires.timestamp()) == claims.expires_s


@pytest.mark.parametrize(
    ("told", "origin"),
    [
        ({}, ""),
        ({"Host": "files:8080"}, "http://files:8080"),
        ({"Host": "[::1]:8080"}, "http://[::1]:8080"),
        ({"Host": "inner", "X-Forwarded-Proto": "https"}, "https://inner"),
        (
            {"Host": "inner", "X-Forwarded-Host": "outer", "X-Forwarded-Proto": "https"},
            "https://outer",
        ),
        ({"Host": "inner", "X-Forwarded-Proto": "gopher"}, ""),
        ({"Host": "a b"}, ""),
        ({"Host": "a/b"}, ""),
        ({"Host": "user@a"}, ""),
    ],
)
def test_a_location_is_absolute_where_the_request_tells_how(
    wire: Wire, told: dict[str, str], origin: str
) -> None:
    response = wire.request("POST", headers=wire.creation(5) | told)
    assert (response.header("Location") or "").startswith(f"{origin}/upload?token=")


def test_a_location_starts_with_the_public_url(wire: Wire) -> None:
    public = Wire(wire.store, wire.root, replace(wire.settings, public_url="https://up.example"))
    response = public.request("POST", headers=public.creation(5) | {"Host": "inner:1"})
    assert (response.header("Location") or "").startswith("https://up.example/upload?token=")


def test_head_tells_the_prefix_the_length_and_the_metadata_as_given(wire: Wire) -> None:
    location = wire.create(len(DATA))
    wire.patch(location, 0, DATA[:100])
    wire.patch(location, 500, DATA[500:600])
    response = wire.request("HEAD", location)
    assert response.status == 200
    assert response.header("Upload-Offset") == "100"
    assert response.header("Upload-Length") == str(len(DATA))
    assert response.header("Upload-Metadata") == f"filename {b64(b'file.bin')}"
    assert response.header("Cache-Control") == "no-store"


def test_patch_tells_progress_and_an_expiry_that_does_not_slide(wire: Wire) -> None:
    created = wire.request("POST", headers=wire.creation(1024))
    location = created.header("Location") or ""
    response = wire.patch(location, 0, DATA[:256])
    assert response.header("Upload-Expires") == created.header("Upload-Expires")
    assert response.header("X-Backend-Ai-Chunks-Received") == "1"
    assert float(response.header("X-Backend-Ai-Progress-Percent") or "") == 25.0


def test_progress_counts_what_lies_beyond_a_gap_as_the_status_does(wire: Wire) -> None:
    location = wire.create(1024)
    response = wire.patch(location, 512, DATA[512:768])
    assert response.header("Upload-Offset") == "0"
    assert float(response.header("X-Backend-Ai-Progress-Percent") or "") == 25.0
    assert wire.status(location)["progress_percent"] == 25.0


def test_any_offset_in_range_is_accepted(wire: Wire) -> None:
    location = wire.create(len(DATA))
    tail = wire.patch(location, 512, DATA[512:])
    assert (tail.status, tail.header("Upload-Offset")) == (204, "0")
    head = wire.patch(location, 0, DATA[:512])
    assert head.header("Upload-Offset") == str(len(DATA))
    assert (wire.root / "file.bin").read_bytes() == DATA


def test_status_tells_what_is_missing(wire: Wire) -> None:
    location = wire.create(1000)
    wire.patch(location, 0, DATA[:100])
    wire.patch(location, 500, DATA[500:600])
    document = wire.status(location)
    assert document["committed_offset"] == 100
    assert document["chunks_received"] == [0, 500]
    assert document["missing_ranges"] == [
        {"offset": 100, "length": 400},
        {"offset": 600, "length": 400},
    ]
    assert document["progress_percent"] == 20.0
    assert document["total_size"] == 1000


def test_termination_ends_the_upload(wire: Wire) -> None:
    location = wire.create(len(DATA))
    wire.patch(location, 0, DATA[:10])
    assert wire.request("DELETE", location).status == 204
    for again in ("HEAD", "DELETE"):
        gone = wire.request(again, location)
        assert gone.status == 410
        assert gone.header("Upload-Offset") is None
    assert wire.patch(location, 0, DATA[:10]).status == 410


def test_creation_with_upload(wire: Wire) -> None:
    fields = wire.creation(len(DATA)) | {"Content-Type": PATCH_TYPE, "Content-Length": "100"}
    response = wire.request("POST", headers=fields, body=[DATA[:60], DATA[60:100]])
    assert (response.status, response.header("Upload-Offset")) == (201, "100")
    location = response.header("Location") or ""
    assert wire.patch(location, 100, DATA[100:]).status == 204
    assert (wire.root / "file.bin").read_bytes() == DATA


def test_creation_with_the_whole_upload(wire: Wire) -> None:
    fields = wire.creation(len(DATA)) | {"Content-Type": PATCH_TYPE, "Transfer-Encoding": "chunked"}
    response = wire.request("POST", headers=fields, body=[DATA])
    assert (response.status, response.header("Upload-Offset")) == (201, str(len(DATA)))
    assert (wire.root / "file.bin").read_bytes() == DATA


def test_creation_with_an_upload_of_another_type_creates_nothing(wire: Wire) -> None:
    fields = wire.creation(10) | {"Content-Type": "text/plain", "Content-Length": "5"}
    assert wire.request("POST", headers=fields, body=[b"hello"]).status == 415
    assert not (wire.root / ".upload").exists()


def test_a_zero_byte_upload_is_complete_at_once(wire: Wire) -> None:
    location = wire.create(0, "empty")
    assert wire.offset(location) == "0"
    assert (wire.root / "empty").read_bytes() == b""
    assert wire.patch(location, 0, b"").status == 204


def test_an_empty_patch_changes_nothing(wire: Wire) -> None:
    location = wire.create(len(DATA))
    response = wire.patch(location, 0, b"")
    assert (response.status, response.header("Upload-Offset")) == (204, "0")
    assert wire.patch(location, 0, DATA).header("Upload-Offset") == str(len(DATA))
    assert (wire.root / "file.bin").read_bytes() == DATA


def test_a_managers_token_creates_its_session_with_the_first_request(wire: Wire) -> None:
    location = f"/upload?token={wire.token(size=len(DATA), target='offline.bin')}"
    assert wire.offset(location) == "0"
    assert wire.patch(location, 0, DATA).header("Upload-Offset") == str(len(DATA))
    assert (wire.root / "offline.bin").read_bytes() == DATA


def test_an_upload_this_fleet_never_made_is_unknown(wire: Wire) -> None:
    location = f"/upload?token={wire.token(created=True)}"
    response = wire.request("HEAD", location)
    assert response.status == 404
    assert response.header("Upload-Offset") is None
    assert wire.patch(location, 0, b"x").status == 404


@pytest.mark.parametrize("actual", ["POST", "GET", "HEAD"])
def test_the_method_override_wins(wire: Wire, actual: str) -> None:
    location = wire.create(len(DATA))
    fields = TUS | {
        "X-HTTP-Method-Override": "PATCH",
        "Content-Type": PATCH_TYPE,
        "Content-Length": "10",
        "Upload-Offset": "0",
    }
    assert wire.request(actual, location, fields, [DATA[:10]]).status == 204
    assert wire.offset(location) == "10"


def test_a_replay_succeeds_and_changes_nothing(wire: Wire) -> None:
    location = wire.create(len(DATA))
    for _ in range(3):
        assert wire.patch(location, 0, DATA[:512]).status == 204
    assert wire.patch(location, 512, DATA[512:]).status == 204
    late = wire.patch(location, 0, DATA[:512])
    assert (late.status, late.header("Upload-Offset")) == (204, str(len(DATA)))
    assert (wire.root / "file.bin").read_bytes() == DATA


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_right_checksum_is_accepted(wire: Wire, algorithm: str) -> None:
    location = wire.create(len(DATA))
    digest = hashlib.new(algorithm, DATA).digest()
    response = wire.patch(location, 0, DATA, Upload_Checksum=f"{algorithm} {b64(digest)}")
    assert response.status == 204
    assert (wire.root / "file.bin").read_bytes() == DATA


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_a_wrong_checksum_leaves_no_trace(wire: Wire, algorithm: str) -> None:
    location = wire.create(len(DATA))
    before = wire.status(location)
    digest = hashlib.new(algorithm, b"other").digest()
    response = wire.patch(location, 0, DATA, Upload_Checksum=f"{algorithm} {b64(digest)}")
    document = problem_of(response)
    assert response.status == 460
    assert document["expected"] == digest.hex()
    assert document["received"] == hashlib.new(algorithm, DATA).hexdigest()
    assert wire.status(location) == before
    assert not list((wire.root / ".upload").rglob("*.tmp"))
    assert wire.patch(location, 0, DATA).header("Upload-Offset") == str(len(DATA))


def test_a_wrong_checksum_of_a_creation_ends_it(wire: Wire) -> None:
    fields = wire.creation(5) | {
        "Content-Type": PATCH_TYPE,
        "Content-Length": "5",
        "Upload-Checksum": f"sha1 {b64(bytes(20))}",
    }
    assert wire.request("POST", headers=fields, body=[b"hello"]).status == 460
    wire.store.sweep()
    assert not (wire.root / "file.bin").exists()
    kept = {path.name for path in (wire.root / ".upload").rglob("*") if path.is_file()}
    assert kept <= {"info.json", ".lock"}


def test_contradicting_bytes_are_a_conflict(wire: Wire) -> None:
    location = wire.create(len(DATA))
    wire.patch(location, 0, DATA[:100])
    response = wire.patch(location, 50, b"\0" * 100)
    assert response.status == 409
    assert wire.offset(location) == "100"


def test_an_aborted_body_leaves_nothing(wire: Wire) -> None:
    location = wire.create(len(DATA))
    fields = TUS | {"Content-Type": PATCH_TYPE, "Content-Length": "500", "Upload-Offset": "0"}
    exchange = wire.exchange("PATCH", location, fields)
    assert exchange.begin() is None
    assert exchange.data(DATA[:200]) is None
    exchange.abort()
    exchange.abort()
    assert wire.offset(location) == "0"
    assert not list((wire.root / ".upload").rglob("*.tmp"))


def test_of_a_body_that_ends_too_early_the_prefix_is_kept(wire: Wire) -> None:
    location = wire.create(len(DATA))
    response = wire.patch(location, 0, DATA[:200], Content_Length="500")
    assert response.status == 400
    assert wire.offset(location) == "200"
    assert not list((wire.root / ".upload").rglob("*.tmp"))
    assert wire.patch(location, 200, DATA[200:]).status == 204
    assert (wire.root / "file.bin").read_bytes() == DATA


def test_another_base_path(wire: Wire) -> None:
    elsewhere = Wire(wire.store, wire.root, replace(wire.settings, base_path="/storage/v1/up"))
    response = elsewhere.request("POST", "/storage/v1/up/", elsewhere.creation(0, "x"))
    assert (response.header("Location") or "").startswith("/storage/v1/up?token=")
    assert elsewhere.request("POST", "/upload", elsewhere.creation(0, "y")).status == 404


def test_overwrite_is_asked_for_in_the_metadata(wire: Wire) -> None:
    (wire.root / "file.bin").write_bytes(b"old")
    assert wire.request("POST", headers=wire.creation(3)).status == 409
    fields = wire.creation(3)
    fields["Upload-Metadata"] += ",overwrite"
    location = wire.request("POST", headers=fields).header("Location") or ""
    assert wire.patch(location, 0, b"new").status == 204
    assert (wire.root / "file.bin").read_bytes() == b"new"

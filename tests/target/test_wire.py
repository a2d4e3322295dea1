"""Requests become the HTTP that tus 1.0.0 asks for, and answers become completions, both ways."""

from __future__ import annotations

import base64
import hashlib
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchstorm.dialect.exchange import Reply
from patchstorm.dialect.operations import Request
from patchstorm.dialect.tus.codec import (
    created_url,
    decode,
    encode,
    published_path,
    upload_id,
)
from patchstorm.dialect.wire import Wire
from patchstorm.history.model import UploadInfo
from patchstorm.history.no_answer import NoAnswer
from patchstorm.target.model import Files
from patchstorm.target.places import Places
from patchstorm.target.registry import resolve

UPLOAD = UploadInfo(id="u1", size=1000, target="dir/file.bin")
REFERENCE = Wire(path="/upload", status="{path}/status?{query}", id="token:session")
GENERIC = Wire(path="/files/", headers={"X-Tenant": "a"}, metadata={"kind": "video"})
BODY = b"some bytes of a body"


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_creation_declares_length_and_name() -> None:
    head = encode(GENERIC, Request(kind="create", upload="u1"), UPLOAD, None)
    assert (head.method, head.path, head.length, head.has_body) == ("POST", "/files/", 0, True)
    assert dict(head.headers) == {
        "Tus-Resumable": "1.0.0",
        "X-Tenant": "a",
        "Upload-Length": "1000",
        "Upload-Metadata": f"filename {base64_of('dir/file.bin')},kind {base64_of('video')}",
    }


def test_an_upload_without_a_name_asks_for_none() -> None:
    upload = UploadInfo(id="u1", size=1000, target="u1.bin", unnamed=True)
    creation = Request(kind="create", upload="u1")
    told = dict(encode(REFERENCE, creation, upload, None).headers)
    assert told["Upload-Length"] == "1000"
    assert "Upload-Metadata" not in told
    wire = Wire(path="/files/", metadata={"kind": "video", "title": "{target}"})
    told = dict(encode(wire, creation, upload, None).headers)
    assert told["Upload-Metadata"] == f"kind {base64_of('video')}", "what needs no name is told"


@pytest.mark.parametrize(
    ("files", "path"),
    [
        (Files(unnamed="{id}"), "session-7"),
        (Files(unnamed="plain/{id}.bin"), "plain/session-7.bin"),
        (Files(published="done/{id}"), "done/session-7"),
    ],
)
def test_a_file_that_nobody_named_lies_where_the_target_says(files: Files, path: str) -> None:
    target = msgspec.structs.replace(resolve("reference"), files=files)
    target = msgspec.structs.replace(target, wire=Wire(path="/upload"))
    nobodys = UploadInfo(id="u1", size=5, target="u1.bin", unnamed=True)
    places = Places(target, (nobodys, UploadInfo(id="u2", size=5, target="u2.bin")))
    assert places.path("u1") is None, "nobody has its URL yet"
    places.learn("u1", "/upload/session-7")
    assert places.path("u1") == path


def test_a_creation_can_ask_for_replacement_and_carry_the_first_bytes() -> None:
    upload = UploadInfo(id="u1", size=1000, target="x", overwrite=True)
    request = Request(kind="create", upload="u1", length=10, whole=True)
    head = encode(REFERENCE, request, upload, None)
    headers = dict(head.headers)
    assert headers["Upload-Metadata"].endswith(",overwrite")
    assert headers["Content-Type"] == "application/offset+octet-stream"
    assert head.length == 10


def test_a_patch_goes_to_the_upload_and_says_where_it_belongs() -> None:
    request = Request(kind="append", upload="u1", offset=512, length=20)
    head = encode(REFERENCE, request, UPLOAD, "/upload?token=abc")
    assert head.encoded() == (
        b"PATCH /upload?token=abc HTTP/1.1\r\n"
        b"Host: 127.0.0.1\r\n"
        b"Tus-Resumable: 1.0.0\r\n"
        b"Content-Type: application/offset+octet-stream\r\n"
        b"Upload-Offset: 512\r\n"
        b"Content-Length: 20\r\n\r\n"
    )
    assert b"Transfer-Encoding: chunked\r\n\r\n" in head.encoded(chunked=True)
    assert b"Content-Length" not in head.encoded(chunked=True)


@pytest.mark.parametrize(
    ("kind", "method", "path"),
    [
        ("query", "HEAD", "/upload?token=abc"),
        ("terminate", "DELETE", "/upload?token=abc"),
        ("status", "GET", "/upload/status?token=abc"),
        ("discover", "OPTIONS", "/upload"),
    ],
)
def test_the_other_requests_have_no_body(kind: str, method: str, path: str) -> None:
    request = Request(kind=kind, upload="u1")  # type: ignore[arg-type]
    head = encode(REFERENCE, request, UPLOAD, "/upload?token=abc")
    assert (head.method, head.path, head.has_body) == (method, path, False)
    assert b"Content-Length" not in head.encoded()
    assert (b"Tus-Resumable" in head.encoded()) == (kind != "discover")


def test_without_a_url_there_is_nothing_to_ask_for() -> None:
    with pytest.raises(ValueError, match="no creation gave out its URL"):
        encode(GENERIC, Request(kind="query", upload="u1"), UPLOAD, None)
    with pytest.raises(ValueError, match="no status document"):
        encode(GENERIC, Request(kind="status", upload="u1"), UPLOAD, "/files/x")


@pytest.mark.parametrize(
    ("checksum", "algorithm", "value"),
    [
        ("right", "sha256", base64.b64encode(hashlib.sha256(BODY).digest()).decode()),
        ("right", "sha1", base64.b64encode(hashlib.sha1(BODY).digest()).decode()),
    ],
)
def test_a_right_checksum_is_the_digest_of_the_body(
    checksum: str, algorithm: str, value: str
) -> None:
    assert sum_header(checksum, algorithm) == f"{algorithm} {value}"


def test_a_wrong_checksum_looks_right_and_is_not() -> None:
    algorithm, _, value = sum_header("wrong", "sha256").partition(" ")
    digest = base64.b64decode(value, validate=True)
    assert (algorithm, len(digest)) == ("sha256", 32)
    assert digest != hashlib.sha256(BODY).digest()


@pytest.mark.parametrize("part", [slice(0, 8), slice(-8, None)], ids=["front", "end"])
def test_some_wrong_checksums_are_right_in_part(part: slice) -> None:
    right = hashlib.sha256(BODY).digest()
    wrong = []
    for offset in range(0, 640, 64):
        _, _, value = sum_header("wrong", "sha256", offset).partition(" ")
        wrong.append(base64.b64decode(value, validate=True))
    assert right not in wrong
    assert any(one[part] == right[part] for one in wrong)


def test_a_malformed_checksum_is_no_base64_and_an_unknown_algorithm_is_unknown() -> None:
    with pytest.raises(ValueError):
        base64.b64decode(sum_header("malformed", "sha1").partition(" ")[2], validate=True)
    assert (
        sum_header("unknown-algorithm", "sha1").partition(" ")[0]
        not in hashlib.algorithms_available
    )


def sum_header(checksum: str, algorithm: str, offset: int = 0) -> str:
    request = Request(
        kind="append",
        upload="u1",
        offset=offset,
        length=len(BODY),
        checksum=checksum,
        algorithm=algorithm,  # type: ignore[arg-type]
    )
    head = encode(REFERENCE, request, UPLOAD, "/u", lambda: [BODY[:7], BODY[7:]])
    return dict(head.headers)["Upload-Checksum"]


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/upload?token=abc", "/upload?token=abc"),
        ("http://elsewhere:8080/files/a%20b", "/files/a%20b"),
        ("https://elsewhere/files/x?y=1", "/files/x?y=1"),
        ("x1", "/files/x1"),
        ("", None),
    ],
)
def test_the_url_is_what_the_location_says_whatever_its_host(
    location: str, url: str | None
) -> None:
    reply = Reply(status=201, headers={"location": location})
    assert created_url(GENERIC, reply) == url


def test_a_refused_creation_gives_no_url() -> None:
    assert created_url(GENERIC, Reply(status=409, headers={"location": "/files/x"})) is None
    assert created_url(GENERIC, Reply(status=201)) is None


def test_the_servers_name_for_an_upload_stands_where_the_wire_says() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"session": "s-1"}).encode()).decode().rstrip("=")
    assert upload_id(REFERENCE, f"/upload?token=h.{claims}.s") == "s-1"
    assert upload_id(REFERENCE, "/upload?token=garbage") == ""
    assert upload_id(GENERIC, "/files/a%20b") == "a b"
    assert upload_id(GENERIC, "/files/ab/") == "ab"
    assert upload_id(Wire(path="/f", id="key"), "/f?key=k7") == "k7"


def test_the_published_path_needs_the_url_only_where_the_pattern_does() -> None:
    assert published_path("{target}", GENERIC, UPLOAD, None) == "dir/file.bin"
    assert published_path("done/{id}", GENERIC, UPLOAD, None) is None
    assert published_path("done/{id}", GENERIC, UPLOAD, "/files/x9") == "done/x9"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (204, "ok"),
        (400, "fail"),
        (409, "fail"),
        (423, "fail"),
        (500, "info"),
        (507, "info"),
    ],
)
def test_an_answer_is_classed_by_its_status(status: int, outcome: str) -> None:
    request = Request(kind="append", upload="u1")
    reply = Reply(status=status, headers={"upload-offset": "12", "upload-length": "1000"})
    end = decode(REFERENCE, 3, 99, request, reply, sent=5)
    assert (end.op, end.time_ns, end.outcome, end.status) == (3, 99, outcome, status)
    assert (end.offset, end.upload_length, end.sent, end.malformed) == (12, 1000, 5, None)


def test_no_answer_is_no_verdict() -> None:
    end = decode(
        REFERENCE, 1, 2, Request(kind="append", upload="u1"), None, sent=7, error=NoAnswer.RESET
    )
    assert (end.outcome, end.status, end.sent, end.error) == ("info", None, 7, "reset")


@pytest.mark.parametrize("value", ["+5", "1_0", " 5 x", "-1", "", "\u0665", "0x10"])
def test_an_offset_that_is_no_plain_number_is_malformed(value: str) -> None:
    reply = Reply(status=200, headers={"upload-offset": value})
    end = decode(REFERENCE, 1, 2, Request(kind="query", upload="u1"), reply, sent=0)
    assert end.offset is None
    assert end.malformed is not None
    assert "upload-offset" in end.malformed


def status_body(**changes: object) -> bytes:
    return json.dumps(
        {
            "session": "s",
            "total_size": 1000,
            "committed_offset": 10,
            "chunks_received": [0, 5],
            "missing_ranges": [{"offset": 10, "length": 990}],
            "progress_percent": 1.0,
            "status": "uploading",
        }
        | changes
    ).encode()


def test_a_status_document_is_read() -> None:
    request = Request(kind="status", upload="u1")
    end = decode(REFERENCE, 1, 2, request, Reply(status=200, body=status_body()), sent=0)
    assert end.document is not None
    assert end.document.missing_ranges == ((10, 990),)
    assert end.document.chunks_received == (0, 5)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", status_body(missing_ranges=[1]), status_body(total_size="many")]
)
def test_a_status_document_that_cannot_be_read_says_why(body: bytes) -> None:
    request = Request(kind="status", upload="u1")
    end = decode(REFERENCE, 1, 2, request, Reply(status=200, body=body), sent=0)
    assert end.document is None
    assert end.malformed is not None


@given(st.binary(max_size=200))
def test_no_status_body_whatever_breaks_the_reader(body: bytes) -> None:
    request = Request(kind="status", upload="u1")
    end = decode(REFERENCE, 1, 2, request, Reply(status=200, body=body), sent=0)
    assert (end.document is None) == (end.malformed is not None)

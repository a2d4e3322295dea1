"""How long a request's lines may be, and what a page of another origin reads of what was not read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_support import PATCH_TYPE, connect

from chunkstore.listening import ADDRESS_BYTES_MAX, FIELD_BYTES_MAX, FIELDS_MAX
from chunkstore.testing import Fleet


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """One replica for them all: nothing here changes it."""
    with Fleet(tmp_path_factory.mktemp("limits"), 1) as fleet:
        yield fleet


LINES = "Host: t\r\nOrigin: https://app.example\r\nConnection: close\r\n"


def answered(fleet: Fleet, head: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
    """Status, fields and body of the answer to a request written by hand."""
    with connect(fleet) as sock:
        sock.sendall(f"{head}\r\n".encode() + body)
        said = b""
        while block := sock.recv(65536):
            said += block
    lines, _, rest = said.partition(b"\r\n\r\n")
    status, *fields = lines.decode().split("\r\n")
    pairs = (field.partition(": ") for field in fields)
    return int(status.split()[1]), {name.lower(): value for name, _, value in pairs}, rest


def with_value(length: int) -> str:
    return f"OPTIONS /upload HTTP/1.1\r\n{LINES}X-Long: {'x' * length}\r\n"


def test_a_header_line_may_have_the_documented_length(running: Fleet) -> None:
    assert answered(running, with_value(FIELD_BYTES_MAX - len("X-Long: ")))[0] == 204


def with_lines(count: int) -> str:
    others = len(LINES.splitlines())
    more = "".join(f"X-{index}: x\r\n" for index in range(count - others))
    return f"OPTIONS /upload HTTP/1.1\r\n{LINES}{more}"


@pytest.mark.parametrize(
    "head", [with_value(FIELD_BYTES_MAX + 1), with_value(100_000), with_lines(FIELDS_MAX + 1)]
)
def test_what_is_longer_is_431_that_names_the_bound(running: Fleet, head: str) -> None:
    status, fields, body = answered(running, head)
    assert status == 431
    assert json.loads(body)["expected"] in (FIELD_BYTES_MAX, FIELDS_MAX)
    assert fields["access-control-allow-origin"] == "*"


def test_as_many_lines_as_are_documented_are_read(running: Fleet) -> None:
    assert answered(running, with_lines(FIELDS_MAX))[0] == 204


def test_an_address_that_is_too_long_is_414(running: Fleet) -> None:
    def asked(length: int) -> int:
        target = "/upload?" + "x" * (length - len("/upload?"))
        return answered(running, f"OPTIONS {target} HTTP/1.1\r\n{LINES}")[0]

    assert asked(ADDRESS_BYTES_MAX) == 204
    assert asked(ADDRESS_BYTES_MAX + 1) == 414


@pytest.mark.parametrize("coding", ["gzip", "identity", "chunked, gzip", "chunked;q=1", "xchunked"])
def test_a_transfer_coding_that_hides_where_the_body_ends_is_501(
    running: Fleet, coding: str
) -> None:
    head = (
        f"PATCH /upload?token=x HTTP/1.1\r\n{LINES}Tus-Resumable: 1.0.0\r\n"
        f"Content-Type: {PATCH_TYPE}\r\nUpload-Offset: 0\r\nTransfer-Encoding: {coding}\r\n"
    )
    status, fields, body = answered(running, head, b"0\r\n\r\n")
    assert status == 501
    assert json.loads(body)["expected"] == "chunked"
    assert fields["access-control-allow-origin"] == "*"


def test_two_framings_at_once_stay_malformed(running: Fleet) -> None:
    framing = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"
    assert answered(running, f"POST /upload HTTP/1.1\r\n{LINES}{framing}", b"0\r\n\r\n")[0] == 400


def test_a_page_reads_that_there_is_no_room(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, ["--connections", "1"]) as fleet, connect(fleet) as held:
        held.sendall(b"GET /upload/none HTTP/1.1\r\nHost: t\r\n\r\n")
        assert held.recv(9) == b"HTTP/1.1 ", "it is served, and stays open"
        with connect(fleet) as refused:
            said = b""
            while block := refused.recv(65536):
                said += block
    assert said.startswith(b"HTTP/1.1 423 ")
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in said

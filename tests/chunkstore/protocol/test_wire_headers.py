"""Header fields: exactly what tus 1.0.0 writes is read, and nothing near it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chunkstore import protocol_headers as fields
from chunkstore.errors import BadRequest
from chunkstore.protocol_headers import Checksum, Head


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


@given(st.integers(0, 10**19 - 1))
def test_decimal_digits_are_read(number: int) -> None:
    assert fields.decimal("Upload-Offset", str(number)) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+5",
        "-5",
        "1_0",
        " 5",
        "5 ",
        "5.0",
        "0x5",
        "5e3",
        "\u0665",
        "\u00b2",
        "5\n",
        "1" * 20,
        "None",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        fields.decimal("Upload-Offset", text)


def test_a_field_given_twice_is_refused() -> None:
    head = Head(
        method="PATCH", path="/upload", headers=(("Upload-Offset", "0"), ("upload-offset", "0"))
    )
    with pytest.raises(BadRequest):
        head.get("upload-offset")


def test_list_fields_are_joined() -> None:
    head = Head(
        method="POST", path="/", headers=(("Upload-Metadata", "a YQ=="), ("upload-metadata", "b"))
    )
    assert fields.metadata(head.joined("upload-metadata") or "") == {"a": b"a", "b": b""}


@given(
    st.dictionaries(
        st.text(
            st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1
        ),
        st.binary(),
    )
)
def test_metadata_round_trips(pairs: dict[str, bytes]) -> None:
    text = ",".join(f"{key} {b64(value)}" for key, value in pairs.items())
    assert fields.metadata(text) == pairs


@pytest.mark.parametrize(
    "text",
    ["a !", "a YQ", "a YQ== x", "a,a", "a YQ==,a YQ==", ",", "a,,b", " ", "é YQ==", "a  YQ=="],
)
def test_malformed_metadata_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        fields.metadata(text)


@pytest.mark.parametrize(
    ("value", "meaning"),
    [(b"", True), (b"true", True), (b"True", True), (b"1", True), (b"false", False), (b"0", False)],
)
def test_overwrite_is_a_flag(value: bytes, meaning: bool) -> None:
    assert fields.overwrite({"overwrite": value}) is meaning


def test_an_unclear_overwrite_is_refused() -> None:
    with pytest.raises(BadRequest):
        fields.overwrite({"overwrite": b"maybe"})


@pytest.mark.parametrize("name", [b"", b"\xff"])
def test_a_name_that_is_none_is_refused(name: bytes) -> None:
    with pytest.raises(BadRequest):
        fields.target({"filename": name})


@pytest.mark.parametrize("pairs", [{}, {"name": b"x"}])
def test_a_name_may_be_left_to_the_server(pairs: dict[str, bytes]) -> None:
    assert fields.target(pairs) is None


def test_a_checksum_is_read() -> None:
    assert fields.checksum(f"sha1 {b64(bytes(20))}") == Checksum("sha1", bytes(20))
    assert fields.checksum(f"sha256 {b64(bytes(32))}") == Checksum("sha256", bytes(32))
    assert fields.checksum(None) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha1",
        "sha1 ",
        "md5 " + b64(bytes(16)),
        "SHA1 " + b64(bytes(20)),
        "sha1 " + b64(bytes(32)),
        "sha256 " + b64(bytes(20)),
        "sha1  " + b64(bytes(20)),
        "sha1 " + b64(bytes(20)) + " ",
        "sha1 " + bytes(20).hex(),
        "sha1 " + b64(bytes(20)).rstrip("="),
        "sha1 é",
    ],
)
def test_a_malformed_checksum_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        fields.checksum(text)


@pytest.mark.parametrize("query", ["", "token=", "token=a&token=b", "Token=a", "x=y"])
def test_a_request_names_one_token(query: str) -> None:
    with pytest.raises(BadRequest):
        fields.token_of(query)


def test_what_came_is_shown_printably_and_short() -> None:
    assert fields.shown("a\r\nb\x1b[0m") == "a\\r\\nb\\x1b[0m"
    assert len(fields.shown("x" * 10_000)) <= 120

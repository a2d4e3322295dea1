"""Answers are read as h11 reads them, whatever their form and however they are cut into pieces."""

from __future__ import annotations

import pytest

from patchstorm.dialect.exchange import Head
from patchstorm.worlds.sim.hosted.wire import Whole, _Coming
from patchstorm.worlds.sim.serving import Garbled

PLAIN = b"HTTP/1.1 409 Conflict\r\nTus-Resumable:1.0.0\r\nContent-Length: 4 \r\nX: a\r\nX: b\r\n\r\nbody"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
TO_THE_END = b"HTTP/1.0 200 OK\r\nX: a\r\n\r\nbody"
INVITED = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN


def read(
    data: bytes, method: str = "PATCH", *, piece: int = 10_000, closed: bool = False
) -> _Coming:
    coming = _Coming(Head(method=method, path="/files", headers=()))
    received = bytearray()
    for at in range(0, len(data), piece):
        received += data[at : at + piece]
        coming.read(received, False)
    coming.read(received, closed)
    return coming


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_an_answer_is_the_same_in_pieces(piece: int) -> None:
    headers = (("tus-resumable", "1.0.0"), ("content-length", "4"), ("x", "a"), ("x", "b"))
    assert read(PLAIN, piece=piece).reply == Whole(409, headers, b"body")
    chunked = read(CHUNKED, piece=piece).reply
    assert chunked is not None and (chunked.status, chunked.body) == (200, b"body")
    invited = read(INVITED, piece=piece)
    assert invited.invited and invited.reply == Whole(409, headers, b"body")


def test_an_answer_to_head_has_no_body_and_one_may_end_with_the_connection() -> None:
    head = PLAIN.removesuffix(b"body")
    answer = read(head, "HEAD").reply
    assert answer is not None and answer.body == b""
    assert read(head).reply is None
    assert read(TO_THE_END).reply is None
    ended = read(TO_THE_END, closed=True).reply
    assert ended is not None and ended.body == b"body"


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-server\r\n\r\n", b"HTTP/1.1 200 OK\r\nNo colon\r\n\r\n", PLAIN[:-2]]
)
def test_what_is_no_answer_is_garbled(data: bytes) -> None:
    with pytest.raises(Garbled):
        read(data, closed=True)


def test_a_connection_that_closes_without_a_word_has_no_answer() -> None:
    assert read(b"", closed=True).reply is None

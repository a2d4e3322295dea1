"""The messages of /dev/fuse: what is decoded and encoded, without a device."""

import struct

import pytest

from patchstorm.storage.server import Server
from patchstorm.storage.stat import Entry
from patchstorm.worlds.fuse import protocol as p
from patchstorm.worlds.fuse.protocol import Op, Request


def message(op: int, body: bytes, unique: int = 7, node: int = 1) -> bytes:
    return p.HEADER.pack(p.HEADER.size + len(body), op, unique, node, 0, 0, 4711, 0, 0) + body


def test_a_request_is_its_header_and_what_follows():
    request = p.decoded(message(Op.RENAME, struct.pack("<Q", 5) + b"old\0new\0"))
    assert (request.op, request.unique, request.node, request.tid) == (Op.RENAME, 7, 1, 4711)
    assert request.unpack("Q") == (5,)
    assert request.names(8) == ["old", "new"]
    assert request.called == "RENAME"


def test_names_that_are_no_utf8_come_back_as_they_were():
    request = p.decoded(message(Op.LOOKUP, b"\xff\0"))
    assert request.names()[0].encode("utf-8", "surrogateescape") == b"\xff"


def test_half_a_request_is_refused():
    with pytest.raises(ValueError, match="41 bytes, and 40 came"):
        p.decoded(message(Op.LOOKUP, b"x")[:-1])


def test_an_operation_that_nobody_knows_has_a_number_for_a_name():
    assert p.decoded(message(999, b"")).called == "OP999"


def test_answers_say_their_length_and_refusals_their_errno():
    assert struct.unpack("<IiQ", p.answer(9, b"abc")[:16]) == (19, 0, 9)
    assert struct.unpack("<IiQ", p.refusal(9, 2)) == (16, -2, 9)


def test_init_takes_only_what_the_kernel_offers():
    asked = Request(Op.INIT, 1, 0, 0, struct.pack("<4I", 7, 31, 4096, 1 << 1 | 1 << 7))
    assert struct.unpack_from("<4I", p.init_answer(asked)) == (7, 31, 4096, 1 << 1)
    assert len(p.init_answer(asked)) == 64


def test_what_is_said_of_a_file_is_good_for_no_time():
    stat = Server("tmpfs").mount("a").lstat("/")
    found = p.entry_answer(3, stat)
    assert len(found) == 128
    assert struct.unpack_from("<4QII", found) == (3, 0, 0, 0, 0, 0)
    assert struct.unpack_from("<Q", p.attributes_answer(stat)) == (0,)


def test_a_listing_holds_as_many_entries_as_fit_and_goes_on_behind_them():
    entries = [Entry("a", 5, 0o100000), Entry("long-name", 6, 0o040000)]
    whole = p.listing_answer(entries, 0, 4096)
    first = p.listing_answer(entries, 0, 40)
    assert whole[: len(first)] == first
    assert whole == first + p.listing_answer(entries, 1, 4096)
    assert p.listing_answer(entries, 2, 4096) == b""
    assert struct.unpack_from("<QQII", first) == (5, 1, 1, 8)  # DT_REG


def test_an_attribute_that_does_not_fit_is_none():
    assert p.sized_answer(b"abc", 0) == struct.pack("<II", 3, 0)
    assert p.sized_answer(b"abc", 3) == b"abc"
    assert p.sized_answer(b"abc", 2) is None

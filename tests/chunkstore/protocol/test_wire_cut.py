"""Bodies that broke off, and uploads that lost their name: what is kept, and who is told."""

from __future__ import annotations

from hashlib import sha1

from wire_support import PATCH_TYPE, TUS, Wire, b64, problem_of

from chunkstore.protocol import Response

DATA = bytes(range(256)) * 4


def cut(wire: Wire, location: str, received: bytes, **fields: str) -> Response | None:
    """A PATCH of 500 bytes at 0 of which only these come."""
    head = TUS | {"Content-Type": PATCH_TYPE, "Content-Length": "500", "Upload-Offset": "0"}
    exchange = wire.exchange(
        "PATCH", location, head | {name.replace("_", "-"): value for name, value in fields.items()}
    )
    assert exchange.begin() is None
    if received:
        assert exchange.data(received) is None
    said = exchange.cut()
    exchange.abort()
    return said


def test_of_a_body_that_broke_off_the_prefix_is_told_by_head(wire: Wire) -> None:
    location = wire.create(len(DATA))
    assert cut(wire, location, DATA[:200]) is None
    assert wire.offset(location) == "200"
    assert cut(wire, location, b"") is None
    assert wire.offset(location) == "200"


def test_of_a_body_with_a_checksum_all_is_kept_or_nothing(wire: Wire) -> None:
    location = wire.create(len(DATA))
    assert (
        cut(wire, location, DATA[:200], Upload_Checksum=f"sha1 {b64(sha1(DATA[:200]).digest())}")
        is None
    )
    assert wire.offset(location) == "0"
    assert not list((wire.root / ".upload").rglob("*.tmp"))


def test_a_prefix_that_contradicts_committed_bytes_is_dropped_whole(wire: Wire) -> None:
    location = wire.create(len(DATA))
    wire.patch(location, 100, DATA[100:110])
    said = cut(wire, location, DATA[:100] + bytes(50))
    assert said is not None
    assert said.status == 409
    assert wire.offset(location) == "0"


def test_a_creation_whose_body_broke_off_ends_with_it(wire: Wire) -> None:
    """Nobody was told its address, so nobody can go on with it."""
    fields = wire.creation(len(DATA)) | {"Content-Type": PATCH_TYPE, "Content-Length": "500"}
    exchange = wire.exchange("POST", "/upload", fields)
    assert exchange.begin() is None
    assert exchange.data(DATA[:200]) is None
    assert exchange.cut() is None
    wire.store.sweep()
    kept = {path.name for path in (wire.root / ".upload").rglob("*") if path.is_file()}
    assert kept <= {"info.json", ".lock"}


def test_who_lost_the_name_is_told_so_at_each_request(wire: Wire) -> None:
    """tus-js-client would ask for ever after a 423, and nothing would ever change."""
    location = wire.create(len(DATA))
    wire.patch(location, 0, DATA[:100])
    (wire.root / "file.bin").write_bytes(b"the winner's")
    assert wire.patch(location, 100, DATA[100:]).status == 409
    for _ in range(2):
        told = wire.request("HEAD", location)
        assert told.status == 409
        assert problem_of(told)["title"] == "Target name taken"
    (wire.root / "file.bin").unlink()
    assert wire.offset(location) == str(len(DATA))

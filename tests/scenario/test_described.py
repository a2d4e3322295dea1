"""What is described is the payload, byte by byte, whoever asks and however it is cut."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from patchstorm.dialect.operations import Request
from patchstorm.scenario import payload
from patchstorm.scenario.described import LONG_BYTES, Content, Digest, body, identified, recognised
from patchstorm.storage.rope import BLOCK_BYTES, Rope

GIB = 1 << 30
FAR = (1 << 32) + 12_345
LENGTH = 3 * BLOCK_BYTES + 777


def request(**named: object) -> Request:
    fields = {"kind": "append", "upload": "u", "offset": FAR, "length": LENGTH, **named}
    return Request(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [
        request(),
        request(content=3),
        request(content=3, honest=(1_000, 200_000)),
        request(swapped_at=LENGTH // 2),
    ],
)
@pytest.mark.parametrize("length", [LENGTH, LENGTH - 99, LONG_BYTES + 1])
def test_a_described_body_has_the_bytes_of_the_held_one(asked: Request, length: int) -> None:
    described = body(7, asked, length)
    assert isinstance(described, Rope)
    assert bytes(described) == payload.body(7, asked, length)


def test_a_short_body_is_held() -> None:
    assert body(7, request(length=100), 100) == payload.generate(7, 0, FAR, 100)


@pytest.mark.parametrize(("one", "other"), [((1, 0), (1, 1)), ((1, 0), (2, 0))])
def test_other_contents_and_other_places_are_other_bytes(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    whole = Rope([(Content(*one), 0, 5 * GIB)])
    assert whole != Rope([(Content(*other), 0, 5 * GIB)])
    assert whole != Rope([(Content(*one), 1 << 32, 5 * GIB)])
    assert whole == Rope([(Content(*one), 0, GIB), (Content(*one), GIB, 4 * GIB)])


def test_held_bytes_of_a_payload_are_recognised_at_any_place() -> None:
    for at in (0, 1, 31, FAR):
        found: object = recognised(payload.generate(4, 2, at, 9_001))
        assert isinstance(found, Rope) and found.pieces == ((Content(4, 2), at, 9_001),)
    torn = payload.generate(4, 2, 0, 9_000) + b"!"
    assert recognised(torn) == torn and not isinstance(recognised(torn), Rope)


def cuts(draw: random.Random, length: int) -> Iterator[tuple[int, int]]:
    marks = sorted({0, length, *(draw.randrange(length) for _ in range(draw.randrange(6)))})
    return pairwise(marks)


def test_a_digest_depends_on_bytes_and_not_on_how_they_come() -> None:
    run = Rope([(Content(1, 0), FAR, LENGTH)])
    held = bytes(run)
    seen = set()
    for seed in range(4):
        draw, digest = random.Random(seed), Digest()
        for low, high in cuts(draw, LENGTH):
            part = held[low:high] if draw.randrange(2) else run[low:high]
            digest.update(memoryview(part) if isinstance(part, bytes) else part)
            assert digest.digest() == digest.digest()
        seen.add(digest.hexdigest())
    assert len(seen) == 1
    for at in (0, BLOCK_BYTES, LENGTH - 1):
        other = Digest()
        other.update(held[:at] + bytes([held[at] ^ 1]) + held[at + 1 :])
        assert other.hexdigest() not in seen


def test_the_digest_of_what_is_short_is_sha256() -> None:
    digest = Digest()
    digest.update(b"what is ")
    digest.update(b"short")
    assert digest.digest() == hashlib.sha256(b"what is short").digest()


def test_digests_of_large_runs_tell_them_apart() -> None:
    def of(*pieces: tuple[Content, int, int]) -> str:
        digest = Digest()
        digest.update(Rope(pieces))
        return digest.hexdigest()

    one, other = Content(1, 0), Content(1, 1)
    assert of((one, 0, 5 * GIB)) == of((one, 0, GIB), (one, GIB, 4 * GIB))
    every = [
        of((one, 0, 5 * GIB)), of((other, 0, 5 * GIB)), of((one, 1 << 32, 5 * GIB)),
        of((one, 0, 5 * GIB + 1)), of((one, 0, 4 * GIB), (other, 4 * GIB, GIB)),
        of((one, 0, 4 * GIB), (one, 0, GIB)),
    ]  # fmt: skip
    assert len(set(every)) == len(every)


def test_what_stands_in_a_file_is_told_as_of_held_bytes() -> None:
    parts: list[tuple[Content | bytes | None, int, int]] = [
        (Content(5, 0), 0, 200_000), (None, 0, 4_096), (Content(5, 0), 100_000, 70_000),
        (Content(5, 2), 274_096, 70_000), (b"torn" * 500, 0, 2_000), (Content(6, 0), 0, 66_000),
    ]  # fmt: skip
    rope = Rope(parts)
    assert identified(rope.pieces, 5, {6: "other"}) == payload.identify_bytes(
        bytes(rope), 5, {6: "other"}
    )

"""The extensions checksum and checksum-trailer."""

from __future__ import annotations

import hashlib
import zlib

from patchstorm.dialect.cases.claims import client_error, listed, lists, not_accepted, status
from patchstorm.dialect.cases.model import Case, Expect, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import (
    accepted,
    complete,
    holding,
    stands_at,
    unmodified,
)
from patchstorm.dialect.tus.conformance.requests import base64, create, head, options, patch

ALGORITHMS = ("sha1", "sha256", "sha512", "md5", "crc32")

ALGORITHM = Rule(
    name="checksum.algorithms", level="must", section="Checksum, Tus-Checksum-Algorithm",
    says="OPTIONS is answered with Tus-Checksum-Algorithm, a list that names sha1",
)  # fmt: skip
ALGORITHM_NAMES = Rule(
    name="checksum.names", level="must", section="Checksum",
    says="the names of algorithms are ASCII, without uppercase letters",
)  # fmt: skip
MATCH = Rule(
    name="checksum.match", level="must", section="Checksum",
    says="a PATCH whose checksum is right is accepted, with each announced algorithm",
)  # fmt: skip
REFUSED = Rule(
    name="checksum.verified", level="must", section="Checksum",
    says="a PATCH whose checksum is wrong, malformed or of an unknown algorithm is not accepted",
)  # fmt: skip
DISCARDED = Rule(
    name="checksum.discarded", level="must", section="Checksum",
    says="the bytes of a PATCH refused for its checksum are discarded, and the offset stands",
)  # fmt: skip
MISMATCH = Rule(
    name="checksum.mismatch", level="should", section="Checksum",
    says="a checksum that does not match is answered 460",
)  # fmt: skip
UNKNOWN = Rule(
    name="checksum.unknown-algorithm", level="should", section="Checksum",
    says="an algorithm that is not supported is answered 400",
)  # fmt: skip
MALFORMED = Rule(
    name="checksum.malformed", level="open", section="Checksum, Upload-Checksum",
    says="a malformed Upload-Checksum is answered 400 or 460",
)  # fmt: skip
EMPTY = Rule(
    name="checksum.empty", level="open", section="Checksum",
    says="the right checksum of no bytes is accepted, or refused with 4xx",
)  # fmt: skip
ON_CREATION = Rule(
    name="checksum.creation", level="open", section="Checksum; Creation With Upload",
    says="a creation with a body and a checksum is served or refused with 4xx: the extension speaks "
    "of PATCH only",
)  # fmt: skip
TRAILER = Rule(
    name="checksum.trailer", level="must", section="Checksum",
    says="where checksum-trailer is announced, the checksum is taken from the trailer",
)  # fmt: skip

RULES = (
    ALGORITHM, ALGORITHM_NAMES, MATCH, REFUSED, DISCARDED, MISMATCH, UNKNOWN, MALFORMED, EMPTY,
    ON_CREATION, TRAILER,
)  # fmt: skip

_NEEDS = ("creation", "checksum")


def checksum(algorithm: str, data: bytes) -> str:
    """The value of Upload-Checksum."""
    return f"{algorithm} {base64(_digest(algorithm, data))}"


def _digest(algorithm: str, data: bytes) -> bytes:
    """CRC-32 as its four bytes, most significant first."""
    if algorithm == "crc32":
        return zlib.crc32(data).to_bytes(4, "big")
    return hashlib.new(algorithm, data).digest()


def _almost(algorithm: str, data: bytes) -> str:
    """A checksum that is right up to its last byte."""
    digest = _digest(algorithm, data)
    return f"{algorithm} {base64(digest[:-1] + bytes((digest[-1] ^ 1,)))}"


def _summed(value: str) -> dict[str, str | None]:
    return {"Upload-Checksum": value}


def _names(view: View) -> str | None:
    found = view.header("Tus-Checksum-Algorithm") or ""
    wrong = [name for name in listed(found) if not name.isascii() or name != name.lower()]
    return f"was answered with the algorithm {wrong[0]!r}" if wrong else None


_VERIFIED = Expect(rule=REFUSED, claim=not_accepted)
_460 = Expect(rule=MISMATCH, claim=status(460))
_UNTOUCHED = unmodified(0, DISCARDED)
_RIGHT, _WRONG = checksum("sha1", b"hello"), checksum("sha1", b"HELLO")


def _right(value: int) -> tuple[Expect, ...]:
    return (Expect(rule=MATCH, claim=status(204)), *accepted(value))


def _malformed(name: str, value: str) -> Case:
    return Case(
        name=f"checksum-{name}", chapter="checksum", needs=_NEEDS,
        says=f"a PATCH with Upload-Checksum: {value}",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _VERIFIED, Expect(rule=MALFORMED, claim=status(400, 460)),
                  more=_summed(value)),
            head("a", _UNTOUCHED),
        ),
    )  # fmt: skip


def _trailing(value: str, *expects: Expect) -> Step:
    body = b"5\r\nhello\r\n0\r\nUpload-Checksum: " + value.encode() + b"\r\n\r\n"
    return patch(
        "a", 0, body, *expects, framing="raw",
        more={"Transfer-Encoding": "chunked", "Trailer": "Upload-Checksum"},
    )  # fmt: skip


_NOTHING = Case(
    name="checksum-nothing", chapter="checksum", needs=_NEEDS,
    says="a PATCH with an Upload-Checksum that is empty: what nothing is verified against is left open",
    steps=(
        create("a"),
        patch("a", 0, b"hello", Expect(rule=MALFORMED, claim=status(400, 460)), more=_summed("")),
        head("a", _UNTOUCHED),
    ),
)  # fmt: skip

CASES = (
    Case(
        name="checksum-options", chapter="checksum", needs=("checksum",),
        says="OPTIONS names the algorithms",
        steps=(
            options(Expect(rule=ALGORITHM, claim=lists("Tus-Checksum-Algorithm", "sha1")),
                    Expect(rule=ALGORITHM_NAMES, claim=_names)),
        ),
    ),
    *(
        Case(
            name=f"checksum-{algorithm}", chapter="checksum",
            needs=("creation", f"checksum:{algorithm}"),
            says=f"two PATCHes with the right {algorithm}, each of its own body",
            holds=holding(),
            steps=(
                create("a"),
                patch("a", 0, b"hello", *_right(5), more=_summed(checksum(algorithm, b"hello"))),
                head("a", stands_at(5)),
                patch("a", 5, b" world", *_right(11),
                      more=_summed(checksum(algorithm, b" world"))),
                head("a", complete(11)),
            ),
        )
        for algorithm in ALGORITHMS
    ),
    *(
        Case(
            name=f"checksum-{algorithm}-last", chapter="checksum",
            needs=("creation", f"checksum:{algorithm}"),
            says=f"a PATCH with a {algorithm} of which the last byte alone is wrong",
            steps=(
                create("a"),
                patch("a", 0, b"hello", _VERIFIED, _460, more=_summed(_almost(algorithm, b"hello"))),
                head("a", _UNTOUCHED),
            ),
        )
        for algorithm in ALGORITHMS
    ),
    Case(
        name="checksum-mismatch", chapter="checksum", needs=_NEEDS,
        says="a PATCH with a wrong checksum, and the same bytes with the right one",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _VERIFIED, _460, more=_summed(_WRONG)),
            head("a", _UNTOUCHED),
            patch("a", 0, b"hello", *_right(5), more=_summed(_RIGHT)),
            head("a", stands_at(5)),
        ),
    ),
    Case(
        name="checksum-mismatch-last", chapter="checksum", needs=_NEEDS, holds=holding(),
        says="a last PATCH with a wrong checksum",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 5, b" world", _VERIFIED, _460, more=_summed(checksum("sha1", b" WORLD"))),
            head("a", unmodified(5, DISCARDED)),
            patch("a", 5, b" world", *accepted(11)),
        ),
    ),
    Case(
        name="checksum-unknown", chapter="checksum", needs=_NEEDS,
        says="a PATCH with an algorithm that nobody has",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _VERIFIED, Expect(rule=UNKNOWN, claim=status(400)),
                  more=_summed("md99 " + base64(b"nobody's"))),
            head("a", _UNTOUCHED),
        ),
    ),
    _malformed("no-value", "sha1"),
    _NOTHING,
    _malformed("not-base64", "sha1 %%%"),
    _malformed("short", "sha1 " + base64(b"short")),
    Case(
        name="checksum-empty", chapter="checksum", needs=_NEEDS,
        says="a PATCH without bytes and with their checksum",
        steps=(
            create("a"),
            patch("a", 0, b"", Expect(rule=EMPTY, claim=client_error),
                  more=_summed(checksum("sha1", b""))),
            patch("a", 0, b"hello", *accepted(5)),
        ),
    ),
    Case(
        name="checksum-creation", chapter="checksum",
        needs=(*_NEEDS, "creation-with-upload"), says="a creation with a body and a checksum",
        steps=(
            create("a", Expect(rule=ON_CREATION, claim=client_error), body=b"hello",
                   more=_summed(_RIGHT)),
            create("b", Expect(rule=ON_CREATION, claim=client_error), body=b"hello",
                   more=_summed(_WRONG)),
        ),
    ),
    Case(
        name="checksum-trailer", chapter="checksum", needs=("creation", "checksum-trailer"),
        says="the right checksum after the body",
        steps=(
            create("a"),
            _trailing(_RIGHT, Expect(rule=TRAILER, claim=status(204))),
            head("a", stands_at(5)),
        ),
    ),
    Case(
        name="checksum-trailer-mismatch", chapter="checksum",
        needs=("creation", "checksum-trailer"), says="a wrong checksum after the body",
        steps=(
            create("a"),
            _trailing(_WRONG, Expect(rule=TRAILER, claim=not_accepted), _460),
            head("a", _UNTOUCHED),
        ),
    ),
)  # fmt: skip

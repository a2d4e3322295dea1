"""Numbers as programming languages read them and HTTP does not write them, and offsets that are not current.

HTTP's own numbers are decimal digits of ASCII and nothing else (RFC 9110, 8.6). A function that reads
source text takes more: ``1_1``, ``0x0``, digits of other scripts, signs. A proxy and a server that read one
header as two numbers disagree about where an upload stands. Blanks round a value are no part of it (RFC
9110, 5.5), and a comma may join two lines (5.3): neither is asked.
"""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import not_accepted, status
from patchstorm.dialect.cases.model import Case, Expect, Rule, Step
from patchstorm.dialect.tus.conformance.core import (
    FINISHED,
    PATCH_MISMATCH,
    PATCH_NO_OFFSET,
    accepted,
    conflict,
    holding,
    stands_at,
    unmodified,
)
from patchstorm.dialect.tus.conformance.creation import BAD_LENGTH
from patchstorm.dialect.tus.conformance.requests import create, head, patch

SIGNED = Rule(
    name="number.sign", level="should", section="RFC 9110, 8.6; Headers, Upload-Offset and Upload-Length",
    says="a length or an offset with a plus sign, or in hexadecimal, is refused: HTTP writes numbers as "
    "decimal digits alone",
)  # fmt: skip

RULES = (SIGNED,)

_FIVE = "\N{ARABIC-INDIC DIGIT FIVE}".encode().decode("latin-1")
_ZERO = "\N{ARABIC-INDIC DIGIT ZERO}".encode().decode("latin-1")
"""UTF-8, as the bytes go over the wire."""
_NO_LENGTH = Expect(rule=BAD_LENGTH, claim=not_accepted)
_NO_OFFSET = Expect(rule=PATCH_NO_OFFSET, claim=not_accepted)
_SIGNED = Expect(rule=SIGNED, claim=not_accepted)
_ELSEWHERE = Expect(
    rule=PATCH_MISMATCH, claim=status(409, *(one for one in FINISHED if one not in (204, 409)))
)
"""Of a complete upload; 204 would say that the request stood at the current offset."""


def _odd(step: Step) -> Step:
    """HTTP itself may refuse what is not of ASCII, with or without an answer."""
    return replace(step, silence=True, odd=True)


def _length(name: str, value: str, expect: Expect) -> Case:
    step = create("a", expect, length=value)
    return Case(
        name=f"creation-length-{name}", chapter="creation",
        says=f"a creation whose Upload-Length is {value!r}",
        steps=(step if value.isascii() else _odd(step),),
    )  # fmt: skip


def _offset(name: str, value: str, expect: Expect) -> Case:
    step = patch("a", value, b"hello", expect)
    return Case(
        name=f"patch-offset-{name}", chapter="core", says=f"a PATCH whose Upload-Offset is {value!r}",
        steps=(create("a"), step if value.isascii() else _odd(step), head("a", unmodified(0))),
    )  # fmt: skip


CASES = (
    _length("underscore", "1_1", _NO_LENGTH),
    _length("foreign", _FIVE, _NO_LENGTH),
    _length("sign", "+5", _SIGNED),
    _length("hexadecimal", "0xb", _SIGNED),
    _offset("underscore", "0_0", _NO_OFFSET),
    _offset("foreign", _ZERO, _NO_OFFSET),
    _offset("sign", "+0", _SIGNED),
    _offset("hexadecimal", "0x0", _SIGNED),
    Case(
        name="patch-mismatch-empty", chapter="core", reading="sequential", holds=holding(),
        says="PATCHes without bytes, beyond the current offset and before it",
        steps=(
            create("a"),
            patch("a", 5, b"", *conflict(0)),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 3, b"", *conflict(5)),
            head("a", stands_at(5)),
            patch("a", 5, b" world", *accepted(11)),
        ),
    ),
    *(
        Case(
            name=f"patch-finished-{name}", chapter="core", reading="sequential", holds=holding(),
            says=f"a PATCH of a complete upload at an offset before its end, {how}",
            steps=(
                create("a"),
                patch("a", 0, b"hello world", *accepted(11)),
                patch("a", 5, body, _ELSEWHERE),
            ),
        )
        for name, how, body in (
            ("behind", "with the bytes that are there", b" world"),
            ("other", "with other bytes", b" WORLD"),
            ("empty", "without bytes", b""),
        )
    ),
)  # fmt: skip

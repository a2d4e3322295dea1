"""Upload URLs whose name climbs out of its place in an encoded form (RFC 3986, 2.1 and 7.3).

A server that decodes a name and joins it to a directory reads and writes wherever the name leads.
"""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import (
    all_of,
    client_error,
    client_refusal,
    lacks,
    not_accepted,
    success,
)
from patchstorm.dialect.cases.model import Case, Expect, Rule
from patchstorm.dialect.tus.conformance.core import accepted
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import create, delete, head, patch

OUTSIDE = Rule(
    name="paths.outside", level="must", section="RFC 3986, 7.3",
    says="a URL whose name leads out of the uploads, in whatever encoding, is that of no upload: HEAD and "
    "PATCH of it do not succeed, and no Upload-Offset is told",
)  # fmt: skip
REFUSED = Rule(
    name="paths.refused", level="should", section="RFC 9110, 15.5; RFC 3986, 7.3",
    says="it is refused with 4xx; DELETE of it may also be answered 204, as of what is not there",
)  # fmt: skip
ONE_NAME = Rule(
    name="paths.one-name", level="should", section="RFC 3986, 6.2.2 and 7.3",
    says="an upload is reached by its own name alone, not through another one and back, nor with NUL behind "
    "it: under two names it has two locks",
)  # fmt: skip
PART = Rule(
    name="paths.part", level="must", section="RFC 3986, 7.3; Concatenation",
    says="a final upload of parts whose URLs lead out of the uploads is not accepted",
)  # fmt: skip

RULES = (OUTSIDE, REFUSED, ONE_NAME, PART)

_NOT = (
    Expect(rule=OUTSIDE, claim=all_of(not_accepted, lacks("Upload-Offset"))),
    Expect(rule=REFUSED, claim=client_refusal),
)
_NOWHERE = Expect(rule=ONE_NAME, claim=all_of(not_accepted, lacks("Upload-Offset")))
_SAME = Expect(rule=ONE_NAME, claim=all_of(success, offset(5)))
"""HEAD of the name itself: nothing came to it under another."""

CASES = (
    *(
        Case(
            name=f"paths-{name}", chapter="http", says=f"requests to a name that climbs: {says}",
            steps=(
                create("a"),
                head(f"{name}@a", *_NOT),
                patch(f"{name}@a", 0, b"hello", *_NOT),
                delete(f"{name}@a", Expect(rule=REFUSED, claim=client_error)),
            ),
        )
        for name, says in (
            ("climbing", "..%2f.."), ("dotted", "%2e%2e%2f"), ("doubly", "%252e%252e%252f"),
            ("backslashed", "..%5c"), ("rooted", "%2fetc%2fpasswd"),
        )
    ),
    *(
        Case(
            name=f"paths-{name}", chapter="http", says=f"another spelling of an upload's name: {says}",
            steps=(
                create("a"),
                patch("a", 0, b"hello", *accepted(5)),
                head(f"{name}@a", _NOWHERE),
                patch(f"{name}@a", 5, b" world", _NOWHERE),
                head("a", _SAME),
            ),
        )
        for name, says in (
            ("roundabout", "another name before it, and the way back"), ("nul", "%00 behind it"),
        )
    ),
    Case(
        name="paths-part", chapter="concatenation", needs=("creation", "concatenation"),
        says="final uploads of parts whose names climb",
        steps=(
            create("a", length=5, more={"Upload-Concat": "partial"}),
            patch("a", 0, b"hello", *accepted(5)),
            *(
                replace(
                    create("", Expect(rule=PART, claim=not_accepted), length=None,
                           more={"Upload-Concat": f"final;{{url:{form}@a}}"}),
                    creates=None,
                )
                for form in ("climbing", "dotted", "rooted")
            ),
        ),
    ),
)  # fmt: skip

"""The creation URL is no upload: what it answers to requests that are for uploads."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import all_of, client_refusal, lacks, success
from patchstorm.dialect.cases.model import CREATION, Case, Expect, Rule
from patchstorm.dialect.tus.conformance.core import accepted, stands_at
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import create, delete, head, patch

CLOSED = Rule(
    name="collection.closed", level="should", section="RFC 9110, 15.5.6",
    says="PATCH, HEAD and DELETE of the creation URL are refused with 4xx (405, say), PATCH and HEAD without "
    "Upload-Offset",
)  # fmt: skip
UNHARMED = Rule(
    name="collection.unharmed", level="must", section="Requests, PATCH; Termination, DELETE",
    says="what is asked of the creation URL changes no upload",
)  # fmt: skip

RULES = (CLOSED, UNHARMED)

_SAME = Expect(rule=UNHARMED, claim=all_of(success, offset(5)))
_NO = Expect(rule=CLOSED, claim=all_of(client_refusal, lacks("Upload-Offset")))

CASES = (
    Case(
        name="collection-patch", chapter="core", says="a PATCH of the creation URL",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            patch(CREATION, 5, b" world", _NO),
            patch(CREATION, 0, b"HELLO", _NO),
            head("a", _SAME),
        ),
    ),
    Case(
        name="collection-head", chapter="core", says="HEAD of the creation URL",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            head(CREATION, _NO),
            head("a", stands_at(5)),
        ),
    ),
    Case(
        name="collection-delete", chapter="core", says="DELETE of the creation URL",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            delete(CREATION, Expect(rule=CLOSED, claim=client_refusal)),
            head("a", _SAME),
        ),
    ),
)  # fmt: skip

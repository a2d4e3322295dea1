"""The extension termination."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    client_error,
    gone,
    lacks,
    not_accepted,
    not_served,
    status,
)
from patchstorm.dialect.cases.model import UNKNOWN, Case, Expect, Rule
from patchstorm.dialect.tus.conformance.core import accepted, unmodified
from patchstorm.dialect.tus.conformance.requests import create, delete, head, patch

TERMINATED = Rule(
    name="termination.status", level="must", section="Termination, DELETE",
    says="DELETE of an upload is answered 204 (of a complete one also 404 or 410, where complete "
    "uploads are moved away)",
)  # fmt: skip
DEAD = Rule(
    name="termination.dead", level="must", section="Termination, DELETE",
    says="an upload whose termination was confirmed takes no PATCH and is not found by HEAD",
)  # fmt: skip
GONE = Rule(
    name="termination.gone", level="should", section="Termination, DELETE",
    says="requests to a terminated upload are answered 404 or 410",
)  # fmt: skip
GONE_OFFSET = Rule(
    name="termination.no-offset", level="should", section="Requests, HEAD",
    says="HEAD of a terminated upload is answered without Upload-Offset",
)  # fmt: skip
DELETE_UNKNOWN = Rule(
    name="termination.unknown", level="open", section="Termination, DELETE",
    says="DELETE of what is not there is answered 204 or 4xx",
)  # fmt: skip

UNOFFERED = Rule(
    name="termination.unsupported", level="open", section="Protocol Extensions",
    says="DELETE where termination is not offered is served, or refused with 4xx or 501",
)  # fmt: skip
UNHARMED = Rule(
    name="termination.unharmed", level="must", section="Protocol Extensions; RFC 9110, 15.5",
    says="a DELETE that was refused leaves the upload as it was",
)  # fmt: skip

RULES = (UNOFFERED, UNHARMED, TERMINATED, DEAD, GONE, GONE_OFFSET, DELETE_UNKNOWN)

_NEEDS = ("creation", "termination")
_204 = Expect(rule=TERMINATED, claim=status(204))
_NO_MORE = (Expect(rule=DEAD, claim=not_accepted), Expect(rule=GONE, claim=gone))
_FOUND_NOTHING = (*_NO_MORE, Expect(rule=GONE_OFFSET, claim=lacks("Upload-Offset")))

CASES = (
    Case(
        name="termination-new", chapter="termination", needs=_NEEDS,
        says="DELETE of an upload without bytes",
        steps=(create("a"), delete("a", _204), head("a", *_FOUND_NOTHING)),
    ),
    Case(
        name="termination-unfinished", chapter="termination", needs=_NEEDS,
        says="DELETE of an upload that is under way, then PATCH and HEAD",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            delete("a", _204),
            patch("a", 5, b" world", *_NO_MORE),
            head("a", *_FOUND_NOTHING),
        ),
    ),
    Case(
        name="termination-twice", chapter="termination", needs=_NEEDS, says="DELETE twice",
        steps=(create("a"), delete("a", _204), delete("a", Expect(rule=GONE, claim=gone))),
    ),
    Case(
        name="termination-complete", chapter="termination", needs=_NEEDS,
        says="DELETE of a complete upload",
        steps=(
            create("a"),
            patch("a", 0, b"hello world", *accepted(11)),
            delete("a", Expect(rule=TERMINATED, claim=status(204, 404, 410))),
            patch("a", 11, b"", *_NO_MORE),
        ),
    ),
    Case(
        name="termination-unknown", chapter="termination", needs=_NEEDS,
        says="DELETE of an upload that is not there",
        steps=(
            create("a"),
            delete(UNKNOWN + "a", Expect(rule=DELETE_UNKNOWN, claim=client_error)),
        ),
    ),
    Case(
        name="termination-unsupported", chapter="termination", lacks=("termination",),
        says="DELETE where that is not offered",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            delete("a", Expect(rule=UNOFFERED, claim=not_served)),
            head("a", unmodified(5, UNHARMED)),
        ),
    ),
    Case(
        name="termination-others", chapter="termination", needs=_NEEDS,
        says="DELETE of one of two uploads leaves the other",
        steps=(
            create("a"),
            create("b"),
            delete("a", _204),
            patch("b", 0, b"hello", *accepted(5)),
        ),
    ),
)  # fmt: skip

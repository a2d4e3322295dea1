"""Lengths that come later: one that is set stays, and nothing gets past the announced maximum.

A maximum of at most ``SMALL_BYTES`` is tried with bytes; a larger one is only named.
"""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    NUMBER,
    after_ok,
    all_of,
    client_error,
    not_accepted,
    says,
    shown,
    status,
    success,
)
from patchstorm.dialect.cases.model import Case, Expect, Rule, View
from patchstorm.dialect.tus.conformance.core import accepted, complete, holding
from patchstorm.dialect.tus.conformance.creation import LATER
from patchstorm.dialect.tus.conformance.requests import create, head, options, patch

SMALL_BYTES = 4_096
KEPT = Rule(
    name="length.kept", level="must", section="Headers, Upload-Length; Creation, POST (b)",
    says="the length of a creation stays what it was, whatever Upload-Length a PATCH names",
)  # fmt: skip
NAMED = Rule(
    name="max.named", level="must", section="Headers, Tus-Max-Size; Creation, POST",
    says="a length over the announced Tus-Max-Size is not accepted when it comes with a PATCH",
)  # fmt: skip
NAMED_STATUS = Rule(
    name="max.named-status", level="should", section="Creation, POST",
    says="a PATCH that names a length over Tus-Max-Size is answered 413",
)  # fmt: skip
GROWN = Rule(
    name="max.grown", level="must", section="Headers, Tus-Max-Size",
    says="an upload of a length that is not known yet does not grow past Tus-Max-Size",
)  # fmt: skip
FINAL = Rule(
    name="max.final", level="must", section="Headers, Tus-Max-Size; Concatenation",
    says="a final upload whose parts exceed Tus-Max-Size together is not accepted",
)  # fmt: skip

RULES = (KEPT, NAMED, NAMED_STATUS, GROWN, FINAL)

_STILL_11 = Expect(rule=KEPT, claim=all_of(success, says("Upload-Length", "11")))
_EITHER = Expect(rule=KEPT, claim=client_error)
_TOO_LONG = (
    Expect(rule=NAMED, claim=not_accepted),
    Expect(rule=NAMED_STATUS, claim=status(413)),
)
_DEFER = ("creation", "creation-defer-length", "max-size")
_CONCAT = ("creation", "concatenation", "max-size:small")


def _maximum(view: View) -> int:
    return max(
        int(told)
        for one in view.before
        if NUMBER.fullmatch(told := one.headers.get("tus-max-size", ""))
    )


def _not_past(view: View) -> str | None:
    found, most = view.header("Upload-Offset"), _maximum(view)
    if found is None or not NUMBER.fullmatch(found) or int(found) <= most:
        return None
    return f"was answered with Upload-Offset: {shown(found)}, and Tus-Max-Size is {most}"


_WITHIN = Expect(rule=GROWN, claim=_not_past)

CASES = (
    *(
        Case(
            name=f"length-kept-{name}", chapter="core",
            says=f"a PATCH that names a {name} length than the creation did",
            steps=(
                create("a"),
                patch("a", 0, b"hello", _EITHER, more={"Upload-Length": value}),
                head("a", _STILL_11),
            ),
        )
        for name, value in (("longer", "20"), ("shorter", "5"))
    ),
    Case(
        name="length-kept-empty", chapter="core", holds=holding(),
        says="a PATCH without bytes that names another length, and then the whole upload",
        steps=(
            create("a"),
            patch("a", 0, b"", _EITHER, more={"Upload-Length": "3"}),
            head("a", _STILL_11),
            patch("a", 0, b"hello world", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="max-named", chapter="defer-length", needs=_DEFER,
        says="a deferred length one byte over the announced maximum",
        steps=(
            options(),
            create("a", length=None, more=dict(LATER)),
            patch("a", 0, b"hello", *_TOO_LONG, more={"Upload-Length": "{max+1}"}),
        ),
    ),
    Case(
        name="max-named-later", chapter="defer-length", needs=_DEFER,
        says="a deferred length over the announced maximum, named with a PATCH without bytes",
        steps=(
            options(),
            create("a", length=None, more=dict(LATER)),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 5, b"", *_TOO_LONG, more={"Upload-Length": "{max+1}"}),
        ),
    ),
    *(
        Case(
            name=f"max-grown-{name}", chapter="defer-length",
            needs=("creation", "creation-defer-length", "max-size:small"),
            says=f"a body over the announced maximum whose upload has no length yet, {how}",
            steps=(
                options(),
                create("a", length=None, more=dict(LATER)),
                patch("a", 0, b"", Expect(rule=GROWN, claim=client_error), _WITHIN,
                      past_max=1, framing=framing),
                head("a", _WITHIN),
            ),
        )
        for name, how, framing in (
            ("length", "with Content-Length", "length"),
            ("chunked", "in the chunked coding", "chunked"),
        )
    ),
    Case(
        name="max-grown-slowly", chapter="defer-length",
        needs=("creation", "creation-defer-length", "max-size:small"),
        says="a body of just the announced maximum, and one byte more",
        steps=(
            options(),
            create("a", length=None, more=dict(LATER)),
            patch("a", 0, b"", Expect(rule=GROWN, claim=client_error, stops=True), past_max=0),
            patch("a", "{max}", b"!", Expect(rule=GROWN, claim=client_error), _WITHIN),
            head("a", _WITHIN),
        ),
    ),
    Case(
        name="max-final", chapter="concatenation", needs=_CONCAT,
        says="a final upload of two parts, the first of the announced maximum",
        steps=(
            options(),
            create("a", length="{max}", more={"Upload-Concat": "partial"}),
            create("b", length=1, more={"Upload-Concat": "partial"}),
            patch("a", 0, b"", past_max=0),
            patch("b", 0, b"!"),
            create("final", Expect(rule=FINAL, claim=not_accepted), length=None,
                   more={"Upload-Concat": "final;{url:a} {url:b}"}),
        ),
    ),
    Case(
        name="max-final-early", chapter="concatenation",
        needs=(*_CONCAT, "concatenation-unfinished"),
        says="a final upload over the announced maximum, before its parts have a byte",
        steps=(
            options(),
            create("a", length="{max}", more={"Upload-Concat": "partial"}),
            create("b", length=1, more={"Upload-Concat": "partial"}),
            create("final", Expect(rule=FINAL, claim=client_error), length=None,
                   more={"Upload-Concat": "final;{url:a} {url:b}"}),
            patch("a", 0, b"", past_max=0),
            patch("b", 0, b"!"),
            head("final", Expect(rule=FINAL, claim=_not_past, when=after_ok)),
        ),
    ),
)  # fmt: skip

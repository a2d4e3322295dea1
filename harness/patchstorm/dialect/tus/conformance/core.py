"""The core protocol: HEAD and PATCH."""

from __future__ import annotations

from collections.abc import Callable

from patchstorm.dialect.cases.claims import (
    after_refusal,
    all_of,
    client_error,
    if_given,
    lacks,
    not_accepted,
    ok,
    status,
    success,
)
from patchstorm.dialect.cases.model import UNKNOWN, Case, Claim, Expect, Holds, Rule, View
from patchstorm.dialect.tus.conformance.fields import offset, offset_at_most
from patchstorm.dialect.tus.conformance.requests import (
    create,
    head,
    patch,
)

NOT_THERE = (401, 403, 404, 410)
"""Answers about a URL that is nobody's. 401, because authorization is left to the server: who signs
its URLs refuses a false one before it looks for the upload."""
PAST_END = (400, 403, 409, 413)
FINISHED = (204, 400, 403, 404, 409, 410, 413, 423)
HEAD_ZERO = Rule(
    name="head.zero", level="must", section="Requests, HEAD; Creation",
    says="of a new upload HEAD says Upload-Offset: 0",
)  # fmt: skip
HEAD_TRUE = Rule(
    name="head.true", level="must", section="Requests, HEAD; Headers, Upload-Length",
    says="HEAD gives the upload's own Upload-Length and the offset that its PATCHes reached",
)  # fmt: skip
HEAD_COMPLETE = Rule(
    name="head.complete", level="must", section="Requests, HEAD",
    says="of a complete upload HEAD says Upload-Offset equal to Upload-Length (or 403, 404, 410 where "
    "complete uploads are moved away)",
)  # fmt: skip
HEAD_UNKNOWN = Rule(
    name="head.unknown", level="should", section="Requests, HEAD",
    says="HEAD of what is not there is answered 404, 410 or 403 (401 where URLs are signed)",
)  # fmt: skip
HEAD_UNKNOWN_OFFSET = Rule(
    name="head.unknown-offset", level="should", section="Requests, HEAD",
    says="HEAD of what is not there is answered without Upload-Offset",
)  # fmt: skip
PATCH_ACCEPTED = Rule(
    name="patch.accepted", level="should", section="Requests, PATCH",
    says="a PATCH at the current offset is accepted at every upload's URL",
)  # fmt: skip
PATCH_SUM = Rule(
    name="patch.sum", level="must", section="Requests, PATCH",
    says="the new offset is the old one and the number of bytes received",
)  # fmt: skip
PATCH_BYTES = Rule(
    name="patch.bytes", level="must", section="Requests, PATCH",
    says="a complete upload holds the bytes that its accepted requests carried, each at its offset, and "
    "none of a refused one",
)  # fmt: skip
PATCH_TYPE_RULE = Rule(
    name="patch.content-type", level="should", section="Requests, PATCH",
    says="a PATCH of another content type, or of none, is answered 415",
)  # fmt: skip
PATCH_MISMATCH = Rule(
    name="patch.mismatch", level="must", section="Requests, PATCH",
    says="a PATCH at another than the current offset is answered 409, with bytes or without; of a complete "
    "upload with that or another refusal (not of targets that address offsets)",
)  # fmt: skip
MISMATCH_OFFSET = Rule(
    name="patch.mismatch-offset", level="open", section="Requests, PATCH; Headers, Upload-Offset",
    says="where 409 carries Upload-Offset, it is the current one: a client may go on from there",
)  # fmt: skip
PATCH_UNMODIFIED = Rule(
    name="patch.unmodified", level="must", section="Requests, PATCH",
    says="a PATCH that is refused for its offset leaves the upload as it was",
)  # fmt: skip
PATCH_NO_OFFSET = Rule(
    name="patch.offset-invalid", level="must", section="Headers, Upload-Offset; Requests, PATCH",
    says="a PATCH whose Upload-Offset is missing or no non-negative integer is not accepted",
)  # fmt: skip
PATCH_UNKNOWN = Rule(
    name="patch.unknown", level="should", section="Requests, PATCH",
    says="a PATCH of what is not there is answered 404 (403, 410, or 401 where URLs are signed)",
)  # fmt: skip
PATCH_PAST_END = Rule(
    name="patch.past-end", level="open", section="Requests, PATCH; Headers, Upload-Length",
    says="a PATCH past Upload-Length is answered 400, 403, 409 or 413, or 204 with no more than "
    "Upload-Length as offset",
)  # fmt: skip
PATCH_BOUNDED = Rule(
    name="patch.bounded", level="must", section="Headers, Upload-Length",
    says="an upload's offset never exceeds its Upload-Length",
)  # fmt: skip
PATCH_FINISHED = Rule(
    name="patch.finished", level="open", section="Requests, PATCH",
    says="a PATCH of a complete upload is answered 204 with the old offset, 400, 403, 404, 409, 410, "
    "413 or 423",
)  # fmt: skip
PATCH_EMPTY = Rule(
    name="patch.empty", level="open", section="Requests, PATCH",
    says="a PATCH without bytes is answered 204, or refused with 4xx",
)  # fmt: skip
KEEPS_PARTIAL = "keeps-partial-body"
TOLD_AT_THE_END = "head-after-finish"
PATCH_CUT = Rule(
    name="patch.cut", level="must", section="Requests, PATCH",
    says="after a body that broke off the offset counts no byte that was not sent",
)  # fmt: skip
PATCH_KEPT = Rule(
    name="patch.kept", level="should", section="Requests, PATCH",
    says="of a body that broke off what had come is kept (of targets that address offsets only where they "
    f"declare {KEEPS_PARTIAL})",
)  # fmt: skip
REFUSED_UNMODIFIED = Rule(
    name="patch.refused-unmodified", level="should", section="Requests, PATCH",
    says="a PATCH that is refused for its content type or its end leaves the offset as it was",
)  # fmt: skip

RULES = (
    HEAD_ZERO, HEAD_TRUE, HEAD_COMPLETE, HEAD_UNKNOWN, HEAD_UNKNOWN_OFFSET, PATCH_ACCEPTED,
    PATCH_SUM, PATCH_BYTES, PATCH_TYPE_RULE, PATCH_MISMATCH, MISMATCH_OFFSET, PATCH_UNMODIFIED,
    PATCH_NO_OFFSET, PATCH_UNKNOWN, PATCH_PAST_END, PATCH_BOUNDED, PATCH_FINISHED, PATCH_EMPTY, PATCH_CUT,
    PATCH_KEPT, REFUSED_UNMODIFIED,
)  # fmt: skip


def stands_at(value: int) -> Expect:
    """HEAD after accepted PATCHes."""
    return Expect(rule=HEAD_TRUE, claim=all_of(success, offset(value)))


def unmodified(value: int, rule: Rule = PATCH_UNMODIFIED) -> Expect:
    """HEAD after a refused request; a success of that request is told by another rule."""
    return Expect(rule=rule, claim=all_of(success, offset(value)), when=after_refusal)


def accepted(value: int) -> tuple[Expect, ...]:
    """PATCH at the current offset that leaves the upload at ``value``."""
    return (
        Expect(rule=PATCH_ACCEPTED, claim=success, stops=True),
        Expect(rule=PATCH_SUM, claim=offset(value), when=ok),
    )


def complete(size: int) -> Expect:
    """HEAD of a complete upload."""
    return Expect(rule=HEAD_COMPLETE, claim=_complete(size))


def away(view: View) -> bool:
    """A complete upload that is not to be found, of a target that does not say it can be."""
    return view.status in NOT_THERE and not view.terms.offers(f"own:{TOLD_AT_THE_END}")


def unless_away(claim: Claim) -> Claim:
    """The claim about a complete upload, where its server has not moved it away."""
    return lambda view: None if away(view) else claim(view)


def holding(data: bytes = b"hello world", resource: str = "a") -> tuple[Holds, ...]:
    """The file of a complete upload."""
    return (Holds(rule=PATCH_BYTES, resource=resource, data=data),)


def _complete(size: int) -> Callable[[View], str | None]:
    def claim(view: View) -> str | None:
        if view.status in NOT_THERE:
            return None
        return all_of(success, offset(size))(view)

    return claim


def true_length(view: View) -> str | None:
    wanted = next(
        (one.request("Upload-Length") for one in view.before if one.step.acts_as == "POST"), None
    )
    found = view.header("Upload-Length")
    if found == wanted or found is None:
        return None
    return f"was answered with Upload-Length: {found}, created with {wanted}"


def _sequential(view: View) -> bool:
    return view.terms.sequential


def _keeping(view: View) -> bool:
    return view.terms.sequential or view.terms.offers(f"own:{KEEPS_PARTIAL}")


_BAD_TYPE = Expect(rule=PATCH_TYPE_RULE, claim=status(415))
_BAD_OFFSET = Expect(rule=PATCH_NO_OFFSET, claim=not_accepted)


def conflict(current: int) -> tuple[Expect, ...]:
    """409; and the offset that it need not tell is none but the current one."""
    told = Expect(
        rule=MISMATCH_OFFSET,
        claim=if_given("Upload-Offset", offset(current)),
        when=lambda view: view.status == 409,
    )
    return (Expect(rule=PATCH_MISMATCH, claim=status(409)), told)


def _bounded(size: int) -> Expect:
    return Expect(rule=PATCH_BOUNDED, claim=offset_at_most(size))


def _past_end(size: int) -> Expect:
    def claim(view: View) -> str | None:
        return None if view.here.ok else status(*PAST_END)(view)

    return Expect(rule=PATCH_PAST_END, claim=claim)


CASES = (
    Case(
        name="head-new", chapter="core", says="HEAD of a new upload",
        steps=(
            create("a"),
            head("a", Expect(rule=HEAD_ZERO, claim=all_of(success, offset(0))),
                 Expect(rule=HEAD_TRUE, claim=true_length)),
        ),
    ),
    Case(
        name="head-unknown", chapter="core", says="HEAD of an upload that is not there",
        steps=(
            create("a"),
            head(UNKNOWN + "a", Expect(rule=HEAD_UNKNOWN, claim=status(*NOT_THERE)),
                 Expect(rule=HEAD_UNKNOWN_OFFSET, claim=lacks("Upload-Offset"))),
        ),
    ),
    Case(
        name="patch-whole", chapter="core", says="a small upload in one PATCH", holds=holding(),
        steps=(
            create("a"),
            patch("a", 0, b"hello world", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="patch-chunks", chapter="core", holds=holding(),
        says="an upload in four PATCHes, with HEAD before each, down to its last byte",
        steps=(
            create("a"),
            patch("a", 0, b"hel", *accepted(3)),
            head("a", stands_at(3), Expect(rule=HEAD_TRUE, claim=true_length)),
            patch("a", 3, b"lo", *accepted(5)),
            head("a", stands_at(5)),
            patch("a", 5, b" worl", *accepted(10)),
            head("a", stands_at(10)),
            head("a", stands_at(10)),
            patch("a", 10, b"d", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="patch-content-type-missing", chapter="core", says="a PATCH without a content type",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _BAD_TYPE, more={"Content-Type": None}),
            head("a", unmodified(0, REFUSED_UNMODIFIED)),
        ),
    ),
    Case(
        name="patch-content-type-wrong", chapter="core", says="a PATCH of another content type",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _BAD_TYPE, more={"Content-Type": "application/octet-stream"}),
            head("a", unmodified(0, REFUSED_UNMODIFIED)),
        ),
    ),
    Case(
        name="patch-mismatch-ahead", chapter="core", says="a PATCH beyond the current offset",
        reading="sequential",
        steps=(
            create("a"),
            patch("a", 5, b"world", *conflict(0)),
            head("a", unmodified(0)),
            patch("a", 0, b"hello", *accepted(5)),
        ),
    ),
    Case(
        name="patch-mismatch-behind", chapter="core", holds=holding(),
        says="a PATCH before the current offset, and recovery from it", reading="sequential",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 0, b"HELLO", *conflict(5)),
            head("a", unmodified(5)),
            patch("a", 3, b"XX", *conflict(5)),
            head("a", unmodified(5)),
            patch("a", 5, b" world", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="patch-offset-outside", chapter="core", says="a PATCH at an offset beyond the end",
        steps=(
            create("a"),
            patch("a", 12, b"hello", Expect(rule=PATCH_MISMATCH, claim=status(409), when=_sequential),
                  _past_end(11)),
            head("a", unmodified(0)),
        ),
    ),
    Case(
        name="patch-offset-missing", chapter="core", says="a PATCH without Upload-Offset",
        steps=(create("a"), patch("a", None, b"hello", _BAD_OFFSET), head("a", unmodified(0))),
    ),
    *(
        Case(
            name=f"patch-offset-{name}", chapter="core",
            says=f"a PATCH whose Upload-Offset is {value!r}",
            steps=(create("a"), patch("a", value, b"hello", _BAD_OFFSET), head("a", unmodified(0))),
        )
        for name, value in (
            ("negative", "-1"), ("word", "none"), ("fraction", "0.5"), ("huge", "9" * 30),
        )
    ),
    Case(
        name="patch-unknown", chapter="core", says="a PATCH of an upload that is not there",
        steps=(
            create("a"),
            patch(UNKNOWN + "a", 0, b"hello", Expect(rule=PATCH_UNKNOWN, claim=status(*NOT_THERE))),
        ),
    ),
    Case(
        name="patch-past-end", chapter="core", says="a body that is longer than the upload",
        steps=(
            create("a", length=5),
            patch("a", 0, b"hello world", _past_end(5), _bounded(5)),
            head("a", _bounded(5), unmodified(0, REFUSED_UNMODIFIED)),
        ),
    ),
    Case(
        name="patch-past-end-later", chapter="core", says="a last body that is too long",
        steps=(
            create("a", length=8),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 5, b" world", _past_end(8), _bounded(8)),
            head("a", _bounded(8), unmodified(5, REFUSED_UNMODIFIED)),
        ),
    ),
    Case(
        name="patch-finished", chapter="core", says="a PATCH of a complete upload",
        holds=holding(),
        steps=(
            create("a"),
            patch("a", 0, b"hello world", *accepted(11)),
            patch("a", 11, b"!", Expect(rule=PATCH_FINISHED, claim=status(*FINISHED)), _bounded(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="patch-empty", chapter="core", holds=holding(), says="PATCHes without bytes, then the whole",
        steps=(
            create("a"),
            patch("a", 0, b"", Expect(rule=PATCH_EMPTY, claim=client_error),
                  Expect(rule=PATCH_SUM, claim=offset(0), when=ok)),
            head("a", Expect(rule=HEAD_TRUE, claim=offset(0))),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 5, b"", Expect(rule=PATCH_EMPTY, claim=client_error),
                  Expect(rule=PATCH_SUM, claim=offset(5), when=ok)),
            patch("a", 5, b" world", *accepted(11)),
        ),
    ),
    Case(
        name="patch-cut", chapter="core", says="a body that breaks off, and the resume",
        steps=(
            create("a"),
            patch("a", 0, b"hello world", cut=5, silence=True),
            head("a", Expect(rule=PATCH_CUT, claim=offset_at_most(5)),
                 Expect(rule=PATCH_KEPT, claim=all_of(success, offset(5)), when=_keeping),
                 patience_ms=3_000),
        ),
    ),
)  # fmt: skip

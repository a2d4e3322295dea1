"""The extensions concatenation and concatenation-unfinished."""

from __future__ import annotations

from urllib.parse import urlsplit

from patchstorm.dialect.cases.claims import (
    after_ok,
    all_of,
    client_error,
    client_refusal,
    has,
    not_accepted,
    not_served,
    says,
    shown,
    status,
    success,
)
from patchstorm.dialect.cases.model import UNKNOWN, Case, Expect, Holds, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import HEAD_TRUE, accepted, unless_away
from patchstorm.dialect.tus.conformance.creation import UNSUPPORTED
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import create, delete, head, patch

PARTIAL = Rule(
    name="concat.partial", level="must", section="Concatenation",
    says="a creation with Upload-Concat: partial is answered 201",
)  # fmt: skip
PARTIAL_TOLD = Rule(
    name="concat.partial-told", level="must", section="Concatenation",
    says="HEAD of a partial upload says Upload-Concat: partial and Upload-Offset",
)  # fmt: skip
FINAL = Rule(
    name="concat.final", level="must", section="Concatenation",
    says="a final upload of complete partial ones is created with 201",
)  # fmt: skip
FINAL_TOLD = Rule(
    name="concat.final-told", level="must", section="Concatenation",
    says="HEAD of a final upload says Upload-Concat: final with the partial uploads in their order",
)  # fmt: skip
FINAL_LITERAL = Rule(
    name="concat.final-literal", level="should", section="Concatenation",
    says="and with the URLs as they were received",
)  # fmt: skip
FINAL_SUM = Rule(
    name="concat.sum", level="must", section="Concatenation",
    says="a finished final upload has Upload-Offset and Upload-Length, both the sum of its parts",
)  # fmt: skip
ORDER = Rule(
    name="concat.order", level="must", section="Concatenation",
    says="a finished final upload holds the bytes of its parts in the order of the list",
)  # fmt: skip
UNFINISHED = Rule(
    name="concat.unfinished", level="must", section="Concatenation",
    says="where concatenation-unfinished is announced a final upload may be created early, and is "
    "finished once its parts are",
)  # fmt: skip
NOT_UNFINISHED = Rule(
    name="concat.unfinished-told", level="should", section="Concatenation",
    says="where concatenation-unfinished is not announced a final upload of unfinished parts is refused",
)  # fmt: skip
UNKNOWN_PART = Rule(
    name="concat.unknown", level="open", section="Concatenation",
    says="a final upload of parts that are not there is refused with 4xx",
)  # fmt: skip
FINAL_LENGTH = Rule(
    name="concat.final-length", level="open", section="Concatenation",
    says="a final upload with an Upload-Length of its own is refused with 4xx, or has the sum for length",
)  # fmt: skip
BAD_CONCAT = Rule(
    name="concat.value", level="open", section="Concatenation, Upload-Concat",
    says="an Upload-Concat that is neither partial nor final is refused with 4xx, or passed over",
)  # fmt: skip

FINAL_BODY = Rule(
    name="concat.final-body", level="open", section="Concatenation; Creation With Upload",
    says="a final upload that carries a body is refused with 4xx, or has the sum of its parts for length",
)  # fmt: skip
URLS = Rule(
    name="concat.urls", level="should", section="Concatenation, Upload-Concat",
    says="the partial uploads may be named by absolute and by relative URLs",
)  # fmt: skip

RULES = (
    FINAL_BODY, URLS, PARTIAL, PARTIAL_TOLD, FINAL, FINAL_TOLD, FINAL_LITERAL, FINAL_SUM, ORDER,
    UNFINISHED, NOT_UNFINISHED, UNKNOWN_PART, FINAL_LENGTH, BAD_CONCAT,
)  # fmt: skip

NEEDS = ("creation", "concatenation")


def part(name: str, length: int, *expects: Expect, **more: str) -> Step:
    return create(name, *expects, length=length, more={"Upload-Concat": "partial", **more})


def final(parts: str, *expects: Expect, length: int | None = None, metadata: str = "") -> Step:
    urls = " ".join(f"{{url:{name}}}" for name in parts)
    return create(
        "final", *expects, length=length,
        more={"Upload-Concat": f"final;{urls}", "Upload-Metadata": "{metadata}" + metadata},
    )  # fmt: skip


def whole(rule: Rule, size: int) -> Expect:
    claim = all_of(success, offset(size), says("Upload-Length", str(size)))
    return Expect(rule=rule, claim=unless_away(claim))


def _paths(value: str) -> list[str]:
    """The partial uploads of a final one, by the last segments of their URLs."""
    kind, _, urls = value.partition(";")
    if kind.strip() != "final":
        return []
    return [urlsplit(url).path.rstrip("/").rpartition("/")[2] for url in urls.split()]


def asked(view: View, name: str) -> str:
    return next(one.request(name) or "" for one in view.before if one.step.creates == "final")


def _final_told(view: View) -> str | None:
    found, wanted = view.header("Upload-Concat"), asked(view, "Upload-Concat")
    if found is None:
        return f"was answered {view.status} without Upload-Concat"
    if _paths(found) == _paths(wanted):
        return None
    return f"was answered with Upload-Concat: {shown(found)}, created with {shown(wanted)}"


def _final_literal(view: View) -> str | None:
    return says("Upload-Concat", asked(view, "Upload-Concat"))(view)


def _told_well(view: View) -> bool:
    return view.here.ok and _final_told(view) is None


def joined(size: int) -> Expect:
    return whole(FINAL_SUM, size)


PART_CREATED = Expect(rule=PARTIAL, claim=status(201))
FINAL_CREATED = Expect(rule=FINAL, claim=status(201))
TOLD = (
    Expect(rule=FINAL_TOLD, claim=unless_away(all_of(success, _final_told))),
    Expect(rule=FINAL_LITERAL, claim=_final_literal, when=_told_well),
)
TWO_PARTS = (
    part("a", 5, PART_CREATED),
    part("b", 6, PART_CREATED),
    patch("a", 0, b"hello", *accepted(5)),
    patch("b", 0, b" world", *accepted(6)),
)

CASES = (
    Case(
        name="concat-partial", chapter="concatenation", needs=NEEDS, says="a partial upload",
        steps=(
            part("a", 5, PART_CREATED),
            head("a", Expect(rule=PARTIAL_TOLD, claim=all_of(
                success, says("Upload-Concat", "partial"), has("Upload-Offset")))),
            patch("a", 0, b"hello", *accepted(5)),
            head("a", Expect(rule=HEAD_TRUE, claim=unless_away(all_of(success, offset(5)))),
                 Expect(rule=PARTIAL_TOLD, claim=unless_away(says("Upload-Concat", "partial")))),
        ),
    ),
    Case(
        name="concat-final", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
        says="two parts joined into one upload",
        steps=(*TWO_PARTS, final("ab", FINAL_CREATED),
               head("final", joined(11), *TOLD, patience_ms=3_000)),
    ),
    Case(
        name="concat-order", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b" worldhello"),),
        says="two parts joined against the order of their creation",
        steps=(*TWO_PARTS, final("ba", FINAL_CREATED),
               head("final", joined(11), *TOLD, patience_ms=3_000)),
    ),
    Case(
        name="concat-three", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
        says="three parts, one after the other",
        steps=(
            part("a", 5, PART_CREATED),
            patch("a", 0, b"hello", *accepted(5)),
            part("b", 1, PART_CREATED),
            patch("b", 0, b" ", *accepted(1)),
            part("c", 5, PART_CREATED),
            patch("c", 0, b"wor", *accepted(3)),
            patch("c", 3, b"ld", *accepted(5)),
            final("abc", FINAL_CREATED),
            head("final", joined(11), patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-unfinished", chapter="concatenation",
        needs=(*NEEDS, "concatenation-unfinished"),
        says="a final upload that is created before its parts are complete",
        steps=(
            part("a", 5, PART_CREATED),
            part("b", 6, PART_CREATED),
            patch("a", 0, b"hello", *accepted(5)),
            final("ab", Expect(rule=UNFINISHED, claim=status(201))),
            patch("b", 0, b" world", *accepted(6)),
            head("final", Expect(rule=UNFINISHED, claim=unless_away(all_of(success, offset(11)))),
                 patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-not-unfinished", chapter="concatenation", needs=NEEDS,
        lacks=("concatenation-unfinished",),
        says="a final upload of a part that is not complete",
        steps=(
            part("a", 5, PART_CREATED),
            patch("a", 0, b"hel", *accepted(3)),
            final("a", Expect(rule=NOT_UNFINISHED, claim=not_accepted)),
        ),
    ),
    Case(
        name="concat-unknown", chapter="concatenation", needs=NEEDS,
        says="a final upload of a part that is not there",
        steps=(
            part("a", 5, PART_CREATED),
            create("final", Expect(rule=UNKNOWN_PART, claim=client_refusal), length=None,
                   more={"Upload-Concat": f"final;{{url:{UNKNOWN}a}}"}),
        ),
    ),
    Case(
        name="concat-final-length", chapter="concatenation", needs=NEEDS,
        says="a final upload that names a length of its own",
        steps=(
            *TWO_PARTS,
            final("ab", Expect(rule=FINAL_LENGTH, claim=client_error), length=99),
            head("final", Expect(rule=FINAL_LENGTH, claim=unless_away(says("Upload-Length", "11")),
                                 when=after_ok)),
        ),
    ),
    Case(
        name="concat-final-body", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
        says="a final upload that carries a body",
        steps=(
            *TWO_PARTS,
            create("final", Expect(rule=FINAL_BODY, claim=client_error), length=None, body=b"HELLO",
                   more={"Upload-Concat": "final;{url:a} {url:b}"}),
            head("final", whole(FINAL_BODY, 11), patience_ms=3_000),
        ),
    ),
    *(
        Case(
            name=f"concat-urls-{name}", chapter="concatenation", needs=NEEDS,
            holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
            says=f"a final upload of parts that are named by {name} URLs",
            steps=(
                *TWO_PARTS,
                create("final", Expect(rule=URLS, claim=status(201)), length=None,
                       more={"Host": "localhost", "Upload-Concat": f"final;{urls}"}),
                head("final", joined(11), patience_ms=3_000),
            ),
        )
        for name, urls in (
            ("absolute", "http://localhost{url:a} http://localhost{url:b}"),
            ("relative", "{relative:a} {relative:b}"),
        )
    ),
    Case(
        name="concat-in-turn", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
        says="parts that are sent in turn",
        steps=(
            part("a", 5, PART_CREATED),
            part("b", 6, PART_CREATED),
            patch("b", 0, b" wo", *accepted(3)),
            patch("a", 0, b"hel", *accepted(3)),
            patch("b", 3, b"rld", *accepted(6)),
            patch("a", 3, b"lo", *accepted(5)),
            final("ab", FINAL_CREATED),
            head("final", joined(11), patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-part-gone", chapter="concatenation", needs=(*NEEDS, "termination"),
        says="a final upload of a part that was deleted",
        steps=(
            *TWO_PARTS,
            delete("a"),
            final("ab", Expect(rule=UNKNOWN_PART, claim=client_refusal)),
        ),
    ),
    Case(
        name="concat-value", chapter="concatenation", needs=NEEDS,
        says="an Upload-Concat that means nothing",
        steps=(create("a", Expect(rule=BAD_CONCAT, claim=client_error),
                      more={"Upload-Concat": "whole"}),),
    ),
    Case(
        name="concat-unsupported", chapter="concatenation", lacks=("concatenation",),
        says="a partial upload where that is not offered",
        steps=(create("a", Expect(rule=UNSUPPORTED, claim=not_served),
                      more={"Upload-Concat": "partial"}),),
    ),
)  # fmt: skip

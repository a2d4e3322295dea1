"""A final upload once it is there: closed to PATCH, without its parts' metadata, whole."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    after_refusal,
    all_of,
    client_error,
    ok,
    refused,
    says,
    shown,
    status,
    success,
)
from patchstorm.dialect.cases.model import Case, Claim, Expect, Holds, Rule, View
from patchstorm.dialect.tus.conformance.concatenation import (
    FINAL_CREATED,
    NEEDS,
    ORDER,
    PART_CREATED,
    TOLD,
    TWO_PARTS,
    asked,
    final,
    joined,
    part,
    whole,
)
from patchstorm.dialect.tus.conformance.core import accepted, unless_away
from patchstorm.dialect.tus.conformance.creation import METADATA_TAKEN
from patchstorm.dialect.tus.conformance.fields import offset, pairs
from patchstorm.dialect.tus.conformance.requests import create, delete, head, patch

FINAL_CLOSED = Rule(
    name="concat.patch-final", level="must", section="Concatenation",
    says="a PATCH of a final upload is answered 403, or 409 where its offset is not the current one: the "
    "core demands that of every upload",
)  # fmt: skip
FINAL_FIRST = Rule(
    name="concat.closed-first", level="open", section="Concatenation; Requests, PATCH",
    says="and 403 comes first: no other offset would do",
)  # fmt: skip
FINAL_UNMODIFIED = Rule(
    name="concat.unmodified", level="must", section="Concatenation",
    says="a PATCH of a final upload changes neither it nor its parts",
)  # fmt: skip
NO_METADATA = Rule(
    name="concat.metadata", level="must", section="Concatenation",
    says="the metadata of partial uploads is not handed on to the final one",
)  # fmt: skip
OWN_METADATA = Rule(
    name="concat.own-metadata", level="must", section="Concatenation; Creation, POST",
    says="HEAD of a final upload gives back the metadata of its own creation",
)  # fmt: skip
REPEATED = Rule(
    name="concat.repeated", level="open", section="Concatenation, Upload-Concat",
    says="a final upload that names a part twice has its bytes twice, or is refused with 4xx",
)  # fmt: skip
AGAIN = Rule(
    name="concat.again", level="must", section="Concatenation",
    says="a final upload that is asked for once more, as after a lost answer, is made of the same parts or "
    "refused with 4xx, and the first stays as it was",
)  # fmt: skip
KEPT = Rule(
    name="concat.kept", level="should", section="Concatenation; Termination",
    says="a part that is deleted takes nothing from the final upload that was made of it",
)  # fmt: skip

RULES = (
    AGAIN, KEPT, FINAL_CLOSED, FINAL_FIRST, FINAL_UNMODIFIED, NO_METADATA, OWN_METADATA, REPEATED,
)  # fmt: skip


def _as_long(size: int) -> Claim:
    """Of an upload whose creation was refused there is nothing to be said."""

    def claim(view: View) -> str | None:
        if view.here.status is None or view.here.refused:
            return None
        return all_of(offset(size), says("Upload-Length", str(size)))(view)

    return claim


def _no_metadata(view: View) -> str | None:
    found = view.header("Upload-Metadata") or ""
    if "partnote" not in pairs(found):
        return None
    return f"was answered with the metadata of a part: {shown(found)}"


def _own_metadata(view: View) -> str | None:
    found, wanted = view.header("Upload-Metadata"), asked(view, "Upload-Metadata")
    if found is not None and pairs(found) == pairs(wanted):
        return None
    return f"was answered with Upload-Metadata: {shown(found)}, created with {shown(wanted)}"


_UNMODIFIED = Expect(
    rule=FINAL_UNMODIFIED, claim=unless_away(all_of(success, offset(11))), when=after_refusal
)

CASES = (
    Case(
        name="concat-patch-final", chapter="concatenation", needs=NEEDS,
        says="a PATCH of a final upload",
        steps=(
            *TWO_PARTS, final("ab", FINAL_CREATED),
            head("final", joined(11), patience_ms=3_000),
            patch("final", 11, b"!", Expect(rule=FINAL_CLOSED, claim=unless_away(status(403)))),
            head("final", _UNMODIFIED),
        ),
    ),
    *(
        Case(
            name=f"concat-patch-final-{name}", chapter="concatenation", needs=NEEDS,
            says=f"a PATCH of a final upload {how}",
            steps=(
                *TWO_PARTS, final("ab", FINAL_CREATED),
                head("final", joined(11), patience_ms=3_000),
                patch("final", at, body, Expect(rule=FINAL_CLOSED, claim=unless_away(status(403, 409))),
                      Expect(rule=FINAL_FIRST, claim=unless_away(status(403)), when=refused)),
                head("final", _UNMODIFIED),
            ),
        )
        for name, how, at, body in (
            ("behind", "before its end", 6, b"world"), ("empty", "before its end, without bytes", 6, b""),
        )
    ),
    Case(
        name="concat-metadata", chapter="concatenation", needs=NEEDS,
        says="parts with metadata, and a final upload with its own",
        steps=(
            part("a", 5, PART_CREATED, **{"Upload-Metadata": "{metadata},partnote aGVsbG8="}),
            patch("a", 0, b"hello", *accepted(5)),
            final("a", FINAL_CREATED, metadata=",finalnote d29ybGQ="),
            head("final", Expect(rule=NO_METADATA, claim=_no_metadata, when=ok),
                 Expect(rule=OWN_METADATA, claim=_own_metadata, when=ok), patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-metadata-none", chapter="concatenation", needs=NEEDS,
        says="parts with metadata, and a final upload without any",
        steps=(
            part("a", 5, PART_CREATED, **{"Upload-Metadata": "{metadata},partnote aGVsbG8="}),
            patch("a", 0, b"hello", *accepted(5)),
            create("final", Expect(rule=METADATA_TAKEN, claim=client_error), length=None,
                   more={"Upload-Concat": "final;{url:a}", "Upload-Metadata": None}),
            head("final", Expect(rule=NO_METADATA, claim=_no_metadata, when=ok)),
        ),
    ),
    Case(
        name="concat-repeated", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hellohello"),),
        says="a final upload that names one part twice",
        steps=(
            part("a", 5, PART_CREATED),
            patch("a", 0, b"hello", *accepted(5)),
            final("aa", Expect(rule=REPEATED, claim=client_error)),
            head("final", joined(10), *TOLD, patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-again", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),
               Holds(rule=ORDER, resource="again", data=b"hello world")),
        says="a final upload that is asked for twice",
        steps=(
            *TWO_PARTS, final("ab", FINAL_CREATED),
            head("final", joined(11), patience_ms=3_000),
            create("again", Expect(rule=AGAIN, claim=client_error), length=None,
                   more={"Upload-Concat": "final;{url:a} {url:b}"}),
            head("final", whole(AGAIN, 11)),
            head("again", Expect(rule=AGAIN, claim=_as_long(11)), patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-shared", chapter="concatenation", needs=NEEDS,
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),
               Holds(rule=ORDER, resource="again", data=b" worldhello")),
        says="two final uploads of the same parts, in another order",
        steps=(
            *TWO_PARTS, final("ab", FINAL_CREATED),
            create("again", Expect(rule=AGAIN, claim=client_error), length=None,
                   more={"Upload-Concat": "final;{url:b} {url:a}"}),
            head("final", joined(11), patience_ms=3_000),
            head("again", Expect(rule=AGAIN, claim=_as_long(11)), patience_ms=3_000),
        ),
    ),
    Case(
        name="concat-part-deleted", chapter="concatenation", needs=(*NEEDS, "termination"),
        holds=(Holds(rule=ORDER, resource="final", data=b"hello world"),),
        says="a part that is deleted once it was joined",
        steps=(
            *TWO_PARTS, final("ab", FINAL_CREATED),
            head("final", joined(11), patience_ms=3_000),
            delete("a", Expect(rule=KEPT, claim=client_error)),
            head("final", whole(KEPT, 11)),
        ),
    ),
)  # fmt: skip

"""The extension creation."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    after_ok,
    all_of,
    client_error,
    has,
    not_accepted,
    ok,
    says,
    shown,
    status,
    success,
)
from patchstorm.dialect.cases.model import Case, Expect, Rule, View
from patchstorm.dialect.tus.conformance.core import (
    NOT_THERE,
    accepted,
    holding,
    true_length,
)
from patchstorm.dialect.tus.conformance.fields import offset, pairs
from patchstorm.dialect.tus.conformance.requests import (
    base64,
    create,
    head,
    options,
    patch,
)

HUGE = str((1 << 63) - 1)
CREATED = Rule(
    name="creation.status", level="must", section="Creation, POST",
    says="a creation that succeeds is answered 201; one with a plain Upload-Length does succeed",
)  # fmt: skip
LOCATION = Rule(
    name="creation.location", level="must", section="Creation, POST",
    says="201 carries the URL of the new upload in Location, and HEAD finds the upload there",
)  # fmt: skip
FRESH = Rule(
    name="creation.new", level="must", section="Creation, POST",
    says="each creation makes an upload of its own, with a URL of its own",
)  # fmt: skip
NO_LENGTH = Rule(
    name="creation.length-missing", level="should", section="Creation, POST",
    says="a creation with neither Upload-Length nor Upload-Defer-Length, or with both, is refused",
)  # fmt: skip
BAD_LENGTH = Rule(
    name="creation.length-invalid", level="must", section="Headers, Upload-Length",
    says="a creation whose Upload-Length is no non-negative integer is not accepted",
)  # fmt: skip
ZERO = Rule(
    name="creation.zero", level="must", section="Headers, Upload-Length; Requests, HEAD",
    says="an upload of no bytes is created, and complete at once",
)  # fmt: skip
TOO_LARGE = Rule(
    name="creation.too-large", level="must", section="Creation, POST",
    says="a creation over the announced Tus-Max-Size is answered 413",
)  # fmt: skip
LIMIT_TOLD = Rule(
    name="options.max-size-told", level="should", section="Headers, Tus-Max-Size",
    says="a server that refuses a length as too large announces Tus-Max-Size",
)  # fmt: skip
LARGE = Rule(
    name="creation.large", level="open", section="Creation, POST",
    says="a very large Upload-Length is accepted, or refused with 4xx",
)  # fmt: skip
LARGE_TOLD = Rule(
    name="creation.large-told", level="must", section="Requests, HEAD; Headers, Upload-Length",
    says="HEAD of an upload that was created with a very large length gives that length, to its last digit",
)  # fmt: skip
METADATA_TAKEN = Rule(
    name="metadata.taken", level="open", section="Creation, POST; Upload-Metadata",
    says="metadata is accepted, or refused with 4xx: the server may decide to reject it",
)  # fmt: skip
METADATA_TOLD = Rule(
    name="metadata.told", level="must", section="Creation, POST",
    says="HEAD of an upload created with metadata gives it back: the same keys and values",
)  # fmt: skip
METADATA_LITERAL = Rule(
    name="metadata.literal", level="should", section="Creation, POST",
    says="and as the client specified it, byte for byte",
)  # fmt: skip
METADATA_BAD = Rule(
    name="metadata.malformed", level="open", section="Creation, Upload-Metadata",
    says="malformed metadata (a value that is not Base64, a key twice, an empty key, a key that is not "
    "ASCII) is refused with 4xx, or passed over",
)  # fmt: skip
UNSUPPORTED = Rule(
    name="creation.unsupported", level="open", section="Protocol Extensions",
    says="a creation that asks for an extension which is not offered is served, or refused with 4xx or 501",
)  # fmt: skip

INDEPENDENT = Rule(
    name="creation.independent", level="must", section="Creation, POST",
    says="two creations with the same length and metadata make two uploads, and what is sent to the one is "
    "not found at the other",
)  # fmt: skip
ALIKE = Rule(
    name="creation.alike", level="open", section="Creation, POST",
    says="a creation with the metadata of another upload is accepted, or refused with 4xx where names are "
    "taken from it",
)  # fmt: skip
ANY_TYPE = Rule(
    name="creation.content-type", level="should", section="Creation, POST; Creation With Upload",
    says="a creation without a body is accepted whatever its Content-Type says",
)  # fmt: skip

RULES = (
    INDEPENDENT, ALIKE, ANY_TYPE,
    CREATED, LOCATION, FRESH, NO_LENGTH, BAD_LENGTH, ZERO, TOO_LARGE, LIMIT_TOLD, LARGE, LARGE_TOLD,
    METADATA_TAKEN, METADATA_TOLD, METADATA_LITERAL, METADATA_BAD, UNSUPPORTED,
)  # fmt: skip


def _fresh(view: View) -> str | None:
    found, others = view.header("Location"), [one.headers.get("location") for one in view.before]
    return f"was answered with Location: {found} for the second time" if found in others else None


def _limit_told(view: View) -> str | None:
    if view.before[0].headers.get("tus-max-size") is not None:
        return None
    return "was answered 413, and OPTIONS without Tus-Max-Size"


def _too_large(view: View) -> bool:
    return view.status == 413


def _asked(view: View) -> str:
    sent = [one.request("Upload-Metadata") for one in view.before if one.step.creates]
    return sent[0] or ""


def _metadata_told(view: View) -> str | None:
    wanted, found = _asked(view), view.header("Upload-Metadata")
    if found is None:
        return f"was answered without Upload-Metadata, created with {shown(wanted)}"
    if pairs(found) == pairs(wanted):
        return None
    return f"was answered with Upload-Metadata: {shown(found)}, created with {shown(wanted)}"


def _metadata_literal(view: View) -> str | None:
    return says("Upload-Metadata", _asked(view))(view)


def _same_pairs(view: View) -> bool:
    return view.here.ok and view.last.ok and _metadata_told(view) is None


def _empty_or_away(view: View) -> str | None:
    """Of a complete upload nothing may be known any more, where complete uploads are moved away."""
    return None if view.status in NOT_THERE else all_of(success, offset(0))(view)


CREATED_201 = Expect(rule=CREATED, claim=status(201))
_FOUND = Expect(rule=LOCATION, claim=success, when=after_ok)
REFUSED_LENGTH = Expect(rule=NO_LENGTH, claim=all_of(not_accepted, client_error))
_BAD = Expect(rule=BAD_LENGTH, claim=not_accepted)
_TOLD = (
    Expect(rule=METADATA_TOLD, claim=_metadata_told, when=after_ok),
    Expect(rule=METADATA_LITERAL, claim=_metadata_literal, when=_same_pairs),
)


def _with_metadata(name: str, extra: str, says: str) -> Case:
    return Case(
        name=f"metadata-{name}", chapter="creation", says=says,
        steps=(
            create("a", Expect(rule=METADATA_TAKEN, claim=client_error),
                   more={"Upload-Metadata": "{metadata}," + extra}),
            head("a", *_TOLD),
        ),
    )  # fmt: skip


def _bad_metadata(name: str, extra: str, says: str) -> Case:
    return Case(
        name=f"metadata-{name}", chapter="creation", says=says,
        steps=(
            create("a", Expect(rule=METADATA_BAD, claim=client_error),
                   more={"Upload-Metadata": "{metadata}," + extra}),
        ),
    )  # fmt: skip


CASES = (
    Case(
        name="creation", chapter="creation", says="two creations, and HEAD of both",
        steps=(
            create("a", CREATED_201, Expect(rule=LOCATION, claim=has("Location"), when=ok)),
            head("a", _FOUND),
            create("b", CREATED_201, Expect(rule=FRESH, claim=_fresh, when=ok)),
            head("b", _FOUND),
        ),
    ),
    Case(
        name="creation-length-missing", chapter="creation",
        says="a creation that says nothing of a length", steps=(create("a", REFUSED_LENGTH, length=None),),
    ),
    *(
        Case(
            name=f"creation-length-{name}", chapter="creation",
            says=f"a creation whose Upload-Length is {value!r}",
            steps=(create("a", _BAD, length=value),),
        )
        for name, value in (
            ("negative", "-1"), ("word", "long"), ("fraction", "1.5"), ("empty", ""),
        )
    ),
    *(
        Case(
            name=f"creation-{name}", chapter="creation", says=says,
            steps=(
                options(),
                create("a", Expect(rule=LARGE, claim=client_error),
                       Expect(rule=LIMIT_TOLD, claim=_limit_told, when=_too_large), length=value),
                head("a", Expect(rule=LARGE_TOLD, claim=true_length, when=ok), silence=True),
            ),
        )
        for name, value, says in (
            ("large", 1 << 50, "an Upload-Length of a pebibyte"),
            ("odd", (1 << 53) + 1, "an Upload-Length of 2^53 + 1, which no double holds"),
            ("huge", HUGE, "an Upload-Length of 2^63 - 1"),
            ("astronomic", "9" * 30, "an Upload-Length of thirty digits"),
        )
    ),
    Case(
        name="creation-over-limit", chapter="creation",
        says="a creation one byte over the announced maximum", needs=("creation", "max-size"),
        steps=(options(), create("a", Expect(rule=TOO_LARGE, claim=status(413)), length="{max+1}")),
    ),
    Case(
        name="creation-zero", chapter="creation", says="an upload of no bytes",
        steps=(
            create("a", Expect(rule=ZERO, claim=status(201)), length=0),
            head("a", Expect(rule=ZERO, claim=_empty_or_away)),
        ),
    ),
    _with_metadata("one", "note aGVsbG8gd29ybGQ=", "one more pair of metadata"),
    _with_metadata("many", "note aGVsbG8=,kind dGV4dA==,n MQ==", "several pairs of metadata"),
    _with_metadata("no-value", "confidential", "a key without a value and without a space"),
    _with_metadata("long", "note " + base64(b"words " * 300), "more than 2000 bytes of metadata"),
    _with_metadata("capitals", "X-NOTE WFhX,MAX", "keys in capitals, one without a value"),
    _with_metadata("binary", "note " + base64(bytes(range(48))), "a value that is no text"),
    _bad_metadata("not-base64", "note %%%", "a value that is not Base64"),
    _bad_metadata("twice", "note aGVsbG8=,note d29ybGQ=", "a key that stands there twice"),
    _bad_metadata("no-key", " aGVsbG8=", "an empty key"),
    _bad_metadata("spaces", "note aGVsbG8= d29ybGQ=", "a pair of three parts"),
    _bad_metadata("blank-comma", "note aGVsbG8= , kind dGV4dA==", "blanks round a comma"),
    _bad_metadata("blank-value", "note ", "a key with a blank and nothing behind it"),
    _bad_metadata("blanks", "note  aGVsbG8=", "two blanks between key and value"),
    _bad_metadata("tab", "note\taGVsbG8=", "a tab between key and value"),
    _bad_metadata("comma", "", "a comma and nothing behind it"),
    _bad_metadata("commas", ",,note aGVsbG8=", "commas with nothing between them"),
    _bad_metadata("only-blanks", "   ", "blanks in the place of a pair"),
    _bad_metadata("not-ascii", "n\u00f6te aGVsbG8=", "a key that is not ASCII"),
    Case(
        name="creation-alike", chapter="creation",
        says="two creations of the same length and metadata, and bytes for each",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *accepted(5)),
            create("b", Expect(rule=ALIKE, claim=client_error),
                   Expect(rule=INDEPENDENT, claim=_fresh, when=ok),
                   more={"Upload-Metadata": "{metadata-of:a}"}),
            head("b", Expect(rule=INDEPENDENT, claim=all_of(success, offset(0)))),
            patch("b", 0, b"HEL", *accepted(3)),
            head("a", Expect(rule=INDEPENDENT, claim=all_of(success, offset(5)))),
            head("b", Expect(rule=INDEPENDENT, claim=all_of(success, offset(3)))),
            patch("a", 5, b" world", *accepted(11)),
            # Where metadata name the file, the other has lost its name by now, and may be told so.
            head("b", Expect(rule=INDEPENDENT, claim=offset(3), when=ok)),
        ),
        holds=holding(),
    ),
    *(
        Case(
            name=f"creation-type-{name}", chapter="creation",
            says=f"a creation without a body and with Content-Type: {value}",
            steps=(
                create("a", Expect(rule=ANY_TYPE, claim=status(201)), more={"Content-Type": value}),
                head("a", Expect(rule=ANY_TYPE, claim=all_of(success, offset(0)))),
            ),
        )
        for name, value in (
            ("json", "application/json"), ("form", "application/x-www-form-urlencoded"),
            ("octets", "application/octet-stream"),
        )
    ),
    Case(
        name="metadata-none", chapter="creation", says="a creation without metadata",
        steps=(
            create("a", Expect(rule=METADATA_TAKEN, claim=client_error),
                   more={"Upload-Metadata": None}),
        ),
    ),
)  # fmt: skip
LATER = {"Upload-Defer-Length": "1"}

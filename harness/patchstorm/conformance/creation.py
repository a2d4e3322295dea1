"""The extensions creation, creation-defer-length and creation-with-upload."""

from __future__ import annotations

from patchstorm.conformance.claims import (
    NUMBER,
    after_ok,
    all_of,
    client_error,
    client_refusal,
    has,
    lacks,
    not_accepted,
    not_served,
    offset,
    offset_at_most,
    ok,
    pairs,
    says,
    shown,
    status,
    success,
)
from patchstorm.conformance.core import (
    NOT_THERE,
    PATCH_BOUNDED,
    accepted,
    complete,
    holding,
    stands_at,
)
from patchstorm.conformance.model import Case, Expect, Holds, Rule, Step, View
from patchstorm.conformance.requests import base64, create, head, options, patch

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

DEFERRED = Rule(
    name="defer.created", level="must", section="Creation, POST (b)",
    says="a creation with Upload-Defer-Length: 1 and no Upload-Length succeeds with 201",
)  # fmt: skip
DEFERRED_TOLD = Rule(
    name="defer.told", level="must", section="Creation, POST (b)",
    says="as long as the length is not known HEAD says Upload-Defer-Length: 1",
)  # fmt: skip
DEFERRED_NO_LENGTH = Rule(
    name="defer.no-length", level="must", section="Headers, Upload-Length; Creation, POST (b)",
    says="as long as the length is not known HEAD says no Upload-Length",
)  # fmt: skip
SETTLED = Rule(
    name="defer.settled", level="must", section="Creation, POST (b); Requests, HEAD",
    says="once a PATCH has set Upload-Length HEAD gives it",
)  # fmt: skip
SETTLED_TOLD = Rule(
    name="defer.omitted", level="must", section="Creation, Upload-Defer-Length",
    says="once the length is known HEAD says no Upload-Defer-Length",
)  # fmt: skip
IMMUTABLE = Rule(
    name="defer.immutable", level="must", section="Creation, POST (b)",
    says="a length that is set does not change, whatever a later PATCH says",
)  # fmt: skip
IMMUTABLE_REFUSED = Rule(
    name="defer.change-refused", level="should", section="Creation, POST (b)",
    says="a PATCH that asks for another length than the one that is set is refused",
)  # fmt: skip
BAD_DEFER = Rule(
    name="defer.value", level="should", section="Creation, POST (b)",
    says="Upload-Defer-Length of another value than 1 is answered 400",
)  # fmt: skip
TOO_SHORT = Rule(
    name="defer.too-short", level="open", section="Creation, POST (b)",
    says="a length that is less than what has come is refused with 4xx",
)  # fmt: skip
UNSUPPORTED = Rule(
    name="creation.unsupported", level="open", section="Protocol Extensions",
    says="a creation that asks for an extension which is not offered is served, or refused with 4xx or 501",
)  # fmt: skip

CARRIED = Rule(
    name="with-upload.offset", level="must", section="Creation With Upload",
    says="201 to a creation with a body carries Upload-Offset, and HEAD says the same",
)  # fmt: skip
CARRIED_ALL = Rule(
    name="with-upload.accepts", level="should", section="Creation With Upload",
    says="a creation with a body is accepted with all of its bytes",
)  # fmt: skip
CARRIED_TYPE = Rule(
    name="with-upload.content-type", level="open", section="Creation With Upload",
    says="a body of another content type is refused with 4xx, or not stored",
)  # fmt: skip
CARRIED_PAST_END = Rule(
    name="with-upload.past-end", level="open", section="Creation With Upload; Requests, PATCH",
    says="a body longer than Upload-Length is refused with 4xx, or not stored beyond it",
)  # fmt: skip

RULES = (
    CREATED, LOCATION, FRESH, NO_LENGTH, BAD_LENGTH, ZERO, TOO_LARGE, LIMIT_TOLD, LARGE,
    METADATA_TAKEN, METADATA_TOLD, METADATA_LITERAL, METADATA_BAD, DEFERRED, DEFERRED_TOLD,
    DEFERRED_NO_LENGTH, SETTLED, SETTLED_TOLD, IMMUTABLE, IMMUTABLE_REFUSED, BAD_DEFER, TOO_SHORT,
    UNSUPPORTED, CARRIED, CARRIED_ALL, CARRIED_TYPE, CARRIED_PAST_END,
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


def _carried_offset(view: View) -> str | None:
    found = view.header("Upload-Offset")
    told = view.last.headers.get("upload-offset")
    return (
        None if found == told else f"was answered with Upload-Offset: {found}, the 201 with {told}"
    )


def _told_by_201(view: View) -> bool:
    return view.here.ok and view.last.ok and "upload-offset" in view.last.headers


def _empty_or_away(view: View) -> str | None:
    """Of a complete upload nothing may be known any more, where complete uploads are moved away."""
    return None if view.status in NOT_THERE else all_of(success, offset(0))(view)


def _within_its_length(view: View) -> str | None:
    length = view.header("Upload-Length")
    if length is None or not NUMBER.fullmatch(length):
        return None
    return offset_at_most(int(length))(view)


_201 = Expect(rule=CREATED, claim=status(201))
_FOUND = Expect(rule=LOCATION, claim=success, when=after_ok)
_NO = Expect(rule=NO_LENGTH, claim=all_of(not_accepted, client_error))
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


_CREATION = (
    Case(
        name="creation", chapter="creation", says="two creations, and HEAD of both",
        steps=(
            create("a", _201, Expect(rule=LOCATION, claim=has("Location"), when=ok)),
            head("a", _FOUND),
            create("b", _201, Expect(rule=FRESH, claim=_fresh, when=ok)),
            head("b", _FOUND),
        ),
    ),
    Case(
        name="creation-length-missing", chapter="creation",
        says="a creation that says nothing of a length", steps=(create("a", _NO, length=None),),
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
            ),
        )
        for name, value, says in (
            ("large", 1 << 50, "an Upload-Length of a pebibyte"),
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
    _with_metadata("binary", "note " + base64(bytes(range(48))), "a value that is no text"),
    _bad_metadata("not-base64", "note %%%", "a value that is not Base64"),
    _bad_metadata("twice", "note aGVsbG8=,note d29ybGQ=", "a key that stands there twice"),
    _bad_metadata("no-key", " aGVsbG8=", "an empty key"),
    _bad_metadata("spaces", "note aGVsbG8= d29ybGQ=", "a pair of three parts"),
    _bad_metadata("not-ascii", "n\u00f6te aGVsbG8=", "a key that is not ASCII"),
    Case(
        name="metadata-none", chapter="creation", says="a creation without metadata",
        steps=(
            create("a", Expect(rule=METADATA_TAKEN, claim=client_error),
                   more={"Upload-Metadata": None}),
        ),
    ),
)  # fmt: skip

_DEFER = ("creation", "creation-defer-length")
_LATER = {"Upload-Defer-Length": "1"}


def _defer(
    name: str,
    says: str,
    *steps: Step,
    needs: tuple[str, ...] = _DEFER,
    holds: tuple[Holds, ...] = (),
) -> Case:
    return Case(name=name, chapter="defer-length", says=says, steps=steps, needs=needs, holds=holds)


_DEFERRED = (
    _defer(
        "defer", "a length that comes with the last PATCH",
        create("a", Expect(rule=DEFERRED, claim=status(201)), length=None, more=dict(_LATER)),
        head("a", Expect(rule=DEFERRED_TOLD, claim=all_of(success, says("Upload-Defer-Length", "1"))),
             Expect(rule=DEFERRED_NO_LENGTH, claim=lacks("Upload-Length"))),
        patch("a", 0, b"hello", *accepted(5)),
        head("a", stands_at(5),
             Expect(rule=DEFERRED_TOLD, claim=says("Upload-Defer-Length", "1")),
             Expect(rule=DEFERRED_NO_LENGTH, claim=lacks("Upload-Length"))),
        patch("a", 5, b" world", *accepted(11), more={"Upload-Length": "11"}),
        head("a", complete(11)),
        holds=holding(),
    ),
    _defer(
        "defer-settled", "a length that comes with the first PATCH",
        create("a", length=None, more=dict(_LATER)),
        patch("a", 0, b"hello", *accepted(5), more={"Upload-Length": "11"}),
        head("a", Expect(rule=SETTLED, claim=all_of(success, says("Upload-Length", "11"))),
             Expect(rule=SETTLED_TOLD, claim=lacks("Upload-Defer-Length"))),
        patch("a", 5, b" world", *accepted(11)),
        head("a", complete(11)),
    ),
    _defer(
        "defer-empty-patch", "a length that comes with a PATCH without bytes",
        create("a", length=None, more=dict(_LATER)),
        patch("a", 0, b"", Expect(rule=SETTLED, claim=client_error), more={"Upload-Length": "11"}),
        head("a", Expect(rule=SETTLED, claim=all_of(success, says("Upload-Length", "11")),
                         when=after_ok)),
    ),
    *(
        _defer(
            f"defer-{name}", f"a length that is set, and then a {name} one",
            create("a", length=None, more=dict(_LATER)),
            patch("a", 0, b"hello", *accepted(5), more={"Upload-Length": "11"}),
            patch("a", 5, b" wo", Expect(rule=IMMUTABLE_REFUSED, claim=not_accepted),
                  more={"Upload-Length": value}),
            head("a", Expect(rule=IMMUTABLE, claim=all_of(success, says("Upload-Length", "11")))),
        )
        for name, value in (("longer", "20"), ("shorter", "9"))
    ),
    _defer(
        "defer-not", "an upload whose length is not deferred",
        create("a"), head("a", Expect(rule=SETTLED_TOLD, claim=lacks("Upload-Defer-Length"))),
        needs=("creation",),
    ),
    _defer(
        "defer-both", "a creation with a length that is also deferred",
        create("a", _NO, more=dict(_LATER)),
    ),
    *(
        _defer(
            f"defer-value-{name}", f"a creation with Upload-Defer-Length: {value}",
            create("a", Expect(rule=BAD_DEFER, claim=status(400)), length=None,
                   more={"Upload-Defer-Length": value}),
        )
        for name, value in (("zero", "0"), ("two", "2"), ("word", "true"))
    ),
    _defer(
        "defer-too-short", "a length that is less than what is there already",
        create("a", length=None, more=dict(_LATER)),
        patch("a", 0, b"hello", *accepted(5)),
        patch("a", 5, b"", Expect(rule=TOO_SHORT, claim=client_refusal),
              more={"Upload-Length": "3"}),
        head("a", Expect(rule=PATCH_BOUNDED, claim=_within_its_length)),
    ),
    Case(
        name="defer-unsupported", chapter="defer-length", says="a deferred length that is not offered",
        lacks=("creation-defer-length",),
        steps=(create("a", Expect(rule=UNSUPPORTED, claim=not_served), length=None,
                      more=dict(_LATER)),),
    ),
)  # fmt: skip

_UPLOAD = ("creation", "creation-with-upload")


def _carrying(
    name: str,
    says: str,
    *steps: Step,
    needs: tuple[str, ...] = _UPLOAD,
    holds: tuple[Holds, ...] = (),
) -> Case:
    return Case(
        name=name, chapter="creation-with-upload", says=says, steps=steps, needs=needs, holds=holds
    )


_WITH_UPLOAD = (
    _carrying(
        "with-upload", "a creation that carries the first bytes",
        create("a", Expect(rule=CARRIED, claim=all_of(status(201), has("Upload-Offset"),
                                                      offset_at_most(5))),
               Expect(rule=CARRIED_ALL, claim=offset(5)), body=b"hello"),
        head("a", Expect(rule=CARRIED, claim=_carried_offset, when=_told_by_201)),
        patch("a", 5, b" world", *accepted(11)),
        head("a", complete(11)),
        holds=holding(),
    ),
    _carrying(
        "with-upload-whole", "a creation that carries everything",
        create("a", Expect(rule=CARRIED, claim=all_of(status(201), has("Upload-Offset"),
                                                      offset_at_most(11))),
               Expect(rule=CARRIED_ALL, claim=offset(11)), body=b"hello world"),
        head("a", complete(11)),
        holds=holding(),
    ),
    _carrying(
        "with-upload-chunked", "a creation whose body has no length",
        create("a", Expect(rule=CARRIED, claim=all_of(has("Upload-Offset"), offset_at_most(5)),
                           when=ok),
               Expect(rule=CARRIED_ALL, claim=all_of(success, offset(5))),
               body=b"hello", framing="chunked"),
        head("a", Expect(rule=CARRIED, claim=_carried_offset, when=_told_by_201)),
    ),
    _carrying(
        "with-upload-expect", "a creation that asks first, with Expect: 100-continue",
        create("a", Expect(rule=CARRIED, claim=all_of(has("Upload-Offset"), offset_at_most(5)),
                           when=ok),
               Expect(rule=CARRIED_ALL, claim=all_of(success, offset(5))),
               body=b"hello", more={"Expect": "100-continue"}),
        head("a", Expect(rule=CARRIED, claim=_carried_offset, when=_told_by_201)),
    ),
    _carrying(
        "with-upload-none", "a creation that may carry bytes and carries none",
        create("a", _201, more={"Content-Type": "application/offset+octet-stream"}),
        head("a", stands_at(0)),
        patch("a", 0, b"hello world", *accepted(11)),
    ),
    _carrying(
        "with-upload-content-type", "a creation with a body of another content type",
        create("a", Expect(rule=CARRIED_TYPE, claim=client_error), body=b"hello",
               more={"Content-Type": "text/plain"}),
        head("a", Expect(rule=CARRIED_TYPE, claim=offset_at_most(0), when=after_ok)),
    ),
    _carrying(
        "with-upload-past-end", "a creation with a body longer than its length",
        create("a", Expect(rule=CARRIED_PAST_END, claim=client_error), length=5,
               body=b"hello world", silence=True),
        head("a", Expect(rule=PATCH_BOUNDED, claim=offset_at_most(5), when=after_ok)),
    ),
    _carrying(
        "with-upload-deferred", "a creation with the first bytes and without a length",
        create("a", Expect(rule=CARRIED, claim=all_of(status(201), has("Upload-Offset"),
                                                      offset_at_most(5))),
               length=None, body=b"hello", more=dict(_LATER)),
        head("a", Expect(rule=CARRIED, claim=_carried_offset, when=_told_by_201),
             Expect(rule=DEFERRED_TOLD, claim=says("Upload-Defer-Length", "1"))),
        needs=(*_UPLOAD, "creation-defer-length"),
    ),
    Case(
        name="with-upload-unsupported", chapter="creation-with-upload",
        says="a creation with a body where that is not offered", lacks=("creation-with-upload",),
        steps=(create("a", Expect(rule=UNSUPPORTED, claim=not_served), body=b"hello",
                      silence=True),),
    ),
)  # fmt: skip

CASES = (*_CREATION, *_DEFERRED, *_WITH_UPLOAD)

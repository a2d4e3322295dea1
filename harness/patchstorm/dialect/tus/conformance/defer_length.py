"""The extension creation-defer-length."""

from __future__ import annotations

from hashlib import sha1
from typing import Literal

from patchstorm.dialect.cases.claims import (
    NUMBER,
    after_ok,
    all_of,
    client_error,
    client_refusal,
    lacks,
    not_accepted,
    not_served,
    ok,
    says,
    status,
    success,
)
from patchstorm.dialect.cases.model import Case, Expect, Holds, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import (
    PATCH_BOUNDED,
    accepted,
    complete,
    holding,
    stands_at,
)
from patchstorm.dialect.tus.conformance.creation import LATER, REFUSED_LENGTH, UNSUPPORTED
from patchstorm.dialect.tus.conformance.fields import offset_at_most
from patchstorm.dialect.tus.conformance.requests import (
    base64,
    create,
    head,
    patch,
)

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

AGAIN = Rule(
    name="defer.again", level="must", section="Creation, POST (b); Requests, PATCH",
    says="the PATCH that brings the last bytes and the length changes nothing when it is sent once more",
)  # fmt: skip
UNTOUCHED = Rule(
    name="defer.untouched", level="must", section="Requests, PATCH; Creation, POST (b); Checksum",
    says="a PATCH that is refused with 409, or for its checksum with 460 or 400, sets no length either: it "
    "leaves the upload as it was",
)  # fmt: skip

RULES = (
    AGAIN, UNTOUCHED, DEFERRED, DEFERRED_TOLD, DEFERRED_NO_LENGTH, SETTLED, SETTLED_TOLD, IMMUTABLE,
    IMMUTABLE_REFUSED, BAD_DEFER, TOO_SHORT,
)  # fmt: skip


def _after_conflict(view: View) -> bool:
    """The request before this one was not at the current offset."""
    return view.last.status == 409


def _after_mismatch(view: View) -> bool:
    """The request before this one was refused for its checksum."""
    return view.last.status in (400, 460)


_still_open = all_of(success, says("Upload-Defer-Length", "1"), lacks("Upload-Length"))
_as_it_was = all_of(says("Upload-Offset", "11"), says("Upload-Length", "11"))


def _within_its_length(view: View) -> str | None:
    length = view.header("Upload-Length")
    if length is None or not NUMBER.fullmatch(length):
        return None
    return offset_at_most(int(length))(view)


_DEFER = ("creation", "creation-defer-length")


def _defer(
    name: str,
    says: str,
    *steps: Step,
    needs: tuple[str, ...] = _DEFER,
    holds: tuple[Holds, ...] = (),
    reading: Literal["any", "sequential"] = "any",
) -> Case:
    return Case(
        name=name, chapter="defer-length", says=says, steps=steps, needs=needs, holds=holds,
        reading=reading,
    )  # fmt: skip


CASES = (
    _defer(
        "defer", "a length that comes with the last PATCH",
        create("a", Expect(rule=DEFERRED, claim=status(201)), length=None, more=dict(LATER)),
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
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"hello", *accepted(5), more={"Upload-Length": "11"}),
        head("a", Expect(rule=SETTLED, claim=all_of(success, says("Upload-Length", "11"))),
             Expect(rule=SETTLED_TOLD, claim=lacks("Upload-Defer-Length"))),
        patch("a", 5, b" world", *accepted(11)),
        head("a", complete(11)),
    ),
    _defer(
        "defer-empty-patch", "a length that comes with a PATCH without bytes",
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"", Expect(rule=SETTLED, claim=client_error), more={"Upload-Length": "11"}),
        head("a", Expect(rule=SETTLED, claim=all_of(success, says("Upload-Length", "11")),
                         when=after_ok)),
    ),
    *(
        _defer(
            f"defer-{name}", f"a length that is set, and then a {name} one",
            create("a", length=None, more=dict(LATER)),
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
        create("a", REFUSED_LENGTH, more=dict(LATER)),
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
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"hello", *accepted(5)),
        patch("a", 5, b"", Expect(rule=TOO_SHORT, claim=client_refusal),
              more={"Upload-Length": "3"}),
        head("a", Expect(rule=PATCH_BOUNDED, claim=_within_its_length)),
    ),
    _defer(
        "defer-refused", "a length that comes with a PATCH at another than the current offset",
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"hello", *accepted(5)),
        patch("a", 7, b"rld", Expect(rule=UNTOUCHED, claim=client_error), more={"Upload-Length": "10"}),
        head("a", Expect(rule=UNTOUCHED, claim=_still_open, when=_after_conflict)),
        patch("a", 5, b" world", *accepted(11), more={"Upload-Length": "11"}),
        head("a", complete(11)),
        reading="sequential",
        holds=holding(),
    ),
    _defer(
        "defer-refused-sum", "a length that comes with a PATCH whose checksum is wrong",
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"hello", Expect(rule=UNTOUCHED, claim=client_refusal),
              more={"Upload-Length": "5", "Upload-Checksum": f"sha1 {base64(sha1(b'HELLO').digest())}"}),
        head("a", Expect(rule=UNTOUCHED, claim=_still_open, when=_after_mismatch)),
        patch("a", 0, b"hello world", *accepted(11), more={"Upload-Length": "11"}),
        head("a", complete(11)),
        needs=(*_DEFER, "checksum"),
        holds=holding(),
    ),
    _defer(
        "defer-last-again", "the PATCH that brings the last bytes and the length, sent once more",
        create("a", length=None, more=dict(LATER)),
        patch("a", 0, b"hello", *accepted(5)),
        patch("a", 5, b" world", *accepted(11), more={"Upload-Length": "11"}),
        patch("a", 5, b" world", Expect(rule=AGAIN, claim=client_error), more={"Upload-Length": "11"}),
        head("a", Expect(rule=AGAIN, claim=_as_it_was, when=ok)),
        holds=holding(),
    ),
    Case(
        name="defer-unsupported", chapter="defer-length", says="a deferred length that is not offered",
        lacks=("creation-defer-length",),
        steps=(create("a", Expect(rule=UNSUPPORTED, claim=not_served), length=None,
                      more=dict(LATER)),),
    ),
)  # fmt: skip

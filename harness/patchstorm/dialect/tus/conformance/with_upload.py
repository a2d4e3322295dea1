"""The extension creation-with-upload."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    after_ok,
    all_of,
    client_error,
    has,
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
from patchstorm.dialect.tus.conformance.creation import CREATED_201, LATER, UNSUPPORTED
from patchstorm.dialect.tus.conformance.defer_length import DEFERRED_TOLD
from patchstorm.dialect.tus.conformance.fields import offset, offset_at_most
from patchstorm.dialect.tus.conformance.requests import (
    create,
    head,
    patch,
)

CARRIED = Rule(
    name="with-upload.offset", level="must", section="Creation With Upload",
    says="201 to a creation with a body carries Upload-Offset, and HEAD says the same",
)  # fmt: skip
CARRIED_ALL = Rule(
    name="with-upload.accepts", level="should", section="Creation With Upload",
    says="a creation with a body is accepted with all of its bytes",
)  # fmt: skip
CARRIED_NONE = Rule(
    name="with-upload.none", level="should", section="Creation With Upload",
    says="201 to a creation of the type application/offset+octet-stream carries Upload-Offset, bytes or not",
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
    CARRIED, CARRIED_ALL, CARRIED_NONE, CARRIED_TYPE, CARRIED_PAST_END,
)  # fmt: skip


def _carried_offset(view: View) -> str | None:
    found = view.header("Upload-Offset")
    told = view.last.headers.get("upload-offset")
    return (
        None if found == told else f"was answered with Upload-Offset: {found}, the 201 with {told}"
    )


def _told_by_201(view: View) -> bool:
    return view.here.ok and view.last.ok and "upload-offset" in view.last.headers


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


CASES = (
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
        create("a", CREATED_201, Expect(rule=CARRIED_NONE, claim=offset(0), when=ok),
               more={"Content-Type": "application/offset+octet-stream"}),
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
               length=None, body=b"hello", more=dict(LATER)),
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

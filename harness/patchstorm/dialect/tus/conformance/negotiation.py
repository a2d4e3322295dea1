"""The core protocol: OPTIONS, versions, and the method that a header overrides."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import (
    after_refusal,
    all_of,
    client_error,
    if_given,
    lacks,
    listed,
    lists,
    not_accepted,
    number,
    refused,
    status,
    success,
)
from patchstorm.dialect.cases.model import Case, Expect, Rule, View
from patchstorm.dialect.tus.conformance.core import stands_at
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import (
    VERSION,
    create,
    delete,
    disguised,
    head,
    options,
    overridden,
    patch,
)

WRONG_VERSION = "0.0.9"

OPTIONS_STATUS = Rule(
    name="options.status", level="must", section="Requests, OPTIONS",
    says="OPTIONS is answered 204 or 200",
)  # fmt: skip
OPTIONS_VERSION = Rule(
    name="options.version", level="must", section="Headers, Tus-Version",
    says="OPTIONS is answered with Tus-Version, a list that names 1.0.0",
)  # fmt: skip
OPTIONS_EXTENSION = Rule(
    name="options.extension", level="must", section="Headers, Tus-Extension",
    says="Tus-Extension, where it is given, is a list of names, never an empty one",
)  # fmt: skip
OPTIONS_MAX_SIZE = Rule(
    name="options.max-size", level="must", section="Headers, Tus-Max-Size",
    says="Tus-Max-Size, where it is given, is a non-negative integer",
)  # fmt: skip
OPTIONS_IGNORES = Rule(
    name="options.ignores-version", level="must", section="Requests, OPTIONS",
    says="OPTIONS with a Tus-Resumable that is not supported is answered all the same",
)  # fmt: skip
ANNOUNCED = Rule(
    name="options.announces", level="must", section="Protocol Extensions",
    says="what the target's description claims stands in Tus-Extension (expiration where a "
    "lifetime was asked for)",
)  # fmt: skip
VERSION_REFUSED = Rule(
    name="version.refused", level="must", section="Headers, Tus-Resumable",
    says="a request of a version that is not supported is answered 412",
)  # fmt: skip
VERSION_UNPROCESSED = Rule(
    name="version.unprocessed", level="must", section="Headers, Tus-Resumable",
    says="a request of a version that is not supported changes and creates nothing",
)  # fmt: skip
VERSION_MISSING = Rule(
    name="version.missing", level="open", section="Headers, Tus-Resumable",
    says="a request without Tus-Resumable is served, or refused with 4xx (412, say)",
)  # fmt: skip
OVERRIDE = Rule(
    name="override.obeyed", level="must", section="Headers, X-HTTP-Method-Override",
    says="X-HTTP-Method-Override is taken for the method",
)  # fmt: skip
OVERRIDE_WINS = Rule(
    name="override.wins", level="must", section="Headers, X-HTTP-Method-Override",
    says="where X-HTTP-Method-Override is given the actual method has no effect, whatever it is",
)  # fmt: skip

RULES = (
    OPTIONS_STATUS, OPTIONS_VERSION, OPTIONS_EXTENSION, OPTIONS_MAX_SIZE, OPTIONS_IGNORES,
    ANNOUNCED, VERSION_REFUSED, VERSION_UNPROCESSED, VERSION_MISSING, OVERRIDE, OVERRIDE_WINS,
)  # fmt: skip


def _announced(view: View) -> str | None:
    found = set(listed(view.header("Tus-Extension") or ""))
    wanted = {name for name in view.terms.claimed if ":" not in name}
    if not view.terms.lifetime:  # a server may have it only where it was started to expire uploads
        wanted.discard("expiration")
    missing = sorted(wanted - found)
    return f"was answered without {', '.join(missing)} in Tus-Extension" if missing else None


def _deleted(view: View) -> str | None:
    """As DELETE is answered: without an offset, which only PATCH gives."""
    return all_of(status(204), lacks("Upload-Offset"))(view)


_OPTIONS = (
    Expect(rule=OPTIONS_STATUS, claim=status(200, 204)),
    Expect(rule=OPTIONS_VERSION, claim=lists("Tus-Version", VERSION)),
    Expect(rule=OPTIONS_EXTENSION, claim=if_given("Tus-Extension", lists("Tus-Extension"))),
    Expect(rule=OPTIONS_MAX_SIZE, claim=number("Tus-Max-Size")),
    Expect(rule=ANNOUNCED, claim=_announced),
)
_412 = Expect(rule=VERSION_REFUSED, claim=status(412))
NOTHING_DONE = Expect(
    rule=VERSION_UNPROCESSED, claim=all_of(success, offset(0)), when=after_refusal
)
_OTHER = {"Tus-Resumable": WRONG_VERSION}
_NO_VERSION = {"Tus-Resumable": None}
_SERVED = Expect(rule=VERSION_MISSING, claim=client_error)

OPTIONS_CASE = Case(
    name="options", chapter="core", says="OPTIONS tells what is served", needs=(),
    steps=(options(*_OPTIONS),),
)  # fmt: skip

CASES = (
    OPTIONS_CASE,
    Case(
        name="options-version-ignored", chapter="core", needs=(),
        says="OPTIONS with a version that nobody supports",
        steps=(
            options(Expect(rule=OPTIONS_IGNORES, claim=status(200, 204)), more=dict(_OTHER)),
        ),
    ),
    Case(
        name="version-post", chapter="core", says="POST of another version",
        steps=(
            create(
                "a", _412,
                Expect(rule=VERSION_UNPROCESSED, claim=lacks("Location"), when=refused),
                more=dict(_OTHER),
            ),
        ),
    ),
    Case(
        name="version-head", chapter="core", says="HEAD of another version",
        steps=(create("a"), head("a", _412, more=dict(_OTHER))),
    ),
    Case(
        name="version-patch", chapter="core", says="PATCH of another version",
        steps=(
            create("a"),
            patch("a", 0, b"hello", _412, more=dict(_OTHER)),
            head("a", NOTHING_DONE),
        ),
    ),
    Case(
        name="version-delete", chapter="core", says="DELETE of another version",
        needs=("creation", "termination"),
        steps=(create("a"), delete("a", _412, more=dict(_OTHER)), head("a", NOTHING_DONE)),
    ),
    Case(
        name="version-missing", chapter="core", says="requests that name no version",
        steps=(
            create("b", _SERVED, more=dict(_NO_VERSION)),
            create("a"),
            head("a", _SERVED, more=dict(_NO_VERSION)),
            patch("a", 0, b"hello", _SERVED, more=dict(_NO_VERSION)),
        ),
    ),
    Case(
        name="version-missing-delete", chapter="core", says="a DELETE that names no version",
        needs=("creation", "termination"),
        steps=(create("a"), delete("a", _SERVED, more=dict(_NO_VERSION))),
    ),
    Case(
        name="override-patch", chapter="core", says="PATCH in the guise of POST",
        steps=(
            create("a"),
            overridden(
                patch("a", 0, b"hello", Expect(rule=OVERRIDE, claim=all_of(status(204), offset(5)))),
                "POST",
            ),
            head("a", stands_at(5)),
        ),
    ),
    Case(
        name="override-delete", chapter="core", says="DELETE in the guise of POST",
        needs=("creation", "termination"),
        steps=(
            create("a"),
            overridden(delete("a", Expect(rule=OVERRIDE, claim=status(204))), "POST"),
            head("a", Expect(rule=OVERRIDE, claim=not_accepted)),
        ),
    ),
    Case(
        name="override-wins-delete", chapter="core", says="a DELETE that says it is a PATCH",
        needs=("creation", "termination"),
        steps=(
            create("a"),
            overridden(
                patch("a", 0, b"hello", Expect(rule=OVERRIDE_WINS, claim=all_of(status(204), offset(5)))),
                "DELETE",
            ),
            head("a", Expect(rule=OVERRIDE_WINS, claim=all_of(success, offset(5)))),
        ),
    ),
    Case(
        name="override-wins-patch", chapter="core", says="a PATCH that says it is a DELETE",
        needs=("creation", "termination"),
        steps=(
            create("a"),
            disguised(patch("a", 0, b"hello", Expect(rule=OVERRIDE_WINS, claim=_deleted)), "DELETE"),
            head("a", Expect(rule=OVERRIDE_WINS, claim=not_accepted)),
        ),
    ),
)  # fmt: skip

"""The extension expiration."""

from __future__ import annotations

from datetime import datetime

from patchstorm.dialect.cases.claims import DATE, gone, has, ok, one_of, status, success
from patchstorm.dialect.cases.model import Case, Expect, Rule, View
from patchstorm.dialect.tus.conformance.core import PATCH_ACCEPTED, PATCH_SUM
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import create, head, patch

RETURN_MS = 3_500
"""How long after the creation somebody comes back: two seconds of life, the second that dates are rounded
to, and a margin."""

EXPIRES_PATCH = Rule(
    name="expires.patch", level="must", section="Expiration, Upload-Expires",
    says="every PATCH of an upload that is going to expire is answered with Upload-Expires",
)  # fmt: skip
EXPIRES_POST = Rule(
    name="expires.post", level="open", section="Expiration, Upload-Expires",
    says="the creation of an upload that will expire is answered with Upload-Expires, unless only a "
    "PATCH settles when",
)  # fmt: skip
EXPIRES_FUTURE = Rule(
    name="expires.future", level="should", section="Expiration, Upload-Expires",
    says="Upload-Expires of a living upload is not in the past of the answer's own Date",
)  # fmt: skip
EXPIRED = Rule(
    name="expires.gone", level="should", section="Expiration, Upload-Expires",
    says="what has expired and was removed is answered 404 or 410",
)  # fmt: skip

RULES = (EXPIRES_PATCH, EXPIRES_POST, EXPIRES_FUTURE, EXPIRED)

_FORMAT = "%a, %d %b %Y %H:%M:%S GMT"


def _going_to_expire(view: View) -> bool:
    """A lifetime was asked for, or the creation has named the expiry itself."""
    named = any("upload-expires" in one.headers for one in view.before)
    return view.here.ok and (view.terms.lifetime or named)


def _known_at_creation(view: View) -> bool:
    """A lifetime was asked for; that the first PATCH only settles when it ends is left to the server."""
    return view.here.ok and view.terms.lifetime


def _dated(view: View) -> bool:
    found = (view.header("Date") or "", view.header("Upload-Expires") or "")
    return view.here.ok and all(DATE.fullmatch(value) for value in found)


def _future(view: View) -> str | None:
    now, expires = (_seconds(view.header(name) or "") for name in ("Date", "Upload-Expires"))
    if now is None or expires is None or expires >= now:
        return None
    return f"was answered with Upload-Expires: {view.header('Upload-Expires')}, already past"


def _seconds(text: str) -> float | None:
    try:
        return datetime.strptime(f"{text} +0000", f"{_FORMAT} %z").timestamp()
    except ValueError:
        return None


def _in_time(view: View) -> str | None:
    """Accepted, unless its short time is over: a busy machine may have taken longer."""
    if view.terms.lifetime and gone(view) is None:
        return None
    return success(view)


def _accepted(value: int) -> tuple[Expect, ...]:
    return (
        Expect(rule=PATCH_ACCEPTED, claim=_in_time, stops=True),
        Expect(rule=PATCH_SUM, claim=offset(value), when=ok),
    )


_PATCH = (
    *_accepted(5),
    Expect(rule=EXPIRES_PATCH, claim=has("Upload-Expires"), when=_going_to_expire),
    Expect(rule=EXPIRES_FUTURE, claim=_future, when=_dated),
)
_POST = (
    Expect(rule=EXPIRES_POST, claim=has("Upload-Expires"), when=_known_at_creation),
    Expect(rule=EXPIRES_FUTURE, claim=_future, when=_dated),
)
_GONE = Expect(rule=EXPIRED, claim=one_of(status(404, 410), success))
_NEEDS = ("creation", "expiration")

CASES = (
    Case(
        name="expires-announced", chapter="expiration", needs=_NEEDS,
        says="answers about an upload that will expire",
        steps=(create("a", *_POST), patch("a", 0, b"hello", *_PATCH)),
    ),
    Case(
        name="expires-each-patch", chapter="expiration", needs=_NEEDS,
        says="every PATCH tells when the upload expires",
        steps=(
            create("a", *_POST),
            patch("a", 0, b"hello", *_PATCH),
            patch("a", 5, b" w", *_accepted(7),
                  Expect(rule=EXPIRES_PATCH, claim=has("Upload-Expires"), when=_going_to_expire)),
        ),
    ),
    Case(
        name="expired", chapter="expiration", needs=_NEEDS, lifetime=True,
        says="somebody comes back when the upload has expired, and begins anew",
        steps=(
            create("a"),
            patch("a", 0, b"hello", *_PATCH),
            head("a", _GONE, wait_ms=RETURN_MS),
            patch("a", 5, b" world", _GONE),
            create("b"),
            patch("b", 0, b"hello", *_accepted(5)),
        ),
    ),
)  # fmt: skip

"""What is demanded of every answer, whatever it answers."""

from __future__ import annotations

from patchstorm.dialect.cases.claims import date, has, lists, number, says, status
from patchstorm.dialect.cases.model import Expect, Rule, View
from patchstorm.dialect.tus.conformance.requests import VERSION
from patchstorm.dialect.tus.forms import FORM

HTTP_ONLY = frozenset({401, 408, 411, 414, 417, 421, 426, 429, 431})
"""Refusals that may come from before the target, by a proxy or an HTTP library."""

RESUMABLE_OK = Rule(
    name="resumable.success", level="must", section="Headers, Tus-Resumable",
    says="every success but that of OPTIONS carries Tus-Resumable: 1.0.0",
)  # fmt: skip
RESUMABLE_REFUSED = Rule(
    name="resumable.refusal", level="must", section="Headers, Tus-Resumable",
    says="every refusal (4xx) carries Tus-Resumable: 1.0.0, too",
)  # fmt: skip
OFFSET_NUMBER = Rule(
    name="offset.number", level="must", section="Headers, Upload-Offset",
    says="Upload-Offset is a non-negative integer wherever it is given",
)  # fmt: skip
LENGTH_NUMBER = Rule(
    name="length.number", level="must", section="Headers, Upload-Length",
    says="Upload-Length is a non-negative integer wherever it is given",
)  # fmt: skip
EXPIRES_DATE = Rule(
    name="expires.date", level="must", section="Expiration, Upload-Expires",
    says="Upload-Expires is a date of RFC 7231 (IMF-fixdate) wherever it is given",
)  # fmt: skip
HEAD_OFFSET = Rule(
    name="head.offset", level="must", section="Requests, HEAD",
    says="a HEAD that finds its upload is answered with Upload-Offset",
)  # fmt: skip
HEAD_LENGTH = Rule(
    name="head.length", level="must", section="Requests, HEAD",
    says="a HEAD of an upload whose size is known is answered with Upload-Length",
)  # fmt: skip
HEAD_NO_STORE = Rule(
    name="head.no-store", level="must", section="Requests, HEAD",
    says="a HEAD that finds its upload is answered with Cache-Control: no-store",
)  # fmt: skip
PATCH_STATUS = Rule(
    name="patch.status", level="must", section="Requests, PATCH",
    says="a PATCH that succeeds is answered 204",
)  # fmt: skip
PATCH_OFFSET = Rule(
    name="patch.offset", level="must", section="Requests, PATCH",
    says="a PATCH that succeeds is answered with Upload-Offset",
)  # fmt: skip
VERSIONS_TOLD = Rule(
    name="version.told", level="must", section="Headers, Tus-Resumable",
    says="412 for a version that is not supported carries Tus-Version",
)  # fmt: skip
ALLOW = Rule(
    name="http.allow", level="should", section="RFC 9110, 15.5.6",
    says="405 carries Allow",
)  # fmt: skip
ANSWERED = Rule(
    name="http.answered", level="should", section="RFC 9110, 3.4",
    says="a request that HTTP has nothing against is answered, and not met by a closed connection",
)  # fmt: skip
SERVER_ERROR = Rule(
    name="http.server-error", level="should", section="RFC 9110, 15.5 and 15.6",
    says="what a client asks wrongly is refused with 4xx; 5xx is for a server that failed",
)  # fmt: skip

RULES = (
    RESUMABLE_OK, RESUMABLE_REFUSED, OFFSET_NUMBER, LENGTH_NUMBER, EXPIRES_DATE, HEAD_OFFSET,
    HEAD_LENGTH, HEAD_NO_STORE, PATCH_STATUS, PATCH_OFFSET, VERSIONS_TOLD, ALLOW, ANSWERED,
    SERVER_ERROR,
)  # fmt: skip


def _of_tus(view: View) -> bool:
    return view.here.step.acts_as not in ("OPTIONS", "GET") and not view.here.step.odd


def _tus_success(view: View) -> bool:
    return _of_tus(view) and view.here.ok


def _tus_refusal(view: View) -> bool:
    return _of_tus(view) and 400 <= view.status < 500 and view.status not in HTTP_ONLY


def _plain(view: View, method: str) -> bool:
    """A success of this method; where a method is overridden, whether it was is another rule's."""
    step = view.here.step
    own = FORM not in step.to  # what was made of an upload's URL is no upload
    return own and step.method == step.acts_as == method and view.here.ok


def _head_ok(view: View) -> bool:
    return _plain(view, "HEAD")


def _patch_ok(view: View) -> bool:
    return _plain(view, "PATCH")


def _finished_or_plain(view: View) -> bool:
    """Not the HEAD of a final upload that is still being joined: its offset is not defined."""
    return _head_ok(view) and not (view.header("Upload-Concat") or "").startswith("final")


def _sized(view: View) -> bool:
    return _finished_or_plain(view) and view.header("Upload-Defer-Length") is None


def _unsupported(view: View) -> bool:
    version = view.here.request("Tus-Resumable")
    return view.status == 412 and version not in (None, VERSION)


def _no_store(view: View) -> str | None:
    found = view.header("Cache-Control")
    if found is None:
        return f"was answered {view.status} without Cache-Control"
    directives = [part.strip().lower() for part in found.split(",")]
    return None if "no-store" in directives else f"was answered with Cache-Control: {found}"


def _not_by_the_server(view: View) -> str | None:
    return f"was answered {view.status}" if view.status >= 500 else None


def _other_than_method(view: View) -> bool:
    return view.status != 501  # RFC 9110, 9.1: the answer to a method nobody knows


ALWAYS: tuple[Expect, ...] = (
    Expect(rule=RESUMABLE_OK, claim=says("Tus-Resumable", VERSION), when=_tus_success),
    Expect(rule=RESUMABLE_REFUSED, claim=says("Tus-Resumable", VERSION), when=_tus_refusal),
    Expect(rule=OFFSET_NUMBER, claim=number("Upload-Offset")),
    Expect(rule=LENGTH_NUMBER, claim=number("Upload-Length")),
    Expect(rule=EXPIRES_DATE, claim=date("Upload-Expires")),
    Expect(rule=HEAD_OFFSET, claim=has("Upload-Offset"), when=_finished_or_plain),
    Expect(rule=HEAD_LENGTH, claim=has("Upload-Length"), when=_sized),
    Expect(rule=HEAD_NO_STORE, claim=_no_store, when=_head_ok),
    Expect(rule=PATCH_STATUS, claim=status(204), when=_patch_ok),
    Expect(rule=PATCH_OFFSET, claim=has("Upload-Offset"), when=_patch_ok),
    Expect(rule=VERSIONS_TOLD, claim=lists("Tus-Version", VERSION), when=_unsupported),
    Expect(rule=ALLOW, claim=has("Allow"), when=lambda view: view.status == 405),
    Expect(rule=SERVER_ERROR, claim=_not_by_the_server, when=_other_than_method),
)

"""What a target promises beyond tus 1.0.0, where its description claims it.

tus leaves open where a finished file goes, what an upload's URL is made of, and what a status document is.
A target that claims one of these capabilities is held to what ``docs/scenarios.md`` says of it.
"""

from __future__ import annotations

import re

from patchstorm.dialect.cases.claims import (
    all_of,
    client_refusal,
    lacks,
    lists,
    one_of,
    status,
    success,
)
from patchstorm.dialect.cases.model import UNKNOWN, Case, Claim, Expect, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import accepted
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import (
    RESUMABLE,
    create,
    delete,
    head,
    patch,
)

OWN = frozenset(
    {
        "named-targets",
        "signed-urls",
        "status",
        "behind-proxy",
        "problem-documents",
        "strict-tus",
        "minted-urls",
        "creation-bearer",
        "creation-off",
    }
)
"""The capabilities that are judged here; ``own:NAME`` in a case's needs."""

SIGNED = Rule(
    name="signed.refused", level="must", section="capability signed-urls",
    says="a URL of which a letter was changed, added or taken away is refused with 4xx",
)  # fmt: skip
UNTOUCHED = Rule(
    name="signed.untouched", level="must", section="capability signed-urls",
    says="a request to such a URL changes nothing of the upload",
)  # fmt: skip
CHALLENGE = Rule(
    name="http.challenge", level="must", section="RFC 9110, 15.5.2",
    says="401 carries WWW-Authenticate with a challenge: a scheme and its parameters",
)  # fmt: skip
DOCUMENT = Rule(
    name="status.document", level="must", section="capability status",
    says="GET of the status document is answered 200 with application/json that no cache keeps",
)  # fmt: skip
DOCUMENT_ONLY = Rule(
    name="status.read-only", level="must", section="capability status",
    says="a method that the status document does not have is answered 405 with Allow",
)  # fmt: skip
DOCUMENT_UNKNOWN = Rule(
    name="status.unknown", level="must", section="capability status",
    says="the status document of no upload is refused with 4xx",
)  # fmt: skip
PROXIED = Rule(
    name="proxy.origin", level="must", section="capability behind-proxy",
    says="Location is absolute, with the scheme and host of X-Forwarded-Proto and X-Forwarded-Host",
)  # fmt: skip
HOSTED = Rule(
    name="proxy.host", level="must", section="capability behind-proxy",
    says="where no proxy says anything, Location is absolute with the request's own Host",
)  # fmt: skip
NOT_MIRRORED = Rule(
    name="proxy.checked", level="must", section="capability behind-proxy",
    says="what is no host or no scheme of HTTP does not get into Location",
)  # fmt: skip
FORWARDED = Rule(
    name="proxy.forwarded", level="open", section="capability behind-proxy; RFC 7239, 4",
    says="where a proxy says Forwarded, Location is absolute with the host and proto of its first element, "
    "or passes it over for the request's own Host",
)  # fmt: skip
PROBLEM = Rule(
    name="problem.type", level="must", section="capability problem-documents; RFC 9457",
    says="a refusal is of type application/problem+json",
)  # fmt: skip
RULES = (
    SIGNED, UNTOUCHED, CHALLENGE, DOCUMENT, DOCUMENT_ONLY, DOCUMENT_UNKNOWN,
    PROXIED, HOSTED, NOT_MIRRORED, FORWARDED, PROBLEM,
)  # fmt: skip


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = rf"{_TOKEN}\s*=\s*(?:{_TOKEN}|\"(?:[^\"\\]|\\.)*\")"
_CHALLENGE = rf"{_TOKEN}(?: +{_PARAMETER}(?:\s*,\s*{_PARAMETER})*)?"
_CHALLENGES = re.compile(rf"{_CHALLENGE}(?:\s*,\s*{_CHALLENGE})*", re.ASCII)


def _json(view: View) -> str | None:
    kind, store = view.header("Content-Type") or "", view.header("Cache-Control") or ""
    if not kind.startswith("application/json"):
        return f"was answered with Content-Type: {kind}"
    return None if "no-store" in store else f"was answered with Cache-Control: {store}"


def _problem(view: View) -> str | None:
    kind = view.header("Content-Type") or ""
    if kind.startswith("application/problem+json"):
        return None
    return f"was answered {view.status} with Content-Type: {kind or 'none'}"


def _challenge(view: View) -> str | None:
    """Challenges as RFC 9110, 11.3 writes them; token68 is left out, since no scheme for uploads has it."""
    told = view.header("WWW-Authenticate") or ""
    if _CHALLENGES.fullmatch(told):
        return None
    return f"was answered 401 with WWW-Authenticate: {told or 'none'}"


def _promised(view: View) -> bool:
    return view.here.refused and view.terms.offers("own:problem-documents")


ALWAYS = (
    Expect(rule=PROBLEM, claim=_problem, when=_promised),
    Expect(rule=CHALLENGE, claim=_challenge, when=lambda view: view.status == 401),
)
"""Of every answer."""


_SIGNED = ("creation", "own:signed-urls")
_FORGED = (
    ("changed", UNKNOWN), ("cut", "cut@"), ("unsigned", "unsigned@"), ("retyped", "retyped@"),
    ("claims", "claims@"), ("longer", "longer@"), ("bare", "bare@"), ("empty", "empty@"),
    ("twice", "twice@"), ("garbage", "garbage@"), ("nonsense", "nonsense@"), ("huge", "huge@"),
)  # fmt: skip
_NO = Expect(rule=SIGNED, claim=all_of(client_refusal, lacks("Upload-Offset")))
_SAME = Expect(rule=UNTOUCHED, claim=all_of(success, offset(0)))

_STATUS = ("creation", "own:status")
_PROXY = ("creation", "own:behind-proxy")


_OWN_HOST = "files.example.net:8080"
_OWN_ORIGIN = f"http://{_OWN_HOST}/"


def _get(to: str, *expects: Expect, version: str | None = None) -> Step:
    headers = () if version is None else ((RESUMABLE[0], version),)
    return Step(method="GET", to=to, headers=headers, expects=expects)


def _only(*methods: str) -> tuple[Expect, ...]:
    """405, with these among what is allowed."""
    return (Expect(rule=DOCUMENT_ONLY, claim=all_of(status(405), lists("Allow", *methods))),)


def _begins(prefix: str) -> Claim:
    def claim(view: View) -> str | None:
        found = view.header("Location") or ""
        if found.startswith(prefix):
            return None
        return f"was answered with Location: {found[:60]}, expected {prefix}..."

    return claim


def _keeps_out(text: str) -> Claim:
    def claim(view: View) -> str | None:
        found = view.header("Location") or ""
        return f"was answered with Location: {found[:60]}" if text in found else None

    return claim


def _forwarded(host: str, proto: str) -> dict[str, str | None]:
    return {"X-Forwarded-Host": host, "X-Forwarded-Proto": proto}


CASES = (
    *(
        Case(
            name=f"signed-{name}", chapter="contract", needs=_SIGNED,
            says=f"requests to a URL that was made by hand: {name}",
            steps=(
                create("a"),
                head(to + "a", _NO),
                patch(to + "a", 0, b"hello", _NO),
                delete(to + "a", _NO),
                head("a", _SAME),
            ),
        )
        for name, to in _FORGED
    ),
    *(
        Case(
            name=f"signed-seen-{name}", chapter="contract", needs=_SIGNED,
            says=f"a URL that was made by hand, where the true one has just been served: {name}",
            steps=(
                create("a"),
                head("a", _SAME),
                head(to + "a", _NO, stays=True),
                patch(to + "a", 0, b"hello", _NO, stays=True),
                delete(to + "a", _NO, stays=True),
                head("a", _SAME, stays=True),
            ),
        )
        for name, to in _FORGED
    ),
    Case(
        name="status-document", chapter="contract", needs=_STATUS,
        says="the status document of an upload without bytes, with some, and complete",
        steps=(
            create("a"),
            _get("status@a", Expect(rule=DOCUMENT, claim=all_of(status(200), _json))),
            patch("a", 0, b"hello", *accepted(5)),
            _get("status@a", Expect(rule=DOCUMENT, claim=all_of(status(200), _json)),
                 version="1.0.0"),
            patch("a", 5, b" world", *accepted(11)),
            _get("status@a", Expect(rule=DOCUMENT, claim=all_of(status(200), _json))),
            head("status@a", Expect(rule=DOCUMENT, claim=status(200))),
        ),
    ),
    Case(
        name="status-version", chapter="contract", needs=_STATUS,
        says="the status document, asked for in another version of tus",
        steps=(
            create("a"),
            _get("status@a", Expect(rule=DOCUMENT, claim=status(412)), version="0.0.9"),
        ),
    ),
    Case(
        name="status-unknown", chapter="contract", needs=_STATUS,
        says="the status document of an upload that is not there",
        steps=(
            create("a"), _get("status@?a", Expect(rule=DOCUMENT_UNKNOWN, claim=client_refusal)),
        ),
    ),
    Case(
        name="status-methods", chapter="contract", needs=_STATUS,
        says="POST, PATCH and DELETE of the status document",
        steps=(
            create("a"),
            patch("status@a", 0, b"hello", *_only("GET")),
            delete("status@a", *_only("GET")),
            head("a", _SAME),
        ),
    ),
    Case(
        name="elsewhere", chapter="contract", needs=_STATUS,
        says="a path beside the upload's",
        steps=(
            create("a"),
            head("elsewhere@a", Expect(rule=DOCUMENT_UNKNOWN, claim=status(404))),
            _get("a", *_only("HEAD", "PATCH")),
        ),
    ),
    Case(
        name="proxy-told", chapter="contract", needs=_PROXY,
        says="a creation through a proxy that ends TLS",
        steps=(
            create("a", Expect(rule=PROXIED, claim=_begins("https://files.example.org/")),
                   more=_forwarded("files.example.org", "https")),
            create("b", Expect(rule=PROXIED, claim=_begins("http://[2001:db8::1]:8443/")),
                   more=_forwarded("[2001:db8::1]:8443", "http")),
        ),
    ),
    Case(
        name="proxy-none", chapter="contract", needs=_PROXY,
        says="a creation that no proxy has passed on",
        steps=(
            create("a", Expect(rule=HOSTED, claim=_begins("http://files.example.net:8080/")),
                   more={"Host": "files.example.net:8080"}),
        ),
    ),
    Case(
        name="proxy-nonsense", chapter="contract", needs=_PROXY,
        says="a creation through a proxy that talks nonsense",
        steps=(
            create("a", Expect(rule=NOT_MIRRORED, claim=_keeps_out("evil")),
                   more=_forwarded("evil/../x", "http")),
            create("b", Expect(rule=NOT_MIRRORED, claim=_keeps_out("javascript")),
                   more=_forwarded("files.example.org", "javascript")),
        ),
    ),
    Case(
        name="proxy-forwarded", chapter="contract", needs=_PROXY,
        says="a creation through proxies that say Forwarded",
        steps=tuple(
            create(name, Expect(rule=FORWARDED, claim=one_of(_begins(origin), _begins(_OWN_ORIGIN))),
                   more={"Host": _OWN_HOST, "Forwarded": told})
            for name, told, origin in (
                ("a", "for=192.0.2.1;host=files.example.org;proto=https", "https://files.example.org/"),
                ("b", 'Host="[2001:db8::1]:8443";Proto=http, for=198.51.100.17;host=inner.example',
                 "http://[2001:db8::1]:8443/"),
                ("c", "for=192.0.2.43;proto=https", f"https://{_OWN_HOST}/"),
            )
        ),
    ),
    Case(
        name="proxy-forwarded-nonsense", chapter="contract", needs=_PROXY,
        says="a creation through a proxy whose Forwarded is nonsense",
        steps=tuple(
            create(name, Expect(rule=NOT_MIRRORED, claim=_keeps_out(word)), more={"Forwarded": told})
            for name, told, word in (
                ("a", 'host="evil/../x";proto=http', "evil"),
                ("b", "host=files.example.org;proto=javascript", "javascript"),
                ("c", 'host="evil', "evil"),
            )
        ),
    ),
)  # fmt: skip

"""What a target promises beyond tus 1.0.0, where its description claims it.

tus leaves open where a finished file goes, what an upload's URL is made of, and what a status document is.
A target that claims one of these capabilities is held to what ``docs/scenarios.md`` says of it.
"""

from __future__ import annotations

import re
from dataclasses import replace

from patchstorm.dialect.cases.claims import (
    all_of,
    client_refusal,
    lacks,
    lists,
    not_accepted,
    status,
    success,
)
from patchstorm.dialect.cases.model import UNKNOWN, Case, Claim, Expect, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import accepted
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import (
    RESUMABLE,
    base64,
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

INSIDE = Rule(
    name="names.inside", level="must", section="capability named-targets",
    says="a creation whose name is none, cannot be read or lies outside the root is refused with 4xx",
)  # fmt: skip
NAMED = Rule(
    name="names.taken-over", level="must", section="capability named-targets",
    says="a creation under any other name is accepted, whatever letters it is of",
)  # fmt: skip
OWNED = Rule(
    name="names.owned", level="must", section="capability named-targets",
    says="the name of a published file is refused to others with 409, and what would lie below it with "
    "4xx, unless replacement is asked for",
)  # fmt: skip
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
PROBLEM = Rule(
    name="problem.type", level="must", section="capability problem-documents; RFC 9457",
    says="a refusal is of type application/problem+json",
)  # fmt: skip
RULES = (
    INSIDE, NAMED, OWNED, SIGNED, UNTOUCHED, CHALLENGE, DOCUMENT, DOCUMENT_ONLY, DOCUMENT_UNKNOWN,
    PROXIED, HOSTED, NOT_MIRRORED, PROBLEM,
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


def _named(name: str | bytes, more: str = "") -> dict[str, str | None]:
    raw = name.encode() if isinstance(name, str) else name
    return {"Upload-Metadata": f"filename {base64(raw)}{more}"}


_OUTSIDE: tuple[tuple[str, str | bytes], ...] = (
    ("empty", ""),
    ("absolute", "/etc/patchstorm-was-here"),
    ("above", "../patchstorm-was-here"),
    ("climbing", "a/../../patchstorm-was-here"),
    ("here", "."),
    ("parent", ".."),
    ("dots-inside", "a/./b"),
    ("slashes", "a//b"),
    ("trailing", "a/"),
    ("nul", "a\0b"),
    ("no-text", b"\xff\xfe"),
    ("component", "c" * 256),
    ("path", "/".join(["d" * 200] * 25)),
)
_INSIDE: tuple[tuple[str, str], ...] = (
    ("dots", "..c"),
    ("blanks", "a b.bin"),
    ("letters", "größe/日本.bin"),
    ("component", "e" * 255),
    ("deep", "f/" * 20 + "g"),
)
_NAMES = ("creation", "own:named-targets")
_REFUSED = Expect(rule=INSIDE, claim=client_refusal)
_TAKEN = Expect(rule=OWNED, claim=status(409))
_GIVEN = Expect(rule=OWNED, claim=success)
_BELOW = Expect(rule=OWNED, claim=client_refusal)

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


def _get(to: str, *expects: Expect, version: str | None = None) -> Step:
    headers = () if version is None else ((RESUMABLE[0], version),)
    return Step(method="GET", to=to, headers=headers, expects=expects)


def _try(expect: Expect, more: dict[str, str | None]) -> Step:
    """A creation after which the case goes on, refused or not."""
    return replace(create("", expect, more=more), creates=None)


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
            name=f"name-{name}", chapter="contract", needs=_NAMES,
            says=f"a creation whose name is refused: {name}",
            steps=(create("a", _REFUSED, more=_named(value)),),
        )
        for name, value in _OUTSIDE
    ),
    *(
        Case(
            name=f"name-good-{name}", chapter="contract", needs=_NAMES,
            says=f"a creation under an unusual name: {name}",
            steps=(create("a", Expect(rule=NAMED, claim=success), more=_named(value)),),
        )
        for name, value in _INSIDE
    ),
    Case(
        name="name-own", chapter="contract", needs=_NAMES,
        says="a creation whose name lies among the target's own files",
        steps=(create("a", _REFUSED, more={"Upload-Metadata": "{metadata:own}"}),),
    ),
    Case(
        name="name-none", chapter="contract", needs=_NAMES, says="a creation without a name",
        steps=(create("a", _REFUSED, more={"Upload-Metadata": None}),),
    ),
    *(
        Case(
            name=f"metadata-{name}", chapter="contract", needs=_NAMES,
            says=f"a creation whose metadata is malformed: {name}",
            steps=(create("a", _REFUSED, more={"Upload-Metadata": value}),),
        )
        for name, value in (
            ("no-base64", "filename a.bin"),
            ("twice", "filename YS5iaW4=,filename Yi5iaW4="),
            ("no-key", "filename YS5iaW4=,,"),
        )
    ),
    Case(
        name="name-replace-maybe", chapter="contract", needs=_NAMES,
        says="a creation that asks for replacement neither with true nor with false",
        steps=(create("a", _REFUSED, more=_named("maybe", ",overwrite " + base64(b"maybe"))),),
    ),
    Case(
        name="name-owned", chapter="contract", needs=_NAMES,
        says="the name of a published file, asked for again",
        steps=(
            create("a", more=_named("owned.bin")),
            patch("a", 0, b"hello world", *accepted(11)),
            _try(_TAKEN, more=_named("owned.bin")),
            _try(_TAKEN, more=_named("owned.bin", ",overwrite " + base64(b"false"))),
            _try(_TAKEN, more=_named("owned.bin", ",overwrite " + base64(b"0"))),
            _try(_BELOW, more=_named("owned.bin/below.bin")),
            create("f", Expect(rule=OWNED, claim=success), more=_named("owned.bin", ",overwrite")),
            _try(_GIVEN, more=_named("owned.bin", ",overwrite " + base64(b"TRUE"))),
            _try(_GIVEN, more=_named("owned.bin", ",overwrite " + base64(b"1"))),
            patch("f", 0, b"HELLO WORLD", *accepted(11)),
        ),
    ),
    Case(
        name="name-directory", chapter="contract", needs=_NAMES,
        says="the name of a directory of published files, asked for with and without replacement",
        steps=(
            create("a", more=_named("directory/inside.bin")),
            patch("a", 0, b"hello world", *accepted(11)),
            _try(_TAKEN, more=_named("directory")),
            _try(_TAKEN, more=_named("directory", ",overwrite")),
        ),
    ),
    Case(
        name="name-race", chapter="contract", needs=_NAMES,
        says="two uploads of one name, and the later one's last byte after the name was taken",
        steps=(
            create("a", more=_named("raced.bin")),
            create("b", more=_named("raced.bin")),
            create("c", more=_named("raced.bin/below.bin")),
            patch("a", 0, b"hello world", *accepted(11)),
            patch("b", 0, b"hello world", Expect(rule=OWNED, claim=status(409))),
            head("b", Expect(rule=OWNED, claim=status(409, 410, 423))),
            patch("c", 0, b"hello world", Expect(rule=OWNED, claim=not_accepted)),
        ),
    ),
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
)  # fmt: skip

"""Plain HTTP round tus: odd framing, odd spelling, odd methods. Most of it needs a real socket."""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import (
    all_of,
    client_error,
    client_refusal,
    not_accepted,
    ok,
    one_of,
    status,
    success,
)
from patchstorm.dialect.cases.model import CREATION, Case, Claim, Expect, Rule, Step, View
from patchstorm.dialect.tus.conformance.fields import offset, offset_at_most
from patchstorm.dialect.tus.conformance.negotiation import NOTHING_DONE, WRONG_VERSION
from patchstorm.dialect.tus.conformance.requests import RESUMABLE, create, head, options, patch

NAMES = Rule(
    name="http.header-names", level="should", section="RFC 9110, 5.1",
    says="the names of headers are the same in any case",
)  # fmt: skip
NO_BODY = Rule(
    name="http.no-length", level="should", section="RFC 9112, 6.3",
    says="a POST with neither Content-Length nor Transfer-Encoding has no body, and creates",
)  # fmt: skip
CHUNKED = Rule(
    name="http.chunked", level="should", section="RFC 9112, 7.1",
    says="a PATCH in the chunked coding is stored as far as its chunks reach, or refused with 411",
)  # fmt: skip
CONTINUE = Rule(
    name="http.continue", level="should", section="RFC 9110, 10.1.1",
    says="a PATCH with Expect: 100-continue is answered like any other",
)  # fmt: skip
CONTINUE_EARLY = Rule(
    name="http.continue-refused", level="should", section="RFC 9110, 10.1.1",
    says="and refused like any other",
)  # fmt: skip
BAD_FRAMING = Rule(
    name="http.framing", level="should", section="RFC 9112, 6.3",
    says="a request whose Content-Length is no number, or two different ones, is refused",
)  # fmt: skip
BOTH_FRAMINGS = Rule(
    name="http.both-framings", level="should", section="RFC 9112, 6.1 and 6.3",
    says="of Content-Length and Transfer-Encoding together the latter counts, or the request is refused",
)  # fmt: skip
METHODS = Rule(
    name="http.method", level="should", section="RFC 9110, 9.1 and 15.5.6",
    says="a method that is not served is refused, with 405 or 501 (or 400, 404)",
)  # fmt: skip
REPEATED = Rule(
    name="http.repeated", level="open", section="RFC 9110, 5.3",
    says="a header that stands there twice with two values is refused with 4xx, or one of them counts",
)  # fmt: skip
RIGHT_AFTER = Rule(
    name="http.after", level="must", section="Requests, HEAD",
    says="after an odd request HEAD gives an offset that counts no byte which was not sent for the upload",
)  # fmt: skip

LARGE_HEADER = Rule(
    name="http.large-header", level="open", section="RFC 9110, 5.4",
    says="a very large header is taken, or refused with 4xx (431, say)",
)  # fmt: skip

IDENTITY = Rule(
    name="http.identity", level="open", section="RFC 9110, 8.4.1 and 12.5.3",
    says="a PATCH whose Content-Encoding is identity, in any case, is answered like one without, or refused "
    "with 4xx: nobody should say it",
)  # fmt: skip
FROM_PAGE = Rule(
    name="http.origin", level="open", section="RFC 6454, 7.3; Fetch, 3.3",
    says="requests that a page of another origin sends are answered like any other, or refused with 4xx",
)  # fmt: skip

RULES = (
    NAMES, NO_BODY, CHUNKED, CONTINUE, CONTINUE_EARLY, BAD_FRAMING, BOTH_FRAMINGS, METHODS,
    REPEATED, RIGHT_AFTER, LARGE_HEADER, IDENTITY, FROM_PAGE,
)  # fmt: skip


def _recased(step: Step, *, upper: bool) -> Step:
    """The same request with its headers' names in another case."""
    headers = tuple(
        (name.upper() if upper else name.lower(), value) for name, value in step.headers
    )
    return replace(step, headers=headers)


def _spelt(name: str, *, upper: bool) -> Case:
    steps = (
        create("a", Expect(rule=NAMES, claim=status(201))),
        patch("a", 0, b"hello", Expect(rule=NAMES, claim=all_of(status(204), offset(5)))),
        head("a", Expect(rule=NAMES, claim=all_of(success, offset(5)))),
    )
    return Case(
        name=f"http-names-{name}", chapter="http", says=f"headers with names in {name} case",
        steps=tuple(_recased(step, upper=upper) for step in steps),
    )  # fmt: skip


def _as_far_as_chunks_reach(view: View) -> str | None:
    return offset(5)(view) if view.here.ok else status(411)(view)


def _after(value: int) -> Expect:
    return Expect(rule=RIGHT_AFTER, claim=offset_at_most(value))


def _badly_framed(name: str, says: str, *lengths: str) -> Case:
    step = patch("a", 0, b"", Expect(rule=BAD_FRAMING, claim=not_accepted), framing="raw",
                 silence=True, odd=True)  # fmt: skip
    headers = (*step.headers, *(("Content-Length", value) for value in lengths))
    return Case(
        name=f"http-length-{name}", chapter="http", says=says,
        steps=(create("a"), replace(step, headers=headers), head("a", _after(0))),
    )  # fmt: skip


def _method(name: str, to: str, says: str) -> Case:
    step = Step(
        method=name, to=to, headers=(RESUMABLE,), body=b"", silence=True, odd=True,
        expects=(Expect(rule=METHODS, claim=status(400, 404, 405, 501)),),
    )  # fmt: skip
    return Case(name=f"http-{name.lower()}", chapter="http", says=says, steps=(create("a"), step))


def _repeated(name: str, says: str, other: str) -> Case:
    step = patch("a", 0, b"hello", Expect(rule=REPEATED, claim=client_error), silence=True)
    headers = (*step.headers, ("Upload-Offset", other))
    return Case(
        name=f"http-repeated-{name}", chapter="http", says=says,
        steps=(create("a"), replace(step, headers=headers), head("a", _after(5))),
    )  # fmt: skip


_CHUNKS = b"2\r\nhe\r\n3;why=not\r\nllo\r\n0\r\n\r\n"
_ASKS_FIRST = {"Expect": "100-continue"}
_PAGE = {"Origin": "https://page.example.org"}


def _or_refused(claim: Claim) -> Claim:
    """What a server may have reasons of its own to refuse."""
    return one_of(claim, client_refusal)


def _plain(coding: str, at: int, to: int) -> Step:
    taken = _or_refused(all_of(status(204), offset(to)))
    return patch("a", at, b"hello world"[at:to], Expect(rule=IDENTITY, claim=taken),
                 more={"Content-Encoding": coding})  # fmt: skip


CASES = (
    _spelt("lower", upper=False),
    _spelt("upper", upper=True),
    Case(
        name="http-no-length", chapter="http", says="a creation without any Content-Length",
        steps=(create("a", Expect(rule=NO_BODY, claim=status(201)), framing="raw"),),
    ),
    Case(
        name="http-chunked", chapter="http", says="a PATCH in the chunked coding",
        steps=(
            create("a"),
            patch("a", 0, b"hello", Expect(rule=CHUNKED, claim=_as_far_as_chunks_reach),
                  framing="chunked"),
            head("a", _after(5)),
        ),
    ),
    Case(
        name="http-chunk-extension", chapter="http",
        says="a PATCH in several chunks, one of them with an extension",
        steps=(
            create("a"),
            patch("a", 0, _CHUNKS, Expect(rule=CHUNKED, claim=_as_far_as_chunks_reach),
                  framing="raw", more={"Transfer-Encoding": "chunked"}),
            head("a", _after(5)),
        ),
    ),
    Case(
        name="http-continue", chapter="http", says="a PATCH that asks first",
        steps=(
            create("a"),
            patch("a", 0, b"hello", Expect(rule=CONTINUE, claim=all_of(status(204), offset(5))),
                  more=dict(_ASKS_FIRST)),
            head("a", _after(5)),
        ),
    ),
    Case(
        name="http-continue-refused", chapter="http",
        says="a PATCH of another version that asks first",
        steps=(
            create("a"),
            patch("a", 0, b"hello", Expect(rule=CONTINUE_EARLY, claim=not_accepted),
                  more={**_ASKS_FIRST, "Tus-Resumable": WRONG_VERSION}),
            head("a", NOTHING_DONE),
        ),
    ),
    _badly_framed("word", "a Content-Length that is no number", "five"),
    _badly_framed("negative", "a negative Content-Length", "-5"),
    _badly_framed("two", "two Content-Lengths that differ", "5", "6"),
    Case(
        name="http-both-framings", chapter="http",
        says="a PATCH with Content-Length and in the chunked coding",
        steps=(
            create("a"),
            patch("a", 0, b"5\r\nhello\r\n0\r\n\r\n",
                  Expect(rule=BOTH_FRAMINGS, claim=offset(5), when=ok),
                  framing="raw", silence=True, odd=True,
                  more={"Content-Length": "3", "Transfer-Encoding": "chunked"}),
            head("a", _after(5)),
        ),
    ),
    _method("PUT", "a", "PUT of an upload"),
    _method("BREW", CREATION, "a method that nobody knows"),
    _repeated("other", "two Upload-Offsets that differ", "7"),
    _repeated("same", "the same Upload-Offset twice", "0"),
    Case(
        name="http-identity", chapter="http", says="PATCHes that say that they are in no coding",
        steps=(create("a"), _plain("identity", 0, 5), _plain("Identity", 5, 11)),
    ),
    Case(
        name="http-origin", chapter="http", says="an upload from a page of another origin",
        steps=(
            options(Expect(rule=FROM_PAGE, claim=_or_refused(success)),
                    more={**_PAGE, "Access-Control-Request-Method": "PATCH"}),
            create("a", Expect(rule=FROM_PAGE, claim=_or_refused(status(201))), more=dict(_PAGE)),
            patch("a", 0, b"hello",
                  Expect(rule=FROM_PAGE, claim=_or_refused(all_of(status(204), offset(5))), stops=True),
                  more=dict(_PAGE)),
            head("a", Expect(rule=FROM_PAGE, claim=_or_refused(success)), more=dict(_PAGE)),
        ),
    ),
    Case(
        name="http-large-header", chapter="http", says="a hundred kilobytes of metadata",
        steps=(
            create("a", Expect(rule=LARGE_HEADER, claim=client_error), silence=True, odd=True,
                   more={"Upload-Metadata": "{metadata},note " + "QUJD" * 25_000}),
        ),
    ),
)  # fmt: skip

"""How long an upload is: settled when it is created, within what is announced, and nothing goes past it.

tus leaves much of this open; of targets that claim ``strict-tus`` it is demanded (chapter ``contract``).
"""

from __future__ import annotations

from patchstorm.dialect.cases.claims import client_refusal, status, success
from patchstorm.dialect.cases.model import Case, Expect, Rule
from patchstorm.dialect.tus.conformance.core import accepted
from patchstorm.dialect.tus.conformance.requests import create, options, patch

SETTLED = Rule(
    name="length.settled", level="must", section="capability strict-tus; Creation, Upload-Length",
    says="a PATCH that names another Upload-Length than the upload's is refused with 4xx",
)  # fmt: skip
PAST_END = Rule(
    name="length.past-end", level="must", section="capability strict-tus; Requests, PATCH",
    says="a PATCH past the declared end is refused with 413, also of an upload that is finished",
)  # fmt: skip
OUTSIDE = Rule(
    name="length.offset-outside", level="must", section="capability strict-tus; Requests, PATCH",
    says="a PATCH at an offset past the declared end is refused with 409, since no upload stands there",
)  # fmt: skip
LIMIT = Rule(
    name="limit.announced", level="must", section="capability strict-tus; Headers, Tus-Max-Size",
    says="an upload of exactly Tus-Max-Size is accepted",
)  # fmt: skip

RULES = (SETTLED, PAST_END, OUTSIDE, LIMIT)

_LONGER = Expect(rule=PAST_END, claim=status(413))
_OUTSIDE = Expect(rule=OUTSIDE, claim=status(409))

CASES = (
    Case(
        name="length-settled", chapter="contract", needs=("creation", "own:strict-tus"),
        says="a PATCH that says how long the upload is, wrongly and then rightly",
        steps=(
            create("a"),
            patch("a", 0, b"hello", Expect(rule=SETTLED, claim=client_refusal),
                  more={"Upload-Length": "12"}),
            patch("a", 0, b"hello world", *accepted(11), more={"Upload-Length": "11"}),
        ),
    ),
    Case(
        name="length-past-end", chapter="contract", needs=("creation", "own:strict-tus"),
        says="a PATCH past the end whose length nobody tells, before and after the upload is finished",
        steps=(
            create("a"),
            patch("a", 6, b" world", _LONGER, framing="chunked"),
            patch("a", 0, b"hello world", *accepted(11)),
            patch("a", 6, b"world!", _LONGER, framing="chunked"),
        ),
    ),
    Case(
        name="length-offset-outside", chapter="contract", needs=("creation", "own:strict-tus"),
        says="a PATCH at an offset past the end, with a body and with none",
        steps=(
            create("a"),
            patch("a", 12, b"hello", _OUTSIDE),
            patch("a", 12, b"", _OUTSIDE),
            patch("a", 0, b"hello world", *accepted(11)),
        ),
    ),
    Case(
        name="limit", chapter="contract", needs=("creation", "max-size", "own:strict-tus"),
        says="an upload of exactly the announced size",
        steps=(
            options(),
            create("a", Expect(rule=LIMIT, claim=success), length="{max}"),
        ),
    ),
)  # fmt: skip

"""What says two things, or what nobody here understands, is refused: no guess of the server's is stored.

HTTP and tus leave this open; of targets that claim ``strict-tus`` it is demanded (chapter ``contract``).
"""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import all_of, client_refusal, success
from patchstorm.dialect.cases.model import Case, Expect, Rule, Step
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import create, head, patch

TWO_OFFSETS = Rule(
    name="exact.two-offsets", level="must", section="capability strict-tus; RFC 9110, 5.3",
    says="a PATCH with two Upload-Offsets that differ is refused with 4xx, whichever stands first",
)  # fmt: skip
ENCODED = Rule(
    name="exact.encoded", level="must", section="capability strict-tus; RFC 9110, 8.4",
    says="a PATCH in a content coding is refused with 4xx (415, say), since what it holds is not the "
    "upload's bytes",
)  # fmt: skip
NOTHING_STORED = Rule(
    name="exact.stored", level="must", section="capability strict-tus; Requests, PATCH",
    says="nothing of such a PATCH is stored",
)  # fmt: skip

RULES = (TWO_OFFSETS, ENCODED, NOTHING_STORED)

_NEEDS = ("creation", "own:strict-tus")
_NOTHING = Expect(rule=NOTHING_STORED, claim=all_of(success, offset(0)))


def _offsets(one: int, other: int) -> Step:
    step = patch("a", one, b"hello", Expect(rule=TWO_OFFSETS, claim=client_refusal))
    return replace(step, headers=(*step.headers, ("Upload-Offset", str(other))))


CASES = (
    Case(
        name="exact-two-offsets", chapter="contract", needs=_NEEDS,
        says="a PATCH with two offsets, the right one before the other and after it",
        steps=(create("a"), _offsets(0, 6), head("a", _NOTHING), _offsets(6, 0), head("a", _NOTHING)),
    ),
    Case(
        name="exact-encoded", chapter="contract", needs=_NEEDS,
        says="PATCHes that say their bodies are compressed, once and twice",
        steps=(
            create("a"),
            *(
                patch("a", 0, b"hello", Expect(rule=ENCODED, claim=client_refusal),
                      more={"Content-Encoding": coding})
                for coding in ("gzip", "identity, br")
            ),
            head("a", _NOTHING),
        ),
    ),
)  # fmt: skip

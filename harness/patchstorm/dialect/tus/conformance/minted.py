"""URLs that a manager minted, where the target claims ``minted-urls``: the first request makes the upload.

What such a URL says was signed by somebody who knows the secret, and may be wrong all the same.
"""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import client_refusal, gone, listed, status, success
from patchstorm.dialect.cases.model import Case, Claims, Expect, Rule, Step, View
from patchstorm.dialect.tus.conformance.core import accepted, complete, holding, stands_at
from patchstorm.dialect.tus.conformance.requests import create, delete, head, options, patch

SERVED = Rule(
    name="minted.served", level="must", section="capability minted-urls",
    says="the first request to a minted URL makes the upload, whatever request that is",
)  # fmt: skip
REFUSED = Rule(
    name="minted.refused", level="must", section="capability minted-urls",
    says="a minted URL whose claims are those of no upload is refused with 4xx",
)  # fmt: skip
LARGE = Rule(
    name="minted.too-large", level="must", section="capability minted-urls",
    says="a minted URL of an upload that is larger than any allowed is refused with 413",
)  # fmt: skip
ONE = Rule(
    name="minted.one", level="must", section="capability minted-urls",
    says="a minted URL with the name of an upload and other claims is refused with 409",
)  # fmt: skip
ALGORITHM = Rule(
    name="minted.algorithm", level="must", section="capability minted-urls; RFC 8725, 3.1",
    says="a minted URL that is signed rightly and with another algorithm than HS256 is refused with 4xx",
)  # fmt: skip
LONGER = Rule(
    name="minted.longer", level="must", section="capability minted-urls",
    says="a second URL of the same upload that expires at another time is served as well",
)  # fmt: skip
ENDED = Rule(
    name="minted.ended", level="must", section="capability minted-urls",
    says="no minted URL brings an upload back that has been terminated, or serves one after its expiry",
)  # fmt: skip
TAKEN = Rule(
    name="minted.taken", level="must", section="capability minted-urls; named-targets",
    says="a minted URL whose file is there already is refused with 409",
)  # fmt: skip

CLOSED = Rule(
    name="creation.closed", level="must", section="capability creation-off",
    says="where nobody may create uploads, POST is refused with 403 and creation is not announced",
)  # fmt: skip
ADMITTED = Rule(
    name="creation.admitted", level="must", section="capability creation-bearer",
    says="who shows the fleet's secret as a bearer token may create uploads",
)  # fmt: skip
STRANGER = Rule(
    name="creation.stranger", level="must", section="capability creation-bearer",
    says="who does not show it may not: POST is refused with 401",
)  # fmt: skip

RULES = (SERVED, REFUSED, ALGORITHM, LARGE, ONE, LONGER, ENDED, TAKEN, CLOSED, ADMITTED, STRANGER)

_NEEDS = ("own:minted-urls",)
_SERVED = Expect(rule=SERVED, claim=success, stops=True)
_REFUSED = Expect(rule=REFUSED, claim=client_refusal)
_ALGORITHM = Expect(rule=ALGORITHM, claim=client_refusal)
_OTHER = Expect(rule=ONE, claim=status(409))
_ENDED = Expect(rule=ENDED, claim=gone)

_WRONG: tuple[tuple[str, Claims], ...] = (
    ("nameless", (("session", ""),)),
    ("climbing", (("session", "../elsewhere"),)),
    ("slashed", (("session", "a/b"),)),
    ("long", (("session", "n" * 129),)),
    ("lined", (("session", "a\n"),)),
    ("negative", (("size", -1),)),
    ("boundless", (("size", 1 << 63),)),
    ("size-in-words", (("size", "eleven"),)),
    ("targetless", (("target", ""),)),
    ("target-above", (("target", "../patchstorm-was-here"),)),
    ("dateless", (("exp", 253_402_300_800),)),
    ("before-time", (("exp", -1),)),
)
_GOOD: tuple[tuple[str, Claims], ...] = (
    ("capitals", (("session", "XYZ"),)),
    ("digit", (("session", "0"),)),
    ("signs", (("session", "a-_Z-9_"),)),
    ("long", (("session", "L" * 128),)),
)
_OTHERS: tuple[tuple[str, Claims], ...] = (
    ("size", (("size", 12),)),
    ("target", (("target", "minted-elsewhere.bin"),)),
    ("overwrite", (("overwrite", True),)),
)


def _by(step: Step, *claims: tuple[str, int | str | bool]) -> Step:
    return replace(step, minted=claims)


def _case(name: str, says: str, *steps: Step) -> Case:
    return Case(name=name, chapter="minted", needs=_NEEDS, says=says, steps=steps)


_STRANGERS = (
    ("nothing", ""),
    ("another", "Bearer not the secret of this fleet"),
    ("half", "Bearer a secret"),
    ("scheme", "Basic YTpi"),
    ("foreign", "Bearer a s\xe9cret of \xa7 letters"),
)


def _unannounced(view: View) -> str | None:
    told = [name for name in listed(view.header("Tus-Extension") or "") if "creation" in name]
    return f"announces {', '.join(told)}" if told else None


CASES = (
    Case(
        name="creation-closed", chapter="minted", needs=("own:creation-off",),
        says="POST where nobody may create uploads",
        steps=(
            options(Expect(rule=CLOSED, claim=_unannounced)),
            create("a", Expect(rule=CLOSED, claim=status(403))),
            create("b", Expect(rule=CLOSED, claim=status(403)), body=b"hello"),
        ),
    ),
    Case(
        name="creation-admitted", chapter="minted", needs=("own:creation-bearer",),
        says="POST of somebody who may create uploads",
        steps=(
            create("a", Expect(rule=ADMITTED, claim=status(201))),
            patch("a", 0, b"hello", *accepted(5)),
        ),
    ),
    *(
        Case(
            name=f"creation-stranger-{name}", chapter="minted", needs=("own:creation-bearer",),
            says=f"POST of somebody who may not create uploads: {name}",
            steps=(create("a", Expect(rule=STRANGER, claim=status(401)),
                          more={"Authorization": shown}),),
        )
        for name, shown in _STRANGERS
    ),
    Case(
        name="minted-head", chapter="minted", needs=_NEEDS, holds=holding(),
        says="HEAD of a minted URL, and then the whole upload",
        steps=(
            _by(head("a", _SERVED, stands_at(0))),
            patch("a", 0, b"hello", *accepted(5)),
            patch("a", 5, b" world", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    Case(
        name="minted-patch", chapter="minted", needs=_NEEDS, holds=holding(),
        says="PATCH of a minted URL before anything else",
        steps=(
            _by(patch("a", 0, b"hello", _SERVED)),
            patch("a", 5, b" world", *accepted(11)),
            head("a", complete(11)),
        ),
    ),
    *(
        _case(f"minted-good-{name}", f"a minted URL with an unusual name: {name}",
              _by(head("a", _SERVED, stands_at(0)), *claims))
        for name, claims in _GOOD
    ),
    *(
        _case(f"minted-bad-{name}", f"a minted URL of no upload: {name}",
              _by(head("a", _REFUSED), *claims), patch("a", 0, b"hello", _REFUSED))
        for name, claims in _WRONG
    ),
    *(
        _case(f"minted-signed-{alg.lower()}", f"a minted URL that is rightly signed with {alg}",
              _by(head("a", _ALGORITHM), ("alg", alg)),
              _by(patch("a", 0, b"hello", _ALGORITHM), ("alg", alg)))
        for alg in ("HS384", "HS512", "none")
    ),
    _case("minted-large", "a minted URL of as many bytes as a file offset can count",
          _by(patch("a", 0, b"hello", Expect(rule=LARGE, claim=status(413))),
              ("size", (1 << 63) - 1))),
    Case(name="minted-too-large", chapter="minted", needs=(*_NEEDS, "max-size"),
         says="a minted URL of an upload that is a byte larger than the announced maximum",
         steps=(options(), _by(patch("a", 0, b"hello", Expect(rule=LARGE, claim=status(413))),
                               ("size", "{max+1}")))),
    _case("minted-by-case", "minted URLs of two uploads whose names differ in their capitals alone",
          _by(head("a", _SERVED, stands_at(0)), ("session", "Two-Names")),
          _by(head("b", _SERVED, stands_at(0)), ("session", "two-names"))),
    *(
        _case(f"minted-other-{name}", f"two minted URLs of one upload that differ in the claim {name}",
              _by(head("a", _SERVED)), _by(head("a", _OTHER), *claims),
              _by(patch("a", 0, b"hello", _OTHER), *claims), _by(head("a", stands_at(0))))
        for name, claims in _OTHERS
    ),
    _case("minted-longer", "minted URLs of one upload that expire later, and earlier",
          _by(head("a", _SERVED)),
          *(_by(head("a", Expect(rule=LONGER, claim=success)), ("in_s", in_s))
            for in_s in (90_000, 600))),
    Case(
        name="minted-half", chapter="minted", needs=("creation", "own:named-targets", *_NEEDS),
        says="a minted URL whose file is there already, and then one that says its upload was created",
        steps=(
            create("b"),
            patch("b", 0, b"hello world", *accepted(11)),
            _by(head("a", Expect(rule=TAKEN, claim=status(409))), ("target", "minted-half-b-0.bin")),
            _by(head("a", _REFUSED), ("created", True)),
        ),
    ),
    _case("minted-terminated", "DELETE of a minted URL, and then another URL of that upload",
          _by(head("a", _SERVED)), delete("a"), head("a", _ENDED),
          _by(patch("a", 0, b"hello", _ENDED), ("in_s", 90_000))),
    _case("minted-expired", "a minted URL whose time is over",
          _by(head("a", _ENDED), ("in_s", -5))),
    _case("minted-unmade", "a minted URL which says that its upload was created, and none was",
          _by(head("a", _REFUSED), ("created", True)), _by(patch("a", 0, b"hello", _SERVED))),
    Case(
        name="minted-taken", chapter="minted", needs=("creation", "own:named-targets", *_NEEDS),
        says="a minted URL whose file is there already",
        steps=(
            create("b"),
            patch("b", 0, b"hello world", *accepted(11)),
            _by(head("a", Expect(rule=TAKEN, claim=status(409))),
                ("target", "minted-taken-b-0.bin")),
        ),
    ),
)  # fmt: skip

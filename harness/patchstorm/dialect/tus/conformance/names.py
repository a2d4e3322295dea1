"""The names of finished files, of targets that claim ``named-targets``: the one that a creation asked for."""

from __future__ import annotations

from dataclasses import replace

from patchstorm.dialect.cases.claims import all_of, client_refusal, not_accepted, status, success
from patchstorm.dialect.cases.model import Case, Expect, Holds, Rule, Step
from patchstorm.dialect.tus.conformance.core import accepted, unless_away
from patchstorm.dialect.tus.conformance.fields import offset
from patchstorm.dialect.tus.conformance.requests import base64, create, head, patch

INSIDE = Rule(
    name="names.inside", level="must", section="capability named-targets",
    says="a creation whose name is empty, cannot be read or lies outside the root is refused with 4xx",
)  # fmt: skip
NAMED = Rule(
    name="names.taken-over", level="must", section="capability named-targets",
    says="a creation under any other name is accepted, whatever letters it is of",
)  # fmt: skip
FOLLOWED = Rule(
    name="names.followed", level="must", section="capability named-targets",
    says="a complete upload is the file of exactly the name that was asked for, also of names that differ in "
    "little: letter case, or another spelling of one letter (Unicode, UAX #15)",
)  # fmt: skip
OPTIONAL = Rule(
    name="names.optional", level="should", section="capability named-targets",
    says="a creation that says no name is accepted, and so are its bytes: most clients say none",
)  # fmt: skip
OWNED = Rule(
    name="names.owned", level="must", section="capability named-targets",
    says="the name of a published file is refused to others with 409, and what would lie below it with "
    "4xx, unless replacement is asked for",
)  # fmt: skip
RULES = (INSIDE, NAMED, OPTIONAL, FOLLOWED, OWNED)


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
    ("percent", "50%25 a+b.bin"),
    ("letters", "größe/日本.bin"),
    ("component", "e" * 255),
    ("deep", "f/" * 20 + "g"),
)
_TWINS: dict[str, tuple[str, bytes]] = {
    "a": ("\N{LATIN SMALL LETTER E WITH ACUTE}.bin", b"hello world"),
    "b": ("e\N{COMBINING ACUTE ACCENT}.bin", b"HELLO WORLD"),
    "c": ("\N{LATIN CAPITAL LETTER E WITH ACUTE}.bin", b"world hello"),
    "d": ("\N{LATIN SMALL LETTER E WITH ACUTE}.bin.1", b"WORLD HELLO"),
}
"""Files that a server takes for one when it folds names; what each is to hold."""
_NAMES = ("creation", "own:named-targets")
_REFUSED = Expect(rule=INSIDE, claim=client_refusal)
_UNNAMED = Expect(rule=OPTIONAL, claim=success)
_TAKEN = Expect(rule=OWNED, claim=status(409))
_GIVEN = Expect(rule=OWNED, claim=success)
_BELOW = Expect(rule=OWNED, claim=client_refusal)


def _try(expect: Expect, more: dict[str, str | None]) -> Step:
    """A creation after which the case goes on, refused or not, for a name that another upload has made."""
    return replace(create("", expect, more=more), creates=None, by_name=True)


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
            steps=(
                create("a", Expect(rule=NAMED, claim=success), publishes=value),
                patch("a", 0, b"hello world", *accepted(11)),
            ),
            holds=(Holds(rule=FOLLOWED, resource="a", data=b"hello world", owed=True),),
        )
        for name, value in _INSIDE
    ),
    Case(
        name="name-own", chapter="contract", needs=_NAMES,
        says="a creation whose name lies among the target's own files",
        steps=(create("a", _REFUSED, more={"Upload-Metadata": "{metadata:own}"}),),
    ),
    Case(
        name="name-none", chapter="contract", needs=_NAMES,
        says="two creations without a name: without metadata, and with metadata of another kind",
        steps=(
            create("a", _UNNAMED, more={"Upload-Metadata": None}),
            create("b", _UNNAMED, more={"Upload-Metadata": f"filetype {base64(b'text/plain')}"}),
            patch("a", 0, b"hello world", _UNNAMED, *accepted(11)),
            patch("b", 0, b"HELLO WORLD", _UNNAMED, *accepted(11)),
            head("a", Expect(rule=OPTIONAL, claim=unless_away(all_of(success, offset(11))))),
            head("b", Expect(rule=OPTIONAL, claim=unless_away(all_of(success, offset(11))))),
        ),
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
    Case(
        name="name-twins", chapter="contract", needs=_NAMES,
        says="uploads whose names differ in case, and in how a letter is composed",
        steps=tuple(
            step
            for name, (target, data) in _TWINS.items()
            for step in (
                create(name, Expect(rule=NAMED, claim=success), publishes=target),
                patch(name, 0, data, *accepted(11)),
            )
        ),
        holds=tuple(
            Holds(rule=FOLLOWED, resource=name, data=data, owed=True)
            for name, (_, data) in _TWINS.items()
        ),
    ),
)  # fmt: skip

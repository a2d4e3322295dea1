"""Whether a story names the deed: one of its lines says what the bug's entry in the catalogue says was done.

A deed is written in two or three words, of which the last may be left out:

===========  ============  =====================  =============================================
``fault``    kind or glob                         a fault struck, with an arrow
``request``  call          a path, as a glob      a request's task made that call
``sweeper``  call          a path, as a glob      a sweeper made it
``held``     call          a path, as a glob      a task was held up before it
``client``   verb          text of the line       a request was sent
``answer``   status        text of the line       a request was answered
``body``     "stands"                             a body stood still on its way
===========  ============  =====================  =============================================

Where one failure of a bug shows it by this and another by that, ``or`` stands between the two.

So a deed is a pattern over the lines that people read, and nothing else knows whether they were told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from patchstorm.target.patterns import matches

_LINE = re.compile(r"(?P<mark>-> |   )step +\d+ +(?:replica \d+ +)?(?P<said>.*)")
_STEP = re.compile(r"(?P<task>\S+) (?P<call>[a-z]+) (?P<rest>.*)")
_HELD = re.compile(
    r"\S+ is held up before (?P<call>[a-z]+) (?P<rest>.*); \S+ goes? on(?: for \d+ ms)?"
)
_SENT = re.compile(r"op \d+ \S+ (?P<verb>[A-Z]+)(?P<rest>.*)")
_ANSWERED = re.compile(r"op \d+ is answered (?P<answer>[^ ,]+)(?P<rest>.*)")
_STILL = re.compile(r"the body of op \d+ (?P<does>[a-z]+) .*")
_SWEEPER: Final = "/sweeper"


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what to what."""

    who: str
    what: str
    where: str

    @staticmethod
    def told(text: str, story: Iterable[str]) -> bool:
        """Whether the story tells one of the deeds that ``text`` names."""
        lines = list(story)
        return any(deed.told_in(lines) for deed in Deed.all_of(text))

    @staticmethod
    def all_of(text: str) -> tuple[Deed, ...]:
        """The deeds with ``or`` between them. Raises ValueError for words that are no deed."""
        return tuple(Deed.of(one) for one in text.split(" or "))

    @staticmethod
    def of(text: str) -> Deed:
        """One deed. Raises ValueError for words that are none."""
        who, _, rest = text.partition(" ")
        what, _, where = rest.partition(" ")
        if who not in _TOLD or not what or (who == "fault" and where):
            raise ValueError(f"{text!r} is no deed: {', '.join(_TOLD)}, then what, then where")
        return Deed(who, what, where)

    def told_in(self, story: Iterable[str]) -> bool:
        """Whether one of the story's lines says it."""
        lines = (found for line in story if (found := _LINE.fullmatch(line)) is not None)
        return any(_TOLD[self.who](self, found["mark"], found["said"]) for found in lines)


def _fault(deed: Deed, mark: str, said: str) -> bool:
    kind = re.escape(deed.what).replace(r"\*", "[a-z-]*")
    struck = re.search(rf"fault {kind}(?![a-z-]| ends)", said)
    return mark.startswith("->") and struck is not None


def _by(deed: Deed, said: str, *, sweeper: bool) -> bool:
    step = _STEP.fullmatch(said.partition("   <- ")[0])
    if step is None or step["call"] != deed.what or step["task"] in ("fault", "op"):
        return False
    return step["task"].endswith(_SWEEPER) is sweeper and _touches(step["rest"], deed.where)


def _request(deed: Deed, _: str, said: str) -> bool:
    return _by(deed, said, sweeper=False)


def _sweeper(deed: Deed, _: str, said: str) -> bool:
    return _by(deed, said, sweeper=True)


def _held(deed: Deed, _: str, said: str) -> bool:
    held = _HELD.fullmatch(said)
    return held is not None and held["call"] == deed.what and _touches(held["rest"], deed.where)


def _client(deed: Deed, _: str, said: str) -> bool:
    sent = _SENT.fullmatch(said)
    return sent is not None and sent["verb"] == deed.what and deed.where in sent["rest"]


def _answer(deed: Deed, _: str, said: str) -> bool:
    answered = _ANSWERED.fullmatch(said)
    return (
        answered is not None and answered["answer"] == deed.what and deed.where in answered["rest"]
    )


def _body(deed: Deed, _: str, said: str) -> bool:
    still = _STILL.fullmatch(said)
    return still is not None and still["does"] == deed.what


def _touches(rest: str, where: str) -> bool:
    if not where:
        return True
    return any(matches(word.rstrip(","), (where,)) for word in rest.split())


_TOLD: dict[str, Callable[[Deed, str, str], bool]] = {
    "fault": _fault,
    "request": _request,
    "sweeper": _sweeper,
    "held": _held,
    "client": _client,
    "answer": _answer,
    "body": _body,
}

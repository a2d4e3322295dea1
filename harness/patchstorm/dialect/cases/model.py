"""What a conformance case is: requests in order, and of each answer what the specification says.

Rules of residence: plain data and pure functions of answers; no dialect, no world, no history, no plan. A
dialect makes a :class:`patchstorm.dialect.cases.suite.Suite` of such cases; the workload ``conformance``
sends them, and the checker ``conformance`` judges the answers.

A case is written once for every server of its dialect. Header values may hold placeholders, which the
dialect's prober fills in where a request is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Level = Literal["must", "should", "open"]
"""``must``: a violation. ``should``: a remark, unless strictness is asked for. ``open``: the
specification leaves a set of answers; one outside of it is a remark."""
Framing = Literal["length", "chunked", "raw"]
Fields = tuple[tuple[str, str], ...]
Claims = tuple[tuple[str, int | str | bool], ...]

CREATION = ""
"""Where a step goes that is about no resource: the creation URL."""
UNKNOWN = "?"
"""Before a resource's name: its URL, changed so that it is nobody's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One demand. ``section`` is a heading of the dialect's specification, or names the RFC it comes from."""

    name: str
    level: Level
    section: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """An answer is held to ``rule`` by ``claim``, which says what is wrong or None.

    ``when`` limits it to some answers: a rule about refusals says nothing of a success. ``stops``: the
    rest of the case builds on it, so the case ends where it does not hold; so it does for every must.
    """

    rule: Rule
    claim: Claim
    when: Condition | None = None
    stops: bool = False

    def complaint(self, view: View) -> str | None:
        """What is wrong; None also where the rule does not speak of this answer."""
        if self.when is not None and not self.when(view):
            return None
        return self.claim(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One request.

    ``to`` is CREATION or a resource's name, with UNKNOWN before it for one that is not there.
    ``creates`` names the resource whose URL the answer gives out. ``framing`` "length" adds
    Content-Length, "chunked" the chunked coding, "raw" nothing: the body is the bytes after the head.
    ``minted``: the resource's URL is minted anew for this request, with these claims in the place of the
    usual ones. ``cut``: the connection ends after so many of the body's bytes. ``past_max``: the body is made
    where it is sent, of so many bytes more than the announced maximum. ``publishes``: the name of the file
    that a creation asks for, where that is not one made of the resource's. ``patience_ms``: repeat until
    what is expected holds, at most so long. ``wait_ms``: let time pass first. ``silence``: no answer is one
    too, as where HTTP lets a server close the connection. ``odd``: HTTP itself may refuse it, so what
    the dialect demands of every answer need not be demanded. ``stays``: this request goes to the replica of
    the one before, even where they are to change; ``by_name``: it does so where hosts may not know yet which
    names others have made, since it asks for one. ``acts``: the method that counts, where
    a header names another than the one that is sent. ``expects`` empty: it prepares, and has to succeed.
    """

    method: str
    to: str = CREATION
    headers: Fields = ()
    body: bytes | None = None
    framing: Framing = "length"
    cut: int | None = None
    past_max: int | None = None
    creates: str | None = None
    publishes: str | None = None
    minted: Claims | None = None
    expects: tuple[Expect, ...] = ()
    patience_ms: int = 0
    wait_ms: int = 0
    silence: bool = False
    odd: bool = False
    stays: bool = False
    by_name: bool = False
    acts: str | None = None

    @property
    def acts_as(self) -> str:
        """The method that counts."""
        return self.method if self.acts is None else self.acts

    @property
    def needs_socket(self) -> bool:
        """Whether only a real connection can carry it."""
        return self.framing == "raw" and bool(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What a resource's file has to hold once its case is through, where the file can be looked at.

    ``owed``: that there is none is wrong, too; else it may have gone where nobody looks.
    """

    rule: Rule
    resource: str
    data: bytes
    owed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A few requests about resources of their own.

    ``needs`` and ``lacks`` are extensions that have to be, or must not be, announced or claimed
    (``checksum:md5``: with that algorithm; ``max-size``: a limit is announced). ``reading``: for
    targets that accept only the current offset. ``lifetime``: only where uploads expire soon.
    """

    name: str
    chapter: str
    says: str
    steps: tuple[Step, ...]
    needs: tuple[str, ...] = ("creation",)
    lacks: tuple[str, ...] = ()
    reading: Literal["any", "sequential"] = "any"
    lifetime: bool = False
    holds: tuple[Holds, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request as it was sent, and its answer; names of the answer's headers in lower case."""

    step: Step
    sent: Fields
    status: int | None
    headers: Mapping[str, str]
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        return self.status is not None and self.status >= 300

    def request(self, name: str) -> str | None:
        """A header of the request."""
        return next((value for key, value in self.sent if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is known of the target: what it announced, what it claims, and how it reads offsets."""

    announced: frozenset[str] = frozenset()
    claimed: frozenset[str] = frozenset()
    sequential: bool = True
    lifetime: bool = False

    def offers(self, extension: str) -> bool:
        """Announced on the wire or claimed by the target's description."""
        return extension in self.announced or extension in self.claimed


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a claim sees: this request and answer, those before it in its case, and the target."""

    here: Seen
    before: tuple[Seen, ...] = ()
    terms: Terms = Terms()

    @property
    def status(self) -> int:
        assert self.here.status is not None, "claims are asked of answers only"
        return self.here.status

    @property
    def last(self) -> Seen:
        """The request before this one."""
        return self.before[-1]

    def header(self, name: str) -> str | None:
        return self.here.headers.get(name.lower())


Claim = Callable[[View], str | None]
Condition = Callable[[View], bool]

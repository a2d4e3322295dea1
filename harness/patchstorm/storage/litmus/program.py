"""A litmus program as data: who does what, and which results the rules allow.

A program is a text of one step a line::

    B = exists f     -> false
    A w f x
    B = size f       -> 1 | ENOENT @ nfs&!L&!pos

``A`` and ``B`` are hosts, ``S`` a process on the server. After the arrow come the allowed results,
separated by ``|``; one with ``@`` is allowed only on flavours that have those tags (``,`` or,
``&`` and, ``!`` not). A step without an arrow must give null, that is: succeed and show nothing.
``~`` alone allows anything.

Lines between ``par`` and ``end`` are a race: their commands interleave in every way, also inside
calls that are several steps on the server; a command after ``+`` follows the one before it at once.
Words that are not for a shell stand alone with their
host: ``crash``, ``kill``, ``cut``, ``heal``, ``reboot``; ``S restart``, ``S power``; and
``sleep SECONDS`` lets time pass.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from patchstorm.storage.flavour import Flavour
from patchstorm.storage.litmus.shell import Value, split
from patchstorm.storage.parse import parse_flavour

EVENTS = frozenset(("crash", "kill", "cut", "heal", "reboot", "restart", "power"))

OF_DISKS = frozenset(("fill", "room", "spent"))
"""Verbs whose results say how large the disk is, and what others write there."""
OF_NETWORKS = frozenset(("cut", "heal", "restart"))
"""Events that need a server."""
ANYTHING = "-> ~"
TAGS = frozenset(
    (
        "local", "same-tick", "nfs", "v3", "v4", "40", "41+", "42", "ageless", "noac", "sync", "L", "pos",
        "nocto", "flock-local", "posix-local", "by-handle", "narrow", "aged", "recent", "soft",
        "async",
    )
)  # fmt: skip
"""What a flavour can answer to in ``@`` conditions, beside the flavours' own names."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A result, and where it may appear: any of the alternatives, each a set of tags."""

    result: Value
    where: tuple[tuple[str, ...], ...] = ((),)

    def applies(self, tags: frozenset[str]) -> bool:
        return any(
            all((word[1:] not in tags) if word[0] == "!" else (word in tags) for word in words)
            for words in self.where
        )

    def means(self, value: Value) -> bool:
        """Whether ``value`` is this result; a text is so as a word and as the JSON that it may be."""
        return self.result == value or (
            isinstance(value, str) and self.result == parse_value(value)
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One host's commands, or an event; ``allowed`` None allows anything."""

    host: str
    commands: str
    allowed: tuple[Allowed, ...] | None

    def permits(self, result: Value, tags: frozenset[str]) -> bool:
        if self.allowed is None:
            return True
        return any(item.means(result) and item.applies(tags) for item in self.allowed)


@dataclass(frozen=True, slots=True)
class Race:
    """Steps of different hosts at the same time. A host's steps keep their order."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """``runs_on`` are flavour texts; ``about`` says which rule it pins down."""

    name: str
    about: str
    parts: tuple[Step | Race, ...]
    runs_on: tuple[str, ...]
    real: bool = True
    """Can be run on a mount by unprivileged processes."""
    faults: tuple[str, ...] = ()
    """Names of ``Faults`` that are enabled."""
    text: str = ""
    """What it was read from."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, those of races included, in the order of the text."""
        found: list[Step] = []
        for part in self.parts:
            found.extend(part.steps if isinstance(part, Race) else (part,))
        return tuple(found)


def parse_program(
    name: str,
    about: str,
    text: str,
    runs_on: tuple[str, ...],
    *,
    real: bool = True,
    faults: tuple[str, ...] = (),
) -> Program:
    """Read the text of a program; ValueError names the line that is wrong."""
    parts: list[Step | Race] = []
    race: list[Step] | None = None
    for line in text.strip().splitlines():
        words = line.strip()
        if words == "par":
            race = []
        elif words == "end":
            assert race is not None
            parts.append(Race(tuple(race)))
            race = None
        elif words:
            (parts if race is None else race).append(_step(words))
    return Program(name, about, tuple(parts), runs_on, real, faults, text)


def verbs(program: Program) -> frozenset[str]:
    """The verbs of all commands."""
    commands = (command for step in program.steps for command in split(step.commands))
    return frozenset(command.lstrip("+= ").split()[0] for command in commands)


def _step(line: str) -> Step:
    body, arrow, results = line.partition("->")
    host, _, commands = body.strip().partition(" ")
    if not commands:
        raise ValueError(f"litmus line {line!r}: a host and its commands are needed")
    if not arrow:
        return Step(host, commands.strip(), (Allowed(None),))
    if results.strip() == "~":
        return Step(host, commands.strip(), None)
    return Step(host, commands.strip(), tuple(_allowed(part) for part in results.split("|")))


def _allowed(text: str) -> Allowed:
    result, at, where = text.partition("@")
    if not at:
        return Allowed(parse_value(result))
    alternatives = tuple(
        tuple(word.strip() for word in part.split("&")) for part in where.split(",")
    )
    return Allowed(parse_value(result), alternatives)


def parse_value(text: str) -> Value:
    """JSON where it is JSON, else the word itself."""
    word = text.strip()
    return json.loads(word) if is_json(word) else word


def is_json(text: str) -> bool:
    """Whether it can be read as JSON."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@lru_cache(maxsize=512)
def tags(flavour_text: str, same_tick: bool) -> frozenset[str]:
    """The words a flavour answers to in ``@`` conditions."""
    flavour: Flavour = parse_flavour(flavour_text)
    found = {flavour_text.split(",", maxsplit=1)[0]}
    if same_tick:
        found.add("same-tick")
    mount = flavour.nfs
    if mount is None:
        return frozenset(found | {"local"})
    ageless = mount.acregmax_ns == 0 and mount.acdirmax_ns == 0
    conditions = {
        "nfs": True,
        "v3": mount.is_v3,
        "v4": not mount.is_v3,
        "40": mount.version == "4.0",
        "41+": mount.opens_by_handle,
        "42": mount.version == "4.2",
        "ageless": ageless,
        "noac": ageless and mount.sync_writes,
        "sync": mount.sync_writes,
        "L": mount.lookupcache == "none",
        "pos": mount.lookupcache == "pos",
        "nocto": not mount.close_to_open,
        "flock-local": mount.local_flock,
        "posix-local": mount.local_posix,
        "by-handle": mount.serves_unlinked,
        "narrow": not mount.extends_writes,
        "aged": mount.aged,
        "recent": mount.recent,
        "soft": mount.recovery != "hard",
        "async": not flavour.disk.fsync_works,
    }
    return frozenset(found | {word for word, holds in conditions.items() if holds})

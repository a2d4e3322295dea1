"""What a litmus program of somebody's own has to be, told before anything runs.

Whatever passes here has a meaning on the model and on a real mount: every verb's words are of the kind that
``ARGUMENTS`` says, names are kept before they are used and for one thing only, paths stay below the root,
expectations are results that a step can have.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from patchstorm.storage.litmus.program import EVENTS, TAGS, is_json, parse_value
from patchstorm.storage.litmus.shell import CHOICES, VERBS, split
from patchstorm.storage.parse import flavour_names

HOSTS: Final = ("A", "B", "S")
OF_THE_SERVER: Final = frozenset(("restart", "power"))
SLEEP_S_MAX: Final = 3600
DATA_BYTES_MAX: Final = 1 << 22
"""A dozen programs at once share a disk of 64 MiB."""
READ_BYTES_MAX: Final = 1 << 24
OFFSET_MAX: Final = 1 << 40
"""Less than any file system's largest file."""
PATH_BYTES_MAX: Final = 1000
"""The mount's own path stands before it, and PATH_MAX is 4096."""
RACE_COMMANDS_MAX: Final = 100
"""The ways of a race grow with the factorial of its commands."""

Complaint = str | None


def _number(most: int, least: int = 0) -> Callable[[str], Complaint]:
    def check(word: str) -> Complaint:
        if not re.fullmatch(r"-?[0-9]+", word, re.ASCII):
            return f"is a number, and `{word}` is none"
        if len(word) > 20 or not least <= int(word) <= most:
            return f"is a number from {least} to {most}, not {word[:24]}"
        return None

    return check


def _path(word: str) -> Complaint:
    if word.startswith("/") or ".." in word.split("/"):
        return (
            f"is a path below the mount, and `{word}` leaves it; write no `..` and no `/` before it"
        )
    if len(word.encode()) > PATH_BYTES_MAX:
        return f"has more than {PATH_BYTES_MAX} bytes; shorten it"
    return None


def _data(word: str) -> Complaint:
    if word.startswith("%"):
        return None if len(word) > 1 else "is `%` and the name of a number kept by `get`"
    text, star, count = word.partition("*")
    if not star:
        return None
    complaint = _number(DATA_BYTES_MAX)(count)
    if complaint is None and len(text.encode()) * int(count) > DATA_BYTES_MAX:
        complaint = f"has more than {DATA_BYTES_MAX} bytes; write less at once"
    return complaint and f"is a word, or one with how often, as in `a*4096`; how often {complaint}"


def _flags(word: str) -> Complaint:
    return next(filter(None, (_choice("flags")(part) for part in word.split(","))), None)


def _choice(name: str) -> Callable[[str], Complaint]:
    def check(word: str) -> Complaint:
        known = CHOICES[name]
        return None if word in known else f"`{word}` is none of {', '.join(known)}"

    return check


def _name(word: str) -> Complaint:
    return None


ARGUMENTS: Final[Mapping[str, Callable[[str], Complaint]]] = {
    "name": _name,
    "source": _name,
    "target": _name,
    "directory": _name,
    "path": _path,
    "other": _path,
    "data": _data,
    "flags": _flags,
    "kind": _choice("kind"),
    "origin": _choice("origin"),
    "count": _number(READ_BYTES_MAX),
    "room": _number(DATA_BYTES_MAX),
    "offset": _number(OFFSET_MAX),
    "length": _number(OFFSET_MAX),
    "start": _number(OFFSET_MAX),
    "left": _number(OFFSET_MAX),
    "position": _number(OFFSET_MAX, -OFFSET_MAX),
}
"""By the names of parameters in ``Shell``: what is wrong with a word there."""

DESCRIPTOR: Final = "descriptor"
KEEPS: Final = {
    "open": DESCRIPTOR,
    "openat": DESCRIPTOR,
    "dup": DESCRIPTOR,
    "get": "number",
    "mtime": "time stamp",
    "room": "room",
}
"""Verbs whose NAME is kept for later, and as what."""
USES: Final = {"inc": "number", "newer": "time stamp", "spent": "room"}
"""Verbs whose NAME is something that was kept; that of others is a descriptor."""
_BY: Final = {kind: verb for verb, kind in KEEPS.items() if kind != DESCRIPTOR}


def check_steps(lines: Iterable[str]) -> None:
    """ValueError, with the step, at the first thing that is wrong with the lines of a program."""
    checker = _Checker()
    for line in lines:
        try:
            checker.line(line)
        except ValueError as error:
            raise ValueError(f"step `{line}`: {error}") from None
    checker.end()


class _Checker:
    """What the lines before have said: what each host keeps, and whether this is a race."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], str] = {}
        self._crashed: set[str] = set()
        self._cut: set[str] = set()
        self._race: int | None = None
        """How many commands the race has that is being read; None outside."""
        self._steps = 0

    def line(self, line: str) -> None:
        if not line.isprintable():
            raise ValueError("holds a character that is not printed; write it without")
        if line == "par":
            if self._race is not None:
                raise ValueError("a `par` within a `par`; write `end` before it")
            self._race = 0
        elif line == "end":
            if not self._race:
                raise ValueError("an `end` wants a `par` and steps before it")
            self._race = None
        else:
            self._step(line)

    def end(self) -> None:
        if self._race is not None:
            raise ValueError("each `par` wants an `end`; write it behind the last step of the race")
        if not self._steps:
            raise ValueError("there is no step; write one, as in `A w f x`")

    def _step(self, line: str) -> None:
        body, arrow, expected = line.partition("->")
        host, _, text = body.strip().partition(" ")
        commands = split(text)
        if host not in HOSTS or not commands:
            raise ValueError("a step is A, B or S and its commands, as in `A w f x`")
        self._steps += 1
        if self._race is not None:
            self._race += len(commands)
            if self._race > RACE_COMMANDS_MAX:
                raise ValueError(
                    f"a race has at most {RACE_COMMANDS_MAX} commands; make it shorter"
                )
        word = text.split()[0]
        if word in EVENTS or word == "sleep":
            self._alone(host, text.split())
            shown = 0
        elif host in self._crashed:
            raise ValueError(f"{host} has crashed; write `{host} reboot` before")
        elif host in self._cut and self._race is not None:
            raise ValueError(
                f"{host} is cut off, and a race would wait for it; write `{host} heal` before `par`"
            )
        else:
            shown = sum(self._command(host, command) for command in commands)
        if arrow:
            _check_expected(expected, shown)

    def _alone(self, host: str, words: list[str]) -> None:
        word, *arguments = words
        if self._race is not None:
            raise ValueError(
                f"`{word}` cannot be part of a race; write it before `par` or behind `end`"
            )
        if word == "sleep":
            _check_sleep(arguments)
            return
        if arguments:
            raise ValueError(
                f"`{word}` stands alone with its host; leave `{' '.join(arguments)}` out"
            )
        if word != "kill" and (word in OF_THE_SERVER) != (host == "S"):
            whose = "the server's: `S" if word in OF_THE_SERVER else "a client's: `A"
            raise ValueError(f"`{word}` is {whose} {word}`")
        if word == "crash":
            self._crashed.add(host)
        elif word == "reboot":
            self._crashed.discard(host)
        elif word == "cut":
            self._cut.add(host)
        elif word == "heal":
            self._cut.discard(host)

    def _command(self, host: str, text: str) -> bool:
        """Whether it shows its value."""
        if text.startswith("+") and self._race is None:
            raise ValueError("`+` has a meaning between `par` and `end` alone; leave it out")
        words = text.removeprefix("+").split()
        shows = words[:1] == ["="]
        verb, *arguments = words[shows:] or [""]
        if verb in EVENTS or verb == "sleep":
            raise ValueError(f"`{verb}` stands alone with its host; make it a step of its own")
        if verb == "lockwait" and self._race is None:
            raise ValueError("`lockwait` waits for others of a race: use `lock` outside of `par`")
        for name, word in check_command(verb, arguments):
            self._keep(host, verb, name, word)
        return shows

    def _keep(self, host: str, verb: str, name: str, word: str) -> None:
        """Note what is kept under a name, or see whether what is used there is kept."""
        if name == "data" and word.startswith("%"):
            self._use(host, word[1:], "number")
        elif name == "name" and verb in KEEPS:
            had = self._kept.setdefault((host, word), KEEPS[verb])
            if had != KEEPS[verb]:
                raise ValueError(
                    f"`{word}` is a {had} already; take another name for a {KEEPS[verb]}"
                )
        elif ARGUMENTS[name] is _name:
            self._use(host, word, USES.get(verb, DESCRIPTOR) if name == "name" else DESCRIPTOR)

    def _use(self, host: str, word: str, kind: str) -> None:
        """A descriptor that nobody opened is EBADF, as anywhere; nothing else can be had from nowhere."""
        had = self._kept.get((host, word), DESCRIPTOR)
        if had == kind:
            return
        if (host, word) in self._kept:
            raise ValueError(f"`{word}` is a {had}, and a {kind} is wanted")
        raise ValueError(f"no step of {host} before keeps a {kind} as `{word}`; `{_BY[kind]}` does")


def check_command(verb: str, arguments: list[str]) -> list[tuple[str, str]]:
    """The words with the names of what they are. ValueError where there are too few or too many, or one that
    means nothing."""
    method = VERBS.get(verb)
    if method is None:
        raise ValueError(f"there is no command `{verb}`; there are {', '.join(VERBS)}")
    signature = inspect.signature(method)
    names = list(signature.parameters)[1:]
    try:
        signature.bind(None, *arguments)
    except TypeError:
        raise ValueError(f"`{verb}` takes {' '.join(names).upper()}") from None
    words = list(zip(names, arguments, strict=False))
    for name, word in words:
        complaint = ARGUMENTS[name](word)
        if complaint is not None:
            raise ValueError(f"`{verb}`: {name.upper()} {complaint}")
    return words


def _check_sleep(arguments: list[str]) -> None:
    try:
        (word,) = arguments
        seconds = float(word)
    except ValueError:
        raise ValueError("`sleep` takes SECONDS, a number, as in `A sleep 2`") from None
    if not (math.isfinite(seconds) and 0 <= seconds <= SLEEP_S_MAX):
        raise ValueError(f"`sleep`: SECONDS is a number from 0 to {SLEEP_S_MAX}, not {word[:24]}")


def _check_expected(text: str, shown: int) -> None:
    if text.strip() == "~":
        return
    for part in text.split("|"):
        result, at, where = part.partition("@")
        _check_result(result.strip(), shown)
        for tag in re.split("[,&]", where) if at else ():
            word = tag.strip().removeprefix("!")
            if word not in TAGS and word not in flavour_names():
                known = ", ".join(sorted(TAGS))
                raise ValueError(
                    f"`@ {tag.strip()}` is no kind of mount; there are {known}, and flavours"
                )


def _check_result(word: str, shown: int) -> None:
    if not word:
        raise ValueError("no result stands behind `->` or `|`; write one, or leave the arrow out")
    if not is_json(word) and re.search(r'[\[\]{}"]', word):
        raise ValueError(
            f'the result `{word}` is broken JSON; write a word, or JSON such as ["a", 1]'
        )
    value = parse_value(word)
    if isinstance(value, (dict, float)):
        raise ValueError(f"the result `{word}` is none that a command can show")
    if not shown and not (value is None or isinstance(value, str)):
        raise ValueError(
            f"`{word}` is expected, and nothing is shown; write `=` before what is to be shown"
        )
    if (
        shown > 1
        and not isinstance(value, str)
        and not (isinstance(value, list) and len(value) == shown)
    ):
        raise ValueError(
            f"{shown} values are shown, so a result is a list of {shown}, and not `{word}`"
        )

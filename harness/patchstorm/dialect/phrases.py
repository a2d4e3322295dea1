"""The words that the stories of every world share: faults, headers, and ids cut short without being mixed up.

A fault is told by its kind, which is how documents and plans call it, and by what it means for whoever it
hit. Headers are told where they can be the reason: of an answer that is an error, and where they are odd.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from patchstorm.dialect.words import Words
from patchstorm.history.events import Damage, Exit, Fault, Standstill
from patchstorm.history.model import Operation
from patchstorm.history.no_answer import NoAnswer
from patchstorm.legible import legible_line

HEADER_CHARACTERS: Final = 72
WORDS_CHARACTERS: Final = 160
SUFFIX: Final = 4
_LONG = re.compile(r"[0-9a-f]{12,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SECRET = re.compile(r"auth|token|secret|api-?key|cookie", re.IGNORECASE)
_MEANS = {
    "crash": "its process is killed",
    "crash-all": "its process is killed",
    "power-loss": "power is lost",
    "restart": "it is told to stop",
    "rolling-restart": "it is told to stop, the others in turn",
    "rolling-update": "it is told to stop, the others in turn",
    "partition": "clients cannot reach it",
    "partition-storage": "it cannot reach the storage",
    "storage-restart": "the storage's server starts again",
    "disk-full": "the storage has no room left",
    "lock-loss": "its locks are gone, and nobody tells it",
    "clock-skew": "its clock runs ahead",
    "clock-jump": "its clock jumps ahead",
    "request-lost": "the connection breaks before the request is sent",
    "response-lost": "the answer is thrown away",
    "body-cut": "the connection breaks inside the body",
    "duplicate": "the request is delivered once more",
    "delay": "the request is held back",
    "stale-attributes": "its mount answers with old sizes and times",
    "stale-entries": "its mount answers with old names",
    "companion-crash": "what all replicas share is killed",
    "companion-restart": "what all replicas share is told to stop",
    "companion-loss": "what all replicas share is killed, and its data removed",
    "companion-flush": "what all replicas share drops all that it holds",
    "companion-expiry": "leases and locks run out under their holders",
    "companion-pause": "what all replicas share stands still",
    "companion-cut": "what all replicas share is out of reach",
    "companion-lost-request": "a request to what all replicas share is thrown away",
    "companion-lost-reply": "a reply of what all replicas share is thrown away",
    "companion-delay": "the replies of what all replicas share come late",
}
_OVER = {
    "crash": "is started again",
    "crash-all": "is started again",
    "partition": "can be reached again",
    "partition-storage": "reaches the storage again",
    "clock-skew": "has the right time again",
    "companion-crash": "is started again",
    "companion-restart": "is started again",
    "companion-loss": "is started again, empty",
    "companion-pause": "goes on",
    "companion-cut": "can be reached again",
}


def befell(event: Fault | Damage | Exit | Standstill) -> str:
    """What was done, or happened, in one phrase that begins with its kind."""
    if isinstance(event, Damage) and event.record:
        return f"fault record-damage: a record of upload {event.upload} is damaged"
    if isinstance(event, Damage):
        end = event.offset + event.length
        return f"fault damage: stored bytes [{event.offset}, {end}) of upload {event.upload} are spoilt"
    if isinstance(event, Exit):
        said = f"; its last words: {quoted(event.said)}" if event.said else "; it said nothing"
        return f"its process ended by itself with code {event.code}{said}"
    if isinstance(event, Standstill):
        return f"the body of op {event.op} {'goes on' if event.ends else 'stands still'}"
    return _ends(event) if event.ends else _begins(event)


def _begins(event: Fault) -> str:
    text = f"fault {event.fault}"
    if event.fault == "pause":
        text += f": {_whom(event)} stands still"
    elif event.fault in _MEANS:
        text += f": {_MEANS[event.fault]}"
    if event.op is not None:
        text += f" (op {event.op})"
    return text if event.path is None else f"{text}, as {event.path} showed"


def _ends(event: Fault) -> str:
    if event.fault == "pause":
        return f"fault pause ends: {_whom(event)} goes on"
    if event.fault in _OVER:
        return f"fault {event.fault} ends: {_whom(event)} {_OVER[event.fault]}"
    return f"fault {event.fault} ends" + ("" if event.op is None else f" (op {event.op})")


def _whom(event: Fault) -> str:
    if event.fault.startswith("companion-"):
        return "the companion"
    return "every replica" if event.replica is None else f"replica {event.replica}"


def quoted(text: str) -> str:
    """The end of what somebody said, on one line and safe to print."""
    flat = " | ".join(line.strip() for line in text.splitlines() if line.strip())
    kept = flat if len(flat) <= WORDS_CHARACTERS else "..." + flat[-WORDS_CHARACTERS:]
    return f'"{legible_line(kept)}"'


def headers_told(words: Words, operation: Operation) -> str:
    """The headers of a request that can be the reason for its answer, in brackets; empty if there are none.

    All that the dialect does not call plain where the answer is an error; else those that are odd.
    """
    call, end = operation.call, operation.end
    sent = call.probe.headers if call.probe is not None else _noted(operation)
    failed = end is not None and (
        end.error is NoAnswer.GARBLED if end.status is None else end.status >= 400
    )
    kept = [
        (name, value)
        for name, value in sent
        if name.lower() not in words.plain
        and (failed or call.probe is not None or words.odd(call.kind, name.lower(), value))
        and not _told_anyway(words, operation, name.lower(), value)
    ]
    if not kept:
        return ""
    return f" [{', '.join(f'{name}: {_shown(name, value)}' for name, value in kept)}]"


def _told_anyway(words: Words, operation: Operation, name: str, value: str) -> bool:
    """Whether the line says it without the header: a body's type as ever, and where it begins."""
    call = operation.call
    if call.probe is not None or call.kind != "append":
        return False
    return value == (
        str(call.offset)
        if name == words.offset.lower()
        else words.usual.get("append", {}).get(name)
    )


def _shown(name: str, value: str) -> str:
    if _SECRET.search(name):
        return "(kept secret)"
    place, question, _ = value.partition("?")
    return _cut(f"{place}?..." if question and name.lower() == "location" else value)


def _noted(operation: Operation) -> Sequence[tuple[str, str]]:
    request = operation.call.request
    return () if request is None else request.headers


def answer_headers(words: Words, operation: Operation) -> str:
    """The headers of an answer that the dialect knows, in brackets: for findings about answers."""
    end = operation.end
    if end is None:
        return ""
    known = [
        (name, end.headers[name]) for name in sorted(end.headers) if name not in words.plain_answer
    ]
    return (
        f" [{', '.join(f'{name}: {_shown(name, value)}' for name, value in known)}]"
        if known
        else ""
    )


def _cut(value: str) -> str:
    shown = legible_line(value)
    if shown != shown.strip() or not shown:
        shown = f'"{shown}"'
    return shown if len(shown) <= HEADER_CHARACTERS else shown[:HEADER_CHARACTERS] + "..."


def shortened(lines: Iterable[str]) -> list[str]:
    """The lines with long identifiers cut to their end, as short as keeps all of them apart."""
    kept = list(lines)
    shorten = shortener(kept)
    return [shorten(line) for line in kept]


def shortener(lines: Iterable[str]) -> Callable[[str], str]:
    """Cuts long identifiers to their end, as short as keeps those of ``lines`` apart."""
    names = {found for line in lines for found in _LONG.findall(line)}
    length = SUFFIX
    longest = max((len(name) for name in names), default=0)
    while length < longest and len({name[-length:] for name in names}) < len(names):
        length += 1
    if length >= longest:
        return str
    return lambda line: _LONG.sub(lambda found: _tail(found[0], length), line)


def _tail(name: str, length: int) -> str:
    return name if len(name) <= length else "~" + name[-length:]

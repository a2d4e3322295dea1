"""Requests and steps in a line of words, and whole as they went over the wire."""

from __future__ import annotations

from typing import Final

from patchstorm.history.events import Step
from patchstorm.history.model import Completion, Invocation, Operation

_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """A number of bytes as a person reads it."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_SIZES) - 1:
        value, unit = value / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{value:.4g} {_SIZES[unit]}"


def called(call: Invocation) -> str:
    """What was asked, without who asked."""
    verb = call.request.method if call.request is not None else call.kind
    span = "" if call.offset is None else f" [{call.offset}, {call.offset + (call.length or 0)})"
    content = f" content {call.content}" if call.content else ""
    again = "" if call.replay_of is None else f", op {call.replay_of} again"
    return f"{verb}{span}{content}{again}"


def answered(end: Completion) -> str:
    """How it ended."""
    if end.status is None:
        return "no answer" if end.error is None else f"no answer: {end.error.value}"
    offset = "" if end.offset is None else f", offset {end.offset}"
    return f"{end.status}{offset}"


def stepped(step: Step) -> str:
    """A file-system call and its result."""
    parts = [step.call, step.path]
    if step.to is not None:
        parts += ["to", step.to]
    if step.length is not None:
        parts += [str(step.length), "bytes"]
    at = step.offset if step.offset is not None else step.size
    if at is not None and step.call in ("write", "pwrite", "pread", "read"):
        parts += ["at", str(at)]
    if step.result:
        parts += ["->", step.result]
    return " ".join(part for part in parts if part)


def request_text(operation: Operation) -> str:
    """The request as it was sent, as far as it was noted; a body is named and not shown."""
    call = operation.call
    if call.probe is not None:
        head = [f"{call.probe.method} {call.probe.to or '(the creation URL)'} HTTP/1.1"]
        head += [f"{name}: {value}" for name, value in call.probe.headers]
        return "\n".join([*head, "", call.probe.body or ""])
    if call.request is None:
        return f"{called(call)} (its head was not noted)"
    head = [f"{call.request.method} {call.request.path} HTTP/1.1"]
    head += [f"{name}: {value}" for name, value in call.request.headers]
    if call.length:
        sent = "" if operation.end is None else f", {operation.end.sent} of them sent"
        head += ["", f"({call.length} bytes of content {call.content}{sent})"]
    return "\n".join(head)


def answer_text(operation: Operation, said: str) -> str:
    """The answer as it came; ``said`` is its body, where it was noted."""
    end = operation.end
    if end is None:
        return "(the run ended first)"
    if end.status is None:
        return f"({answered(end)})"
    head = [f"HTTP/1.1 {end.status}", *(f"{name}: {value}" for name, value in end.headers.items())]
    return "\n".join([*head, "", said] if said else head)

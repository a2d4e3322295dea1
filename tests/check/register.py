"""Registers and their histories in the notation that Jepsen logs and other checkers' tests use.

    INFO  jepsen.util - 0  :invoke  :write  3
    INFO  jepsen.util - 0  :ok      :write  3

``:ok`` happened, ``:fail`` did not, ``:info`` is unknown (the process is never heard of again). A
read of ``nil`` reads the empty register; a cas is ``[old new]``.
"""

from __future__ import annotations

import re
from typing import Any

from patchstorm.check.wgl import Entry

_LINE = re.compile(r"(\d+)\s+:(invoke|ok|fail|info)\s+:(read|write|cas)\s+(\[[^\]]*\]|\S+)")
Op = tuple[str, Any]


def parse(text: str) -> list[Entry[Op]]:
    """Entries of a log, one time unit a line. Failed operations are left out."""
    entries: list[Entry[Op]] = []
    pending: dict[int, tuple[int, Op]] = {}
    found = [match for line in text.splitlines() if (match := _LINE.search(line))]
    for time, match in enumerate(found):
        process, what, name, value = match.groups()
        if what == "invoke":
            pending[int(process)] = (time, (name, _value(value)))
            continue
        if int(process) not in pending:
            continue
        call, op = pending.pop(int(process))
        if what == "ok":
            seen = _value(value) if name == "read" else op[1]
            entries.append(_entry((name, seen), call, time))
        elif what == "info" and name != "read":
            entries.append(_entry(op, call, None))
    entries += [_entry(op, call, None) for call, op in pending.values() if op[0] != "read"]
    return entries


def _entry(op: Op, call: int, end: int | None) -> Entry[Op]:
    return Entry(op=op, call=call, end=end, pure=op[0] == "read")


def _value(text: str) -> Any:
    if text.startswith("["):
        return tuple(int(part) for part in text[1:-1].split())
    return None if text in ("nil", ":timed-out") else int(text)


def step(state: int | None, op: Op) -> tuple[int | None, ...]:
    """A register with compare-and-set."""
    name, value = op
    if name == "read":
        return (state,) if value == state else ()
    if name == "write":
        return (value,)
    old, new = value
    return (new,) if state == old else ()

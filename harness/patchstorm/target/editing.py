"""Correcting a target's file, with everything else left as its author wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Array

from patchstorm.target.load import parse_target, read_text

ONE_LINE_MAX = 4
ADDED_TO = ("files.internal", "files.leftovers")
"""Keys whose values are lists that grow; any other value is replaced."""
Values = Mapping[str, str | Sequence[str]]
"""By dotted key of the file."""


def corrected(
    text: str, capabilities: Sequence[str], variant: str = "", values: Values | None = None
) -> str:
    """``text`` with its ``capabilities``, or those of its ``variant``, made to be these.

    ``values`` are set besides, those of [files] and [phases] in the variant where it has its own.
    """
    document = tomlkit.parse(text)
    table = document["variants"][variant] if variant else document
    listed = table.get("capabilities")
    if not isinstance(listed, Array):
        table["capabilities"] = tomlkit.array()
        listed = table["capabilities"]
    _listed(listed, capabilities)
    for key, value in (values or {}).items():
        top = key.partition(".")[0]
        _set(table if top in table else document, key, value)
    return tomlkit.dumps(document)


def _listed(listed: Array, wanted: Sequence[str]) -> None:
    """Take out what is not wanted and add what is missing, with the rest and its comments left alone."""
    for name in [str(item) for item in listed]:
        if name not in wanted:
            listed.remove(name)
    for name in wanted:
        if name not in [str(item) for item in listed]:
            listed.append(name)
    if "\n" not in listed.as_string() and len(listed) > ONE_LINE_MAX:
        listed.multiline(True)


def _set(document: Any, key: str, value: str | Sequence[str]) -> None:
    *tables, name = key.split(".")
    table = document
    for one in tables:
        if one not in table:
            table[one] = tomlkit.table()
        table = table[one]
    if isinstance(value, str):
        table[name] = value
        return
    listed = table.get(name)
    if not isinstance(listed, Array):
        table[name] = tomlkit.array()
        listed = table[name]
    kept = [str(item) for item in listed] if key in ADDED_TO else []
    _listed(listed, [*kept, *(one for one in value if one not in kept)])


def correct(
    path: Path, capabilities: Sequence[str], variant: str = "", values: Values | None = None
) -> None:
    """Rewrite the file at ``path``. What would no longer be a target's file is never written."""
    before = read_text(path)
    ends = "\r\n" if "\r\n" in before else "\n"
    text = corrected(before.replace("\r\n", "\n"), capabilities, variant, values)
    parse_target(text, source=str(path), here=str(path.parent))
    path.write_text(text, encoding="utf-8", newline=ends)

"""Correcting the capability list of a target's file, with everything else left as its author wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tomlkit
from tomlkit.items import Array

from patchstorm.target.load import parse_target, read_text

ONE_LINE_MAX = 4


def corrected(text: str, capabilities: Sequence[str], variant: str = "") -> str:
    """``text`` with its ``capabilities``, or those of its ``variant``, made to be these."""
    document = tomlkit.parse(text)
    table = document["variants"][variant] if variant else document
    listed = table.get("capabilities")
    if not isinstance(listed, Array):
        listed = tomlkit.array()
        table["capabilities"] = listed
    for name in [str(item) for item in listed]:
        if name not in capabilities:
            listed.remove(name)
    for name in capabilities:
        if name not in [str(item) for item in listed]:
            listed.append(name)
    if "\n" not in listed.as_string() and len(listed) > ONE_LINE_MAX:
        listed.multiline(True)
    return tomlkit.dumps(document)


def correct(path: Path, capabilities: Sequence[str], variant: str = "") -> None:
    """Rewrite the file at ``path``. What would no longer be a target's file is never written."""
    text = corrected(read_text(path), capabilities, variant)
    parse_target(text, source=str(path), here=str(path.parent))
    path.write_text(text, encoding="utf-8")

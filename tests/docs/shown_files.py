"""The files that a document shows."""

from __future__ import annotations

import re
from pathlib import Path


def write_files(document: Path, folder: Path) -> None:
    """Write each into ``folder``; a line before it names it."""
    text = document.read_text(encoding="utf-8")
    for name, body in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (folder / name).write_text(body, encoding="utf-8")

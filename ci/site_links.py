"""Links of the documents that lead out of ``docs`` lead to the repository on the site, if the file exists."""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath
from typing import Any

TOP = Path(__file__).resolve().parents[1]
_LINK = re.compile(r"\]\(([^)#\s]+)")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Called by mkdocs for every page."""
    folder = Path("docs", page.file.src_uri).parent

    def led(match: re.Match[str]) -> str:
        path = normpath(f"{folder.as_posix()}/{match[1]}")
        if "://" in match[1] or path.startswith("docs/") or not (TOP / path).exists():
            return match[0]
        kind = "tree" if (TOP / path).is_dir() else "blob"
        return f"]({config.repo_url.rstrip('/')}/{kind}/main/{path}"

    return _LINK.sub(led, markdown)

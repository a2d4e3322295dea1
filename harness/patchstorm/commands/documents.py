"""``patchstorm docs``: the documents that came with this release, where they are and what they say.

In an installed wheel they lie in the package (``patchstorm/docs``), in a checkout beside the source roots.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path
from typing import Final

from patchstorm.errors import UsageError
from patchstorm.reading import read_text
from patchstorm.scenario.units import nearest

INDEX: Final = "index"


def execute(name: str | None) -> int:
    """Print the document called ``name``, or where all are and what each is about."""
    pages = documents()
    if name is None:
        _tell(pages)
        return 0
    wanted = name.removeprefix("docs/").removesuffix(".md")
    if wanted not in pages:
        raise UsageError(f"there is no document `{name}`; {nearest(wanted, list(pages))}")
    sys.stdout.write(_read(pages[wanted]))
    return 0


def documents() -> dict[str, Path]:
    """Every document by its name, the path below the directory without ``.md``; the index first."""
    folder = directory()
    pages = {path.relative_to(folder).with_suffix("").as_posix(): path for path in _found(folder)}
    return dict(sorted(pages.items(), key=lambda page: (page[0] != INDEX, page[0])))


def directory() -> Path:
    """Where the documents of this release are."""
    packaged = Path(str(resources.files("patchstorm"))) / "docs"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "docs"


def _found(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.md") if path.is_file()]


def _read(path: Path) -> str:
    return read_text(path, "It is part of this release; install Patchstorm anew.")


def _tell(pages: dict[str, Path]) -> None:
    sys.stdout.write(f"{directory()}\n\n")
    width = max(map(len, pages), default=0)
    for name, path in pages.items():
        sys.stdout.write(f"{name:{width}}  {_title(path)}\n")
    sys.stdout.write("\n`patchstorm docs NAME` prints one.\n")


def _title(path: Path) -> str:
    first = _read(path).lstrip().partition("\n")[0]
    return first.removeprefix("# ").replace("`", "")

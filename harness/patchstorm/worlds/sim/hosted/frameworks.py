"""Installed packages that hold what must die with a process: Django, and whatever is made for it.

Django keeps settings, the registry of its applications and the patterns of URLs in its modules. Packages that
import it hold its classes, so they are imported anew with it; shared ones would hold those of a process
that is dead. Whether a package is one of them is read in its source, since names and metadata do not tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.machinery import PathFinder
from itertools import islice
from pathlib import Path
from typing import Final

DJANGO: Final = "django"
FILES_MAX: Final = 2_000
_IMPORT: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t]+django(?![\w-])", re.MULTILINE)


def uses_django(here: str, tops: Iterable[str], path: Sequence[str]) -> bool:
    """Whether a server does, that consists of these top-level modules and of what lies in ``here``."""
    beside = Path(here)
    near = islice((*beside.glob("*.py"), *beside.glob("*/*.py")), FILES_MAX)
    return any(map(_imports_it, near)) or any(_made_for_it(top, (here, *path)) for top in tops)


@cache
def made_for_django(top: str, path: tuple[str, ...]) -> bool:
    """Whether an installed top-level module is Django, or imports it somewhere."""
    return top == DJANGO or _made_for_it(top, path)


def _made_for_it(top: str, path: Sequence[str]) -> bool:
    spec = PathFinder.find_spec(top, list(path))
    if spec is None:
        return False
    places = [Path(one) for one in spec.submodule_search_locations or ()]
    if not places and spec.origin is not None:
        places = [Path(spec.origin)]
    return any(map(_imports_it, islice(_sources(places), FILES_MAX)))


def _sources(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from place.rglob("*.py")
        elif place.suffix == ".py":
            yield place


def _imports_it(file: Path) -> bool:
    try:
        text = file.read_bytes()
    except OSError:
        return False
    return b"django" in text and _IMPORT.search(text) is not None

"""The lowest versions that ``pyproject.toml`` promises to work with, as constraints for pip.

python ci/lowest.py [EXTRA ...] >constraints.txt
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
_BOUND = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?\s*(>=|==)\s*(?P<version>[0-9.]+)")


def constraints(project: Path, extras: Iterable[str] = ()) -> Iterator[str]:
    """``NAME==VERSION`` for what is always needed and for ``extras``. ValueError where there is no bound."""
    tables = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    wanted = list(tables["dependencies"])
    for extra in extras:
        wanted += tables["optional-dependencies"][extra]
    for line in wanted:
        if line.startswith(f"{tables['name']}["):
            continue  # an extra of our own, which whoever wants it names
        match = _BOUND.match(line)
        if match is None:
            raise ValueError(f"{line}: has no lower bound; write one as >=")
        yield f"{match['name']}=={match['version']}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in constraints(PROJECT, sys.argv[1:]))

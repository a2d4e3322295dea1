"""Where storms come from: those that are shipped, and anybody's file.

In an installed wheel the storms lie in the package (``patchstorm/scenarios``), in a checkout beside
the source roots (``scenarios``). This is the one module of the scenario layer that reads files.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

from patchstorm.errors import UsageError
from patchstorm.reading import read_text
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.schema import parse
from patchstorm.scenario.units import nearest


def names() -> tuple[str, ...]:
    """The shipped storms, in alphabetical order."""
    return tuple(sorted(_shipped()))


def load(name_or_path: str) -> Scenario:
    """A shipped storm by its name, or a file by its path (anything ending in ``.toml``)."""
    path = _shipped().get(name_or_path)
    if path is None:
        path = Path(name_or_path)
        if path.suffix != ".toml":
            raise UsageError(
                f'there is no scenario "{name_or_path}"; {nearest(name_or_path, list(names()))} '
                "(a file of yours needs its path, ending in .toml)"
            )
    return load_file(path)


def given(scenario: Scenario | str) -> Scenario:
    """A storm that was handed over, or the one that is called so, as :func:`load` finds it."""
    return load(scenario) if isinstance(scenario, str) else scenario


def load_file(path: Path) -> Scenario:
    """The storm in a file; its name is the file's stem. Raises UsageError."""
    text = read_text(path, "A storm is a file in TOML; check the path.")
    return parse(text, name=path.stem, file=str(path))


def load_all() -> tuple[Scenario, ...]:
    """Every shipped storm, in alphabetical order."""
    return tuple(load_file(_shipped()[name]) for name in names())


def is_shipped(scenario: Scenario) -> bool:
    """Whether it is one of the shipped storms, as it is shipped."""
    path = _shipped().get(scenario.name)
    return path is not None and load_file(path) == scenario


@cache
def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_directory().glob("*.toml"))}


def _directory() -> Path:
    packaged = Path(str(resources.files("patchstorm"))) / "scenarios"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "scenarios"

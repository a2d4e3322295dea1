"""Defaults of ``patchstorm run`` that a project keeps: ``patchstorm.toml``, or ``[tool.patchstorm]``.

Looked for in the working directory alone, as everything else that a command names. What is typed counts more.
Where both files say something, ``patchstorm.toml`` counts, as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from patchstorm.errors import UsageError
from patchstorm.reading import parse_toml, read_text, told
from patchstorm.scenario.units import nearest

OWN_FILE: Final = Path("patchstorm.toml")
PROJECT_FILE: Final = Path("pyproject.toml")
_REMEDY: Final = "It holds the defaults of `patchstorm run`: make it readable, or take it away."


class Settings(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True,
    rename="kebab",
):  # fmt: skip
    """The options of ``patchstorm run``, each under its own name; ``scenarios`` stands before them."""

    scenarios: list[str] | msgspec.UnsetType = msgspec.UNSET
    exclude: list[str] | msgspec.UnsetType = msgspec.UNSET
    target: str | msgspec.UnsetType = msgspec.UNSET
    world: str | msgspec.UnsetType = msgspec.UNSET
    storage: str | msgspec.UnsetType = msgspec.UNSET
    replicas: int | msgspec.UnsetType = msgspec.UNSET
    seed: int | msgspec.UnsetType = msgspec.UNSET
    schedules: int | msgspec.UnsetType = msgspec.UNSET
    seconds: float | msgspec.UnsetType = msgspec.UNSET
    exitfirst: bool | msgspec.UnsetType = msgspec.UNSET
    jobs: int | msgspec.UnsetType = msgspec.UNSET
    out: str | msgspec.UnsetType = msgspec.UNSET
    junit: str | msgspec.UnsetType = msgspec.UNSET
    badge: str | msgspec.UnsetType = msgspec.UNSET
    unclaimed: bool | msgspec.UnsetType = msgspec.UNSET
    confirm: int | msgspec.UnsetType = msgspec.UNSET
    allow_unreached: bool | msgspec.UnsetType = msgspec.UNSET
    corpus: str | msgspec.UnsetType = msgspec.UNSET
    no_corpus: bool | msgspec.UnsetType = msgspec.UNSET


_OPTION: Final = re.compile(r"--([a-z-]+)[ :]")
_PARAMETERS: Final = {"scenarios": "scenario", "exitfirst": "first"}
"""Where the command's function calls an option otherwise than the command line does."""


def defaults() -> dict[str, Any]:
    """What the project says, by the parameters of the command; UsageError that names file and key."""
    return _found()[1]


def blamed(message: str, from_file: Callable[[str], bool]) -> str:
    """``message`` of an option, with file and key if ``from_file`` says that nobody typed it."""
    option = _OPTION.match(message)
    key = option[1] if option is not None else ""
    if key not in Settings.__struct_encode_fields__ or not from_file(_parameter(key)):
        return message
    end = "" if message.endswith(("?", ".")) else "."
    return f"{message}{end} `{key}` stands in {_found()[0]}."


def _parameter(key: str) -> str:
    name = key.replace("-", "_")
    return _PARAMETERS.get(name, name)


def _found() -> tuple[Path, dict[str, Any]]:
    for path, within in ((OWN_FILE, ()), (PROJECT_FILE, ("tool", "patchstorm"))):
        if not path.exists():
            continue
        table: Any = parse_toml(read_text(path, _REMEDY), str(path))
        for key in within:
            table = table.get(key, {}) if isinstance(table, dict) else {}
        if within and not table:
            continue
        settings = _settings(table, f"{path}: {''.join(f'{key}.' for key in within)}")
        given = {
            name: value
            for name in settings.__struct_fields__
            if (value := getattr(settings, name)) is not msgspec.UNSET
        }
        return path, {_parameter(name): value for name, value in given.items()}
    return OWN_FILE, {}


def _settings(table: Any, where: str) -> Settings:
    names = list(Settings.__struct_encode_fields__)
    if not isinstance(table, dict):
        raise UsageError(
            f"{where.rstrip('.')}: is no table. Write [tool.patchstorm] above its keys."
        )
    for key in table:
        if key not in names:
            raise UsageError(told(f"{where}{key}: unknown key; {nearest(key, names)}"))
    try:
        return msgspec.convert(table, Settings)
    except msgspec.ValidationError as error:
        message, _, key = str(error).partition(" - at `$.")
        raise UsageError(
            told(f"{where}{key.rstrip('`')}: {message}. docs/cli.md says what each option takes.")
        ) from None

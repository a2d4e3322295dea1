"""Reading a target's TOML file, strictly: every mistake is named with file, line, key and remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from patchstorm.dialect.wire import Wire
from patchstorm.errors import UsageError
from patchstorm.history.model import DocumentFields, Progress
from patchstorm.reading import parse_toml, told
from patchstorm.reading import read_text as read
from patchstorm.scenario.units import nearest
from patchstorm.target.lines import Mistake, line_of
from patchstorm.target.meaning import check_meaning
from patchstorm.target.model import (
    Companion,
    Container,
    Files,
    Install,
    Known,
    Ready,
    Settle,
    Simulate,
    Start,
    Target,
    Variant,
)
from patchstorm.target.sanity import check_values

TABLES: dict[str, type[msgspec.Struct]] = {
    "start": Start,
    "companion": Companion,
    "container": Container,
    "ready": Ready,
    "wire": Wire,
    "files": Files,
    "settle": Settle,
    "install": Install,
    "simulate": Simulate,
}
FILLED_IN = ("here", "origin")


def load_target(path: Path) -> Target:
    """The target that the TOML file at ``path`` describes; UsageError if it describes none."""
    return parse_target(
        read_text(path),
        source=str(path),
        here=str(path.resolve().parent),
        origin=str(path.resolve()),
    )


def read_text(path: Path) -> str:
    """What the file at ``path`` holds; UsageError if it cannot be read."""
    return read(
        path,
        "Give the path of a target's TOML file; `patchstorm target new FILE` writes one to start from.",
    )


def parse_target(text: str, *, source: str, here: str = ".", origin: str = "") -> Target:
    """As :func:`load_target`, from text; ``source`` names it in errors."""
    document = parse_toml(text, source)
    try:
        _check_keys(document)
        target = _converted(document | {"here": here, "origin": origin})
        check_values(target)
        check_meaning(target)
    except Mistake as mistake:
        line = line_of(text, mistake.where, mistake.word)
        place = source if line is None else f"{source}:{line}"
        raise UsageError(told(f"{place}: {mistake.says}")) from None
    return target


def _converted(document: dict[str, Any]) -> Target:
    try:
        return msgspec.convert(document, Target)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$.")
        where = where.rstrip("`")
        says = f"{where}: {message}" if where else message
        raise Mistake(where, f"{says}. See docs/targets.md for each key.") from None


def _check_keys(document: dict[str, Any]) -> None:
    fields = tuple(name for name in _fields(Target) if name not in FILLED_IN)
    _known(document, fields, "")
    for table, struct in TABLES.items():
        _known_table(document.get(table), struct, table)
    wire = document.get("wire")
    if isinstance(wire, dict):
        _known_table(wire.get("progress"), Progress, "wire.progress")
        _known_table(wire.get("document"), DocumentFields, "wire.document")
    for entry in _tables(document.get("known")):
        _known_table(entry, Known, "known")
    variants = document.get("variants")
    if not isinstance(variants, dict):
        return
    for name, variant in variants.items():
        where = f"variants.{name}"
        _known_table(variant, Variant, where)
        if isinstance(variant, dict):
            _known_table(variant.get("files"), Files, f"{where}.files")


def _tables(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _known_table(table: object, struct: type[msgspec.Struct], where: str) -> None:
    if isinstance(table, dict):
        _known(table, _fields(struct), where)


def _known(table: dict[str, Any], names: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in names:
            full = f"{where}.{key}" if where else key
            raise Mistake(full, f"unknown key `{full}`: {nearest(key, list(names))}")


def _fields(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return struct.__struct_fields__

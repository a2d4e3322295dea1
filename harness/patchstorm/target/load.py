"""Reading a target's TOML file, strictly: every mistake is named with its file, key and remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from string import Formatter
from typing import Any

import msgspec

from patchstorm.errors import UsageError
from patchstorm.scenario.units import nearest
from patchstorm.target.model import Files, Ready, Settle, Start, Target, Variant, Wire
from patchstorm.target.vocabulary import CAPABILITIES, NEEDS, PHASES, PLACEHOLDERS

TABLES: dict[str, type[msgspec.Struct]] = {
    "start": Start,
    "ready": Ready,
    "wire": Wire,
    "files": Files,
    "settle": Settle,
}


LIFETIME = ("lifetime_ms", "lifetime_s")
FILLED_IN = ("here", "origin")


def load_target(path: Path) -> Target:
    """The target that the TOML file at ``path`` describes; UsageError if it describes none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}). Give the path of a target's TOML file."
        ) from None
    return parse_target(
        text, source=str(path), here=str(path.resolve().parent), origin=str(path.resolve())
    )


def parse_target(text: str, *, source: str, here: str = ".", origin: str = "") -> Target:
    """As :func:`load_target`, from text; ``source`` names it in errors."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{source}: not valid TOML: {error}. Correct that line.") from None
    _check_keys(document, source)
    try:
        target = msgspec.convert(document | {"here": here, "origin": origin}, Target)
    except msgspec.ValidationError as error:
        raise UsageError(f"{source}: {_plain(error)}. See docs/targets.md for each key.") from None
    _check_meaning(target, source)
    return target


def _check_keys(document: dict[str, Any], source: str) -> None:
    fields = tuple(name for name in _fields(Target) if name not in FILLED_IN)
    _known(document, fields, source, "")
    for table, struct in TABLES.items():
        _known_table(document.get(table), struct, source, table)
    variants = document.get("variants")
    if not isinstance(variants, dict):
        return
    for name, variant in variants.items():
        where = f"variants.{name}"
        _known_table(variant, Variant, source, where)
        if isinstance(variant, dict):
            _known_table(variant.get("files"), Files, source, f"{where}.files")


def _known_table(table: object, struct: type[msgspec.Struct], source: str, where: str) -> None:
    if isinstance(table, dict):
        _known(table, _fields(struct), source, where)


def _known(table: dict[str, Any], names: tuple[str, ...], source: str, where: str) -> None:
    for key in table:
        if key not in names:
            full = f"{where}.{key}" if where else key
            raise UsageError(f"{source}: unknown key `{full}`: {nearest(key, list(names))}")


def _fields(struct: type[msgspec.Struct]) -> tuple[str, ...]:
    return struct.__struct_fields__


def _plain(error: msgspec.ValidationError) -> str:
    """msgspec's message with the key first: ``start.command: Expected `array`, got `str```."""
    message, _, where = str(error).partition(" - at `$.")
    return f"{where.rstrip('`')}: {message}" if where else message


def _check_meaning(target: Target, source: str) -> None:
    _check_words(target.capabilities, CAPABILITIES, source, "capabilities")
    _check_words(target.needs, NEEDS, source, "needs")
    _check_words(target.phases, PHASES, source, "phases")
    _check_reading(target.capabilities, source, "capabilities")
    for name, variant in target.variants.items():
        where = f"variants.{name}"
        if variant.capabilities is not None:
            _check_words(variant.capabilities, CAPABILITIES, source, f"{where}.capabilities")
            _check_reading(variant.capabilities, source, f"{where}.capabilities")
        _check_words(variant.needs or (), NEEDS, source, f"{where}.needs")
        _check_words(variant.phases or {}, PHASES, source, f"{where}.phases")
        _check_templates(variant.arguments, source, f"{where}.arguments")
    if not target.start.command:
        raise UsageError(f"{source}: start.command is empty. Give the program and its arguments.")
    _check_templates(target.start.command, source, "start.command")
    _check_templates(target.start.lifetime, source, "start.lifetime", LIFETIME)
    _check_ready(target, source)
    _check_wire(target, source)


def _check_words(words: Iterable[str], known: Iterable[str], source: str, where: str) -> None:
    for word in words:
        if word not in known:
            raise UsageError(
                f"{source}: {where}: unknown word `{word}`: {nearest(word, list(known))}"
            )


def _check_reading(capabilities: tuple[str, ...], source: str, where: str) -> None:
    both = {"offset-addressed", "sequential"} & set(capabilities)
    if len(both) != 1:
        raise UsageError(
            f"{source}: {where}: exactly one of `offset-addressed` and `sequential` is needed. "
            "Choose `sequential` for a server that refuses a PATCH at any other than the current "
            "offset, as tus 1.0.0 demands."
        )


def _check_templates(
    parts: tuple[str, ...], source: str, where: str, more: tuple[str, ...] = ()
) -> None:
    known = [name for name in PLACEHOLDERS if name not in LIFETIME or name in more]
    for index, part in enumerate(parts):
        check_template(part, known, source, f"{where}[{index}]")


def check_template(text: str, known: Iterable[str], source: str, where: str) -> None:
    """UsageError unless ``text`` holds only ``{placeholders}`` that are ``known``."""
    try:
        names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise UsageError(
            f"{source}: {where}: {error} in `{text}`. Write a literal brace twice."
        ) from None
    for name in names:
        if name not in known:
            raise UsageError(
                f"{source}: {where}: unknown placeholder `{{{name}}}`: {nearest(name, list(known))}"
            )


def _check_ready(target: Target, source: str) -> None:
    ready = target.ready
    if ready.by == "line" and ready.line is None:
        raise UsageError(
            f'{source}: ready.line is missing. With `by = "line"` give the regular expression '
            "that shows in the output once the server listens."
        )
    if ready.line is not None:
        if ready.by != "line":
            raise UsageError(f'{source}: ready.line is unused. Set `by = "line"` or remove it.')
        try:
            re.compile(ready.line)
        except re.error as error:
            raise UsageError(f"{source}: ready.line: not a regular expression: {error}.") from None
    if not ready.reports_port and not any("{port}" in part for part in target.start.command):
        raise UsageError(
            f"{source}: start.command has no `{{port}}`. Pass the port to the server, or let it "
            "choose one and report it in a line that `ready.line` reads with a group `port`."
        )


def _check_wire(target: Target, source: str) -> None:
    if not target.wire.path.startswith("/"):
        raise UsageError(f"{source}: wire.path: `{target.wire.path}` must begin with a slash.")
    if target.wire.status is not None:
        check_template(target.wire.status, ("path", "query"), source, "wire.status")
    if ("status" in target.capabilities) != (target.wire.status is not None):
        raise UsageError(
            f"{source}: capability `status` and key `wire.status` go together: "
            "give both or neither."
        )
    check_template(target.files.published, ("target", "id"), source, "files.published")
    if target.files.stored is not None:
        check_template(target.files.stored, ("id", "offset"), source, "files.stored")

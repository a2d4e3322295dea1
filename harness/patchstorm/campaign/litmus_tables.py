"""The tables of a file of litmus programs, read strictly: a mistake is told with program, key and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from patchstorm.errors import UsageError
from patchstorm.reading import told
from patchstorm.scenario.units import nearest

REMEDY: Final = "A file of litmus programs is described in docs/nfs.md."
MOUNTS: Final = '["nfs3", "nfs4.2"]'


class SeenTable(msgspec.Struct):
    """``[[program.seen]]``: what a mount elsewhere gave."""

    mount: str
    outcome: str


class ProgramTable(msgspec.Struct):
    """``[[program]]``. ``mounts`` is None where the key is left out."""

    name: str
    steps: str
    about: str = ""
    mounts: list[str] | None = None
    seen: list[SeenTable] = []


EXAMPLES: Final = {
    "name": '"two-writers"',
    "steps": '"A w f x"',
    "about": '"what it is about"',
    "mounts": MOUNTS,
    "mount": '"nfs4.2"',
    "outcome": "'[null, 3]'",
}
"""How a value is written."""
Table = TypeVar("Table", SeenTable, ProgramTable)


def litmus_tables(document: dict[str, Any], source: str) -> Iterator[ProgramTable]:
    """The programs of ``document``, one after the other. UsageError, which begins with ``source``."""
    for key in document:
        if key != "program":
            raise UsageError(
                told(f"{source}: unknown key `{key}`: {nearest(key, ['program'])}. {REMEDY}")
            )
    for number, found in enumerate(_tables(document, "program", source), start=1):
        name = found.get("name")
        where = f"{source}: program {f'`{name}`' if isinstance(name, str) else number}"
        seen = (
            [
                _table(one, SeenTable, f"{where}: [[program.seen]] {at}")
                for at, one in enumerate(_tables(found, "seen", where), start=1)
            ]
            if "seen" in found
            else []
        )
        program = _table(found | {"seen": []}, ProgramTable, where)
        program.seen = seen
        yield program


def _tables(document: dict[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    found = document.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        header = "[[program]]" if key == "program" else "[[program.seen]]"
        raise UsageError(
            f"{where}: `{key}` is one or more tables, each begun with {header}. {REMEDY}"
        )
    return found


def _table(found: dict[str, Any], struct: type[Table], where: str) -> Table:
    known = struct.__struct_fields__
    for key in found:
        if key not in known:
            raise UsageError(told(f"{where}: unknown key `{key}`: {nearest(key, list(known))}"))
    for field in msgspec.structs.fields(struct):
        if field.required and field.name not in found:
            raise UsageError(
                told(f"{where}: `{field.name}` is missing; write it, as in {_example(field.name)}.")
            )
    try:
        return msgspec.convert(found, struct)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`").partition("[")[0]
        raise UsageError(
            told(f"{where}: `{key}`: {message}; write it as in {_example(key)}.")
        ) from None


def _example(key: str) -> str:
    return f"`{key} = {EXAMPLES[key]}`"

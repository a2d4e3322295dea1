"""``patchstorm schema``: JSON Schemas of the files that people write and programs read."""

from __future__ import annotations

import sys
from typing import Any, Final

import msgspec

from patchstorm.errors import UsageError
from patchstorm.scenario.units import nearest

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"  # what msgspec.json.schema makes
KINDS: Final = {
    "config": "patchstorm.toml, and [tool.patchstorm] in pyproject.toml",
    "failure": "the file of a failure",
    "matrix": "what `patchstorm matrix --json` prints",
    "report": "what `run --json` and `explore --json` print",
    "scenario": "a storm's file",
    "target": "a target's file",
}


def execute(kind: str) -> int:
    """Print the schema of ``kind``."""
    if kind not in KINDS:
        raise UsageError(f"{kind}: there is no schema of that; {nearest(kind, list(KINDS))}")
    schema = {"$schema": DRAFT, **schema_of(kind), "title": KINDS[kind]}
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n")
    return 0


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of one of KINDS, made from what they are read and written by."""
    if kind == "config":
        from patchstorm.commands.settings import Settings

        return msgspec.json.schema(Settings)
    if kind == "failure":
        from patchstorm.campaign.failure import Failure

        return msgspec.json.schema(Failure)
    if kind == "matrix":
        from patchstorm.report.matrix import Matrix

        return msgspec.json.schema(Matrix)
    if kind == "report":
        from patchstorm.report.model import Report

        return msgspec.json.schema(Report)
    if kind == "scenario":
        from patchstorm.scenario.json_schema import schema

        return schema()
    return _target()


def _target() -> dict[str, Any]:
    """What stands in a target's file; the loader fills in the rest."""
    from patchstorm.target.load import FILLED_IN
    from patchstorm.target.model import Target

    schema = msgspec.json.schema(Target)
    for name in FILLED_IN:
        del schema["$defs"]["Target"]["properties"][name]
    return schema

"""The JSON Schema of a storm's file, from the tables that the reader goes by.

It says which keys there are for which kind and what values look like. What :mod:`patchstorm.scenario.schema`
checks beyond, as bounds of values with a unit and what goes together, has no place in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from patchstorm.scenario.faults import FAULTS, OPS, Fault
from patchstorm.scenario.model import TriggerKind
from patchstorm.scenario.options import Option, Unit, options_of
from patchstorm.scenario.reach import REACHES
from patchstorm.scenario.schema import CLOSINGS, CREATIONS, POLICIES, STORAGE, key_of
from patchstorm.scenario.units import DURATION_UNITS, SIZE_UNITS
from patchstorm.scenario.words import CAPABILITIES, PHASES
from patchstorm.scenario.workloads import WORKLOADS

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string", "minLength": 1}
_FLAG: Schema = {"type": "boolean"}
_UNITS: dict[Unit, Sequence[str]] = {
    "count": (),
    "permille": (),
    "bytes": tuple(SIZE_UNITS),
    "ms": tuple(DURATION_UNITS),
}


def schema() -> Schema:
    """The schema of the whole file."""
    return _table(
        {
            "title": _TEXT,
            "why": _TEXT,
            "requires": _words(tuple(CAPABILITIES)),
            "policy": {"enum": POLICIES},
            "closing": _spread("word", CLOSINGS),
            "convergence": _scalar("ms"),
            "scale": _FLAG,
            "worlds": _array(_TEXT) | {"minItems": 1},
            "fleet": _fleet(),
            "upload": _array(_upload()),
            "client": _array({"anyOf": [_client(name) for name in WORKLOADS]}),
            "fault": _array({"anyOf": [_fault(fault) for fault in FAULTS.values()]}),
            "compose": _table(
                {
                    "uploads": _spread("count"),
                    "clients": _spread("count"),
                    "faults": _spread("count"),
                    "round": _scalar("count"),
                }
            ),
            "expect": _table({"reaches": _words(tuple(REACHES))}),
        },
        required=("title", "why"),
    )


def _fleet() -> Schema:
    storage = _TEXT | {"pattern": f"^({STORAGE.pattern})$"}
    return _table(
        {
            "replicas": _spread("count"),
            "storage": {"anyOf": [storage, _array(storage) | {"minItems": 1}]},
            "balancer": _FLAG,
            "creation": _spread("word", CREATIONS),
            "workers": _spread("count"),
            "lock_wait": _spread("ms"),
        }
    )


def _upload() -> Schema:
    return _table(
        {
            "id": _TEXT,
            "count": _spread("count"),
            "size": _spread("bytes"),
            "chunk": _spread("bytes"),
            "target": _TEXT,
            "overwrite": _FLAG,
            "unnamed": _FLAG,
            "expires": _spread("ms"),
            "parts": _spread("count"),
            "finals": _spread("count"),
            "deferred": _FLAG,
        },
        required=("size",),
    )


def _client(kind: str) -> Schema:
    own: dict[str, Schema] = {
        "name": _TEXT,
        "kind": {"const": kind},
        "count": _spread("count"),
        "uploads": _words(None),
        "start": _spread("ms"),
    }
    return _table(own | _options(options_of(WORKLOADS[kind].options)), required=("kind",))


def _fault(fault: Fault) -> Schema:
    aims = [
        {"pattern": "^replica-[0-9]+$"} if aim == "replica-N" else {"const": aim}
        for aim in fault.aims
    ]
    whom: Schema = {"type": "string", "anyOf": aims}
    own: dict[str, Schema] = {
        "kind": {"const": fault.name},
        "whom": {"anyOf": [whom, _array(whom) | {"minItems": 1}]},
        "times": _spread("count"),
        "when": {"anyOf": [_when(kind) for kind in fault.triggers]},
    }
    if fault.lasting:
        own["for"] = _spread("ms") | {"description": fault.lasting}
    return _table(own | _options(options_of(fault.options)), required=("kind",)) | {
        "description": fault.says
    }


def _when(kind: TriggerKind) -> Schema:
    nth = _spread("count")
    if kind == "path":
        path, op = _spread("word"), _spread("word", tuple(OPS))
        return _table({"path": path, "op": op, "nth": nth}, required=("path",))
    if kind == "phase":
        return _table({"phase": _spread("word", tuple(PHASES)), "nth": nth}, required=("phase",))
    unit: Unit = "bytes" if kind == "after_bytes" else "ms" if kind == "after_ms" else "count"
    return _table({kind: _spread(unit)}, required=(kind,))


def _options(options: Mapping[str, Option]) -> dict[str, Schema]:
    return {
        key_of(one): _spread(one.unit, one.words) | {"description": one.says}
        for one in options.values()
    }


def _spread(unit: Unit, words: Sequence[str] = ()) -> Schema:
    """A scalar, or a list to draw from; a range is a string as a quantity is."""
    one = _scalar(unit, words)
    return {"anyOf": [one, _array(one) | {"minItems": 1}]}


def _scalar(unit: Unit, words: Sequence[str] = ()) -> Schema:
    if unit == "flag":
        return _FLAG
    if unit == "word":
        return {"enum": words} if words else _TEXT
    names = "|".join(("", *_UNITS[unit]))  # a bare number is bytes, or milliseconds
    quantity = rf"-?[0-9]+\s*({names})"
    written = {"type": "string", "pattern": rf"^\s*{quantity}\s*(\.\.\s*{quantity}\s*)?$"}
    return {"anyOf": [{"type": "integer"}, written]}


def _words(words: Sequence[str] | None) -> Schema:
    one = _TEXT if words is None else {"enum": words}
    return _array(one) | {"uniqueItems": True}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _table(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }

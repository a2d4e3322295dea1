"""Options of workloads and faults: declared as msgspec structs, read from TOML, documented from both.

A field's annotation is the whole declaration: its type, its bounds, its unit and one sentence.

    class Options(msgspec.Struct, frozen=True):
        times: Annotated[int, count(1, 20, "how often each PATCH arrives")] = 3

The functions ``count``, ``size``, ``millis``, ``permille``, ``words`` and ``flag`` make that metadata.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from patchstorm.scenario.model import Scalar

Unit = Literal["count", "bytes", "ms", "permille", "flag", "word"]


class NoOptions(msgspec.Struct, frozen=True):
    """For workloads and faults that have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option as the schema and the documentation see it."""

    name: str
    unit: Unit
    says: str
    default: Scalar
    low: int | None = None
    high: int | None = None
    words: tuple[str, ...] = ()


def count(low: int, high: int, says: str) -> Any:
    """Metadata of a whole number within bounds."""
    return msgspec.Meta(ge=low, le=high, description=says, extra={"unit": "count"})


def size(low: int, says: str) -> Any:
    """Metadata of a number of bytes."""
    return msgspec.Meta(ge=low, description=says, extra={"unit": "bytes"})


def millis(says: str, *, high: int = 600_000) -> Any:
    """Metadata of a duration."""
    return msgspec.Meta(ge=0, le=high, description=says, extra={"unit": "ms"})


def permille(says: str) -> Any:
    """Metadata of a share of a thousand."""
    return msgspec.Meta(ge=0, le=1000, description=says, extra={"unit": "permille"})


def words(says: str, among: Callable[[], tuple[str, ...]] | None = None) -> Any:
    """Metadata of a ``Literal`` of strings, or of a plain string; ``among`` tells which, once it is asked."""
    return msgspec.Meta(description=says, extra={"unit": "word", "among": among})


def flag(says: str) -> Any:
    """Metadata of a boolean."""
    return msgspec.Meta(description=says, extra={"unit": "flag"})


def options_of(struct: type[msgspec.Struct]) -> dict[str, Option]:
    """What an options struct declares, by name, in order of declaration."""
    hints = typing.get_type_hints(struct, include_extras=True)
    fields = msgspec.structs.fields(struct)
    return {field.name: _option(field.name, hints[field.name], field.default) for field in fields}


def _option(name: str, hint: Any, default: Scalar) -> Option:
    if typing.get_origin(hint) is not Annotated:
        raise TypeError(f"option {name} needs metadata: Annotated[..., count(...)] or the like")
    base, meta = typing.get_args(hint)[:2]
    known = typing.get_args(base) if typing.get_origin(base) is Literal else ()
    among = meta.extra.get("among")
    return Option(
        name=name,
        unit=meta.extra["unit"],
        says=meta.description or "",
        default=default,
        low=meta.ge,
        high=meta.le,
        words=known if among is None else among(),
    )

"""What every start of a replica works out anew from the same input is worked out once.

A start executes the server's own modules afresh, and with them goes the work that frameworks do to set up
what these declare. Kept is only what depends on nothing but its key, and what nobody changes, so a process
cannot tell. What a framework keeps by the address of what dies with a process is forgotten instead.
"""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from functools import _lru_cache_wrapper, cache, lru_cache, wraps
from types import ModuleType
from typing import Any, Final

Replace = Callable[[Any, str, Any], None]
KEPT_MAX: Final = 4_096
PLAIN: Final = frozenset({str, bytes, int, float, bool, type(None), object, typing.Any})
_JOINS: Final = frozenset({typing.Union, types.UnionType, list, set, frozenset, tuple, dict})


def install(replace: Replace) -> None:
    """``inspect.getblock`` tokenizes source: FastAPI asks it about each endpoint, at its first request."""
    real = inspect.getblock

    @lru_cache(maxsize=KEPT_MAX)
    def kept(lines: tuple[str, ...]) -> list[str]:
        return real(list(lines))

    @wraps(real)
    def getblock(lines: Sequence[str]) -> list[str]:
        return list(kept(tuple(lines)))

    replace(inspect, "getblock", getblock)


def of_frameworks() -> None:
    """The same of the frameworks that have been imported by now."""
    fields = sys.modules.get("fastapi._compat.v2")
    if fields is not None:
        _fields_of_fastapi(fields)


def forget() -> None:
    """FastAPI knows endpoints by their address, where the next process may have another function.

    What kind of callable each one is it keeps for thousands of them, and each holds the modules of a process
    that is dead.
    """
    routing = sys.modules.get("fastapi.routing")
    known = getattr(routing, "_endpoint_context_cache", None)
    if isinstance(known, dict):
        known.clear()
    for one in vars(sys.modules.get("fastapi.dependencies.models", object)).values():
        if isinstance(one, _lru_cache_wrapper):
            one.cache_clear()


@cache
def _fields_of_fastapi(module: ModuleType) -> None:
    """A field of FastAPI's has a type adapter of pydantic's, which only reads once it is made.

    Another version of FastAPI, where this is not so, is left alone.
    """
    kind, described = getattr(module, "ModelField", None), getattr(module, "asdict", None)
    plain = getattr(kind, "__post_init__", None)
    if kind is None or described is None or plain is None:
        return
    kept: dict[Any, Any] = {}

    @wraps(plain)
    def __post_init__(self: Any) -> None:  # noqa: N807
        key = None if self.config else key_of(described(self.field_info))
        found = kept.get(key)
        if found is not None:
            self._type_adapter = found
            return
        before = set(vars(self))
        plain(self)
        if key is not None and len(kept) < KEPT_MAX and {*vars(self)} - before == {"_type_adapter"}:
            kept[key] = self._type_adapter

    kind.__post_init__ = __post_init__


def key_of(described: dict[str, Any]) -> Any:
    """All that a field's adapter is made of; None where a part is the server's own, or can be changed."""
    annotation, attributes = described["annotation"], described["attributes"]
    shape = _shape(annotation)
    if shape is None or described["metadata"]:
        return None
    values = tuple((name, type(value), value) for name, value in attributes.items())
    if all(kind in PLAIN or _single(kind) for _, kind, _ in values):
        return shape, values
    return None


def _single(kind: type) -> bool:
    """Of ``...`` and pydantic's word for "no default" there is one each."""
    return kind is types.EllipsisType or kind.__name__ == "PydanticUndefinedType"


def _shape(annotation: Any) -> Any:
    """The annotation as a key, the order of its parts included; None unless it is built of plain types."""
    if isinstance(annotation, type) and annotation in PLAIN:
        return annotation
    if annotation is typing.Any:
        return annotation
    joined = typing.get_origin(annotation)
    if joined not in _JOINS:
        return None
    parts = tuple(_shape(one) for one in typing.get_args(annotation))
    return None if None in parts else (joined, parts)

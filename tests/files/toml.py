"""Documents as TOML, as far as one can be: what the standard library only reads."""

from __future__ import annotations

import json
import math
from typing import Any


def written(document: dict[str, Any]) -> str:
    """``document`` with tables inline; None, which TOML has not, is left out."""
    return "".join(
        f"{json.dumps(key)} = {_value(value)}\n"
        for key, value in document.items()
        if value is not None
    )


def _value(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=True).replace("\x7f", "\\u007f")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else "inf"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    if isinstance(value, dict):
        items = (
            f"{json.dumps(key)} = {_value(item)}" for key, item in value.items() if item is not None
        )
        return "{" + ", ".join(items) + "}"
    return str(value)

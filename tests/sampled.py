"""Cases of one kind of which some are enough for every day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_in(n: int, cases: Iterable[Any]) -> list[Any]:
    """``cases`` for ``parametrize``: the first and every ``n``-th after it as they are, the others slow."""
    rows = [case if isinstance(case, tuple) else (case,) for case in cases]
    return [
        pytest.param(*row, marks=pytest.mark.slow if at % n else []) for at, row in enumerate(rows)
    ]

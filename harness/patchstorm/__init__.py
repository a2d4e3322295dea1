"""Patchstorm: storms for resumable-upload servers, and proof of what was kept.

Promised to users: the command line with its exit codes, what ``--json`` prints, the formats of histories,
failures, storm files and targets' files, :mod:`patchstorm.api`, and :func:`storm` for tests. Everything else
is internal, and may change at any release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__version__ = "0.1.0"

_Test = TypeVar("_Test", bound=Callable[..., Any])


def storm(
    scenario: object,
    *,
    target: object = None,
    world: str | None = None,
    seed: int = 1,
    schedules: int | None = None,
    storage: str | None = None,
    replicas: int | None = None,
    verdict: str | None = "safe",
) -> Callable[[_Test], _Test]:
    """A test of yours that storms: its argument ``storm`` is an `api.Explored` or an `api.StormResult`.

    ``scenario`` is a name, a file or an `api.Scenario`; ``target`` a name, a file, an `api.Target` or an
    `api.Subject`, which runs in the simulator; None: that of ``--patchstorm-target``. ``world`` None is the
    first of ``--patchstorm-worlds``. The test fails before its first line unless the storm comes to
    ``verdict``; with None any will do.
    """
    import pytest  # and no module of ours above: every start of the command imports this one

    mark = pytest.mark.storm(
        scenario, target=target, world=world, seed=seed, schedules=schedules, storage=storage,
        replicas=replicas, verdict=verdict,
    )  # fmt: skip
    return lambda test: pytest.mark.usefixtures("storm")(mark(test))

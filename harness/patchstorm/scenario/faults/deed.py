"""What a fault does, as steps over what a world is able to do: the same deed in virtual time and in real.

A deed is a generator. It asks abilities of a world and yields what they give back, which is whatever has
to be waited for and is that world's own affair; :data:`LAST` waits as long as the fault lasts, and
:class:`Together` has several deeds go on side by side. The simulator goes on with a deed from timers, the
worlds of real processes from a task. Either way all up to the first ``yield`` is done at the moment of the
strike. With healing every ``LAST`` is over at once, so what a deed has still to take back is taken back.

What it asks is the type of its first parameter, ``on``: a protocol of abilities. A world whose abilities fit
can bring the fault about (:func:`fits`); nobody has to write down which do.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_type_hints

from patchstorm.scenario.plan import FaultPlan

Hit = tuple[int, ...]
"""Indices of replicas; empty where a fault hits the storage or nobody in particular."""

Steps = Generator[object, None, None]
Deed = Callable[[Any, FaultPlan, Hit], Steps]
LAST: Final[object] = object()


@dataclass(frozen=True, slots=True)
class Together:
    """Deeds that go on side by side; it is over when all of them are."""

    deeds: tuple[Steps, ...]


@cache
def fits(deed: Deed, abilities: type) -> bool:
    """Whether a world with these ``abilities`` has all that ``deed`` asks for."""
    return issubclass(abilities, get_type_hints(deed)["on"])

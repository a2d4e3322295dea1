"""What every workload is given, and how one is registered.

A workload module holds one generator function, its options (schema and documentation in one
struct), its docstring, and a :class:`WorkloadKind` called ``KIND`` that names them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from patchstorm.choice.chooser import Chooser, TaskChooser
from patchstorm.scenario.actions import Workload
from patchstorm.scenario.options import NoOptions
from patchstorm.scenario.plan import Reading, UploadPlan

T = TypeVar("T")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A client's view of its storm.

    ``choices`` is the run's chooser, ``task`` the name under which this client draws; a workload
    that starts others gives each its own (``part``), so that the order in which they happen to run
    does not shift anybody's choices. ``tries`` bounds attempts without progress, and a pause
    between two of them lasts ``pause_ms`` at first and ``pause_ms_max`` at last. ``dialect`` is
    the name of the target's. ``names_lag``: a host may believe that a name is free which another has made.
    """

    client: str
    uploads: tuple[UploadPlan, ...]
    choices: Chooser
    task: TaskChooser
    capabilities: frozenset[str]
    reading: Reading
    replicas: int
    dialect: str = "tus"
    names_lag: bool = False
    tries: int = 8
    pause_ms: int = 20
    pause_ms_max: int = 320

    @property
    def sequential(self) -> bool:
        """Whether only the current offset is accepted."""
        return self.reading == "sequential"

    def part(self, label: str | int, *, uploads: Sequence[UploadPlan] | None = None) -> Context:
        """The context of a workload that this one starts."""
        name = f"{self.client}.{label}"
        return replace(
            self,
            client=name,
            task=TaskChooser(self.choices, name),
            uploads=self.uploads if uploads is None else tuple(uploads),
        )

    def draw(self, kind: str, n: int) -> int:
        """One of ``range(n)``; 0 is the dull choice."""
        return self.task.draw(kind, n)

    def chance(self, kind: str, permille: int) -> bool:
        """Whether something of that probability happens; the dull choice is no."""
        return 1 <= self.draw(kind, 1000) <= permille if permille < 1000 else True

    def replica(self) -> int:
        """Where the balancer sends the next request."""
        return self.draw("replica", self.replicas)

    def other(self, replica: int, distance: int = 1) -> int:
        """Another replica, as long as there is one."""
        return (replica + distance) % self.replicas

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in a drawn order; the dull order is the given one (Fisher and Yates)."""
        result = list(items)
        for i in range(len(result) - 1):
            j = i + self.draw("order", len(result) - i)
            result[i], result[j] = result[j], result[i]
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadKind:
    """A registered workload.

    ``run(context, options)`` is the generator function. ``uploads_min`` is how many uploads a client
    of this kind needs. ``creates``: it creates its uploads itself. ``needs`` are capabilities
    without which it makes no sense.
    """

    name: str
    says: str
    run: Callable[[Context, Any], Workload]
    options: type[msgspec.Struct] = NoOptions
    uploads_min: int = 1
    creates: bool = False
    needs: tuple[str, ...] = ()

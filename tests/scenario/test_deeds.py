"""What faults do is written once, over what a world is able to do; who is able to can bring them about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.faults.deed import LAST, Hit, Steps, Together, fits
from patchstorm.scenario.faults.network import Reach
from patchstorm.scenario.plan import FaultPlan, Trigger

HIT = (0, 1)


class Recording:
    """Is able to do anything, and writes down what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, ability: str) -> Callable[..., None]:
        def do(*given: object) -> None:
            shown = [str(one) for one in given if not isinstance(one, FaultPlan)]
            self.asked.append(" ".join((ability, *shown)))

        return do


def carried_out(kind: str) -> list[str]:
    """All that the deed of a fault of this kind asks for, and where it waits."""
    on = Recording()
    plan = FaultPlan(
        id="f", kind=kind, whom="all", trigger=Trigger(kind="step"), options={"room": 4096}
    )

    def carry_out(steps: Steps) -> None:
        for step in steps:
            if step is LAST:
                on.asked.append("...")
            elif isinstance(step, Together):
                for deed in step.deeds:
                    carry_out(deed)

    deed = FAULTS[kind].deed
    assert deed is not None
    carry_out(deed(on, plan, HIT))
    return on.asked


@pytest.mark.parametrize("kind", [name for name, row in FAULTS.items() if row.deed is not None])
def test_what_lasts_begins_at_once_and_is_taken_back(kind: str) -> None:
    asked = carried_out(kind)

    assert asked[0] != "..." != asked[-1]
    assert "..." in asked or not FAULTS[kind].lasting


def test_a_crashed_replica_is_down_until_the_fault_is_over() -> None:
    assert carried_out("crash") == ["kill (0, 1)", "...", "start (0, 1)"]


def test_a_rolling_restart_waits_for_each_before_it_asks_the_next() -> None:
    one, other = ([f"stop ({replica},)", "...", f"start ({replica},)"] for replica in HIT)

    assert carried_out("rolling-restart") == [*one, *other]


def test_a_clock_that_was_ahead_is_set_back_and_one_that_jumped_is_not() -> None:
    ahead, back = "shift_clock (0, 1) 30000", "shift_clock (0, 1) -30000"

    assert carried_out("clock-skew") == [ahead, "...", back]
    assert carried_out("clock-jump") == [ahead]


class Wire:
    """A world that can part replicas from clients and nothing else; it need not know the protocol."""

    def part(self, hit: Hit) -> None:
        return

    def rejoin(self, hit: Hit) -> None:
        return


def test_who_has_all_the_abilities_that_a_deed_asks_for_can_bring_it_about() -> None:
    able = [name for name, row in FAULTS.items() if row.within(Wire)]

    assert able == ["partition"]


def test_who_lacks_one_cannot() -> None:
    def deed(on: Reach, fault: FaultPlan, hit: Hit) -> Steps:
        yield on.part(hit)

    class Cut:
        def part(self, hit: Hit) -> None:
            return

    assert fits(deed, Wire)
    assert not fits(deed, Cut)

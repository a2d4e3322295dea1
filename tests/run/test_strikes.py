"""Whom a fault hits."""

import msgspec

from patchstorm.run.strikes import hit_by
from patchstorm.scenario.plan import FaultPlan, Trigger

ONE = FaultPlan(
    id="f", kind="crash", whom="acting", replica=4, trigger=Trigger(kind="after_ms", after_ms=1)
)


def test_whoever_acted_is_hit_and_else_the_replica_of_the_plan() -> None:
    assert hit_by(ONE, 3, lambda: 2) == (2,)
    assert hit_by(ONE, 3, lambda: 0) == (0,)
    assert hit_by(ONE, 3, lambda: None) == (1,), "as many as there are, counted on"


def test_a_fault_of_one_replica_asks_nobody() -> None:
    def asked() -> int:
        raise AssertionError

    assert hit_by(msgspec.structs.replace(ONE, whom="replica"), 3, asked) == (1,)
    assert hit_by(msgspec.structs.replace(ONE, whom="all"), 3, asked) == (0, 1, 2)
    nobody = msgspec.structs.replace(ONE, whom="storage", replica=None)
    assert hit_by(nobody, 3, asked) == ()

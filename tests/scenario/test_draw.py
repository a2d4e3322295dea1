"""Plans: one seed, one storm, in whatever process; and another storm for another seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import msgspec
import pytest

from patchstorm.choice.chooser import DullChooser, SeededChooser, TaskChooser, seeded
from patchstorm.scenario import library
from patchstorm.scenario.draw import draw_plan, value_of
from patchstorm.scenario.model import Spread
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse

from .fake import OFFSET_ADDRESSED, SEQUENTIAL

DIGEST = """
import hashlib, msgspec
from patchstorm.scenario import library
from patchstorm.scenario.draw import draw_plan
digest = hashlib.sha256()
for scenario in library.load_all():
    for index in range(3):
        plan = draw_plan(scenario, seed=7, index=index, capabilities={"status", "termination"})
        digest.update(msgspec.json.encode(plan))
print(digest.hexdigest())
"""


def digest(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def plan(name: str, seed: int, index: int = 0) -> Plan:
    return draw_plan(library.load(name), seed=seed, index=index, capabilities=OFFSET_ADDRESSED)


def test_every_process_draws_the_same_plans() -> None:
    assert len({digest("0"), digest("1"), digest("4711")}) == 1


def test_seed_and_index_make_the_storm() -> None:
    storms = {
        msgspec.json.encode(plan("bad-weather", seed, i)) for seed in (1, 2) for i in (0, 1, 2)
    }

    assert len(storms) == 6
    assert plan("bad-weather", 1) == plan("bad-weather", 1)


@pytest.mark.parametrize("name", ["directories", "crash-publishing-overwrite"])
def test_only_later_schedules_leave_a_fault_out(name: str) -> None:
    """Real processes run the first one, and are not called safe from what a storm did not send."""
    tables = len(library.load(name).faults)

    def struck(seed: int, index: int) -> int:
        return len({fault.id.rpartition(".")[0] for fault in plan(name, seed, index).faults})

    assert {struck(seed, 0) for seed in range(30)} == {tables}
    assert min(struck(seed, 1) for seed in range(30)) < tables


def test_a_plan_survives_a_failure_file() -> None:
    for name in library.names():
        drawn = plan(name, 3)
        assert msgspec.json.decode(msgspec.json.encode(drawn), type=Plan) == drawn


def test_drawn_values_come_from_the_file() -> None:
    drawn = [plan("replaying", 1, index) for index in range(60)]

    assert {one.uploads[0].size for one in drawn} == {1 << 18, 1 << 20, 300_001}
    assert {one.clients[0].options["times"] for one in drawn} == {2, 3, 4}
    assert {one.closing for one in drawn} == {"client", "sweeper"}


def test_a_fault_strikes_as_often_as_drawn_and_at_drawn_moments() -> None:
    drawn = [plan("replaying-crash", 1, index) for index in range(40)]

    assert Counter(len(one.faults) for one in drawn).keys() == {1, 2}
    faults = [fault for one in drawn for fault in one.faults]
    assert {fault.replica for fault in faults} == {0, 1, 2}
    assert len({fault.trigger.after_bytes for fault in faults}) > 30
    assert {fault.for_ms for fault in faults} == {50, 300}


def test_each_strike_waits_for_the_next_sighting() -> None:
    drawn = next(
        one for one in (plan("crash-committing", 1, i) for i in range(20)) if len(one.faults) == 2
    )

    assert [fault.trigger.nth for fault in drawn.faults] == [1, 2]
    assert {fault.trigger.phase for fault in drawn.faults} == {"committing"}


def test_options_are_complete_with_their_defaults() -> None:
    assert plan("replaying", 1).clients[0].options.keys() == {"times", "connections", "gap_ms"}
    assert plan("failing-disk", 1).faults[0].options == {"path": "**", "calls": 1, "of": "any"}


def test_the_sweeper_closes_only_what_completes_unattended() -> None:
    scenario = library.load("unattended")

    assert draw_plan(scenario, seed=1, capabilities=OFFSET_ADDRESSED).closing == "sweeper"
    assert draw_plan(scenario, seed=1, capabilities=["sequential"]).closing == "client"


@pytest.mark.parametrize("name", [one for one in library.names() if one.startswith("real-client")])
def test_where_a_program_may_give_up_somebody_asks_afterwards(name: str) -> None:
    capabilities = (*OFFSET_ADDRESSED, "completes-unattended")
    drawn = {
        draw_plan(library.load(name), seed=seed, capabilities=capabilities).closing
        for seed in range(8)
    }
    assert drawn == {"client"}


def test_the_target_decides_the_reading() -> None:
    scenario = library.load("parallel")

    assert draw_plan(scenario, seed=1, capabilities=SEQUENTIAL).reading == "sequential"
    assert draw_plan(scenario, seed=1, capabilities=OFFSET_ADDRESSED).reading == "offset-addressed"


def test_replicas_and_storage_can_be_overridden() -> None:
    drawn = draw_plan(
        library.load("disk-full"), seed=1, capabilities=(), replicas=5, storage="tmpfs,size=9MiB"
    )

    assert (drawn.replicas, drawn.storage) == (5, "tmpfs,size=9MiB")


def test_another_table_does_not_shift_the_choices_of_the_first() -> None:
    text = library.load("parallel")
    more = """
        title = "t"
        why = "w"
        [[upload]]
        size = ["512KiB", "1000001"]
        chunk = ["16KiB", "65537"]
        [[upload]]
        size = "1KiB..1MiB"
        [[client]]
        kind = "parallel"
        connections = "3..8"
        [[fault]]
        kind = "pause"
    """
    wider = parse(more, name="parallel", file="wider.toml")

    for index in range(20):
        one = draw_plan(text, seed=1, index=index, capabilities=())
        other = draw_plan(wider, seed=1, index=index, capabilities=())
        assert one.uploads[0] == other.uploads[0]
        assert one.clients[0].options == other.clients[0].options


# ---- the chooser


def test_a_choice_depends_on_its_name_and_not_on_the_order() -> None:
    names = [("a", 0, "x"), ("a", 1, "x"), ("b", 0, "x"), "plain"]
    forth = SeededChooser("m", 1)
    back = SeededChooser("m", 1)

    assert [forth.draw(name, 1000) for name in names] == [
        back.draw(name, 1000) for name in reversed(names)
    ][::-1]


def test_choices_are_the_same_for_ever() -> None:
    """Seeds in other people's reports must keep their meaning."""
    chooser = seeded(1, "replaying", 0, "plan")

    assert [chooser.draw("x", 1000) for _ in range(5)] == [423, 664, 582, 905, 161]


def test_choices_are_spread_evenly() -> None:
    chooser = SeededChooser("even")
    seen = Counter(chooser.draw("x", 5) for _ in range(5000))

    assert all(900 < seen[value] < 1100 for value in range(5))


@pytest.mark.parametrize("chooser", [SeededChooser("m"), DullChooser()])
def test_no_alternatives_is_an_error(chooser: SeededChooser | DullChooser) -> None:
    with pytest.raises(ValueError, match="at least one alternative"):
        chooser.draw("x", 0)


def test_a_task_names_its_choices_by_its_own_steps() -> None:
    class Names:
        def __init__(self) -> None:
            self.drawn: list[object] = []

        def draw(self, name: object, n: int) -> int:
            self.drawn.append(name)
            return 0

    names = Names()
    a, b = TaskChooser(names, "a"), TaskChooser(names, "b")
    a.draw("x", 2)
    b.draw("x", 2)
    a.draw("y", 2)

    assert names.drawn == [("a", 0, "x"), ("b", 0, "x"), ("a", 1, "y")]


def test_the_dull_value_is_the_first() -> None:
    assert value_of(DullChooser(), "x", Spread(among=(7, 1))) == 7
    assert value_of(DullChooser(), "x", Spread(low=3, high=9)) == 3


def test_a_trigger_of_several_paths_and_calls_draws_one_of_each() -> None:
    drawn = [plan("crash-replacing", 1, index).faults for index in range(40)]
    seen = {(one.trigger.path, one.trigger.op) for faults in drawn for one in faults}
    assert {("single.bin", "link"), ("single.bin", "replace")} <= seen

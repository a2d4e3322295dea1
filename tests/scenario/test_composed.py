"""Composed storms: drawn whole from what is to be had, for pairs that have hardly met yet."""

from __future__ import annotations

import re
from functools import cache
from itertools import combinations
from pathlib import Path

import msgspec
import pytest

from patchstorm.campaign.ground import ground_of
from patchstorm.errors import UsageError
from patchstorm.scenario import library
from patchstorm.scenario.composing.features import (
    CLIENT,
    LEFT_TO_CHANCE,
    SHAPES,
    UPLOAD,
    WITH,
    apart,
    features,
    pairs,
)
from patchstorm.scenario.composing.shapes import shapes_of
from patchstorm.scenario.composing.steering import Steering
from patchstorm.scenario.composing.table import table_of
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.faults import FAULTS
from patchstorm.scenario.modifiers import MODIFIERS
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse
from patchstorm.scenario.workloads import WORKLOADS
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.able import reason_to_skip
from patchstorm.worlds.sim.app import subject_of

from .fake import OFFSET_ADDRESSED, SEQUENTIAL, Driver

TARGET = resolve("reference")
HAS = frozenset(TARGET.capabilities)
STORAGES = ("tmpfs", "ext4", "nfs4")
COMPOSED = library.load("composed")
LEASED = Path(__file__).parents[1] / "sim" / "hosted" / "servers" / "leased_aiohttp.toml"


def plan(index: int, storage: str = "tmpfs", steering: Steering | None = None) -> Plan:
    return draw_plan(
        COMPOSED, seed=5, index=index, capabilities=HAS, storage=storage,
        ground=ground_of("sim", TARGET, storage), steering=steering,
    )  # fmt: skip


@cache
def plans() -> list[Plan]:
    """Drawn once, and not by every process that only collects this."""
    return [plan(index, STORAGES[index % 3]) for index in range(300)]


def test_equal_arguments_give_equal_plans_and_others_give_others() -> None:
    assert plan(3) == plan(3)
    assert len({msgspec.json.encode(one) for one in plans()}) == len(plans())


def test_every_plan_can_be_run_as_it_is() -> None:
    subject = subject_of(TARGET)
    for one in plans():
        assert reason_to_skip(one, subject) is None
        served = {ident for client in one.clients for ident in client.uploads}
        assert served == {upload.id for upload in one.uploads}
        for client in one.clients:
            kind = WORKLOADS[client.kind]
            msgspec.convert(client.options, kind.options)
            assert len(client.uploads) >= kind.uploads_min
            assert not kind.creates or all(
                client is other or not set(client.uploads) & set(other.uploads)
                for other in one.clients
            )
        for fault in one.faults:
            assert fault.trigger.kind in FAULTS[fault.kind].triggers
            assert not FAULTS[fault.kind].hostile


def test_a_companion_is_struck_only_where_the_replicas_have_one() -> None:
    own = {name for name, row in FAULTS.items() if row.needs_companion}
    ground = ground_of("sim", TARGET, "tmpfs")
    assert own and not own & set(ground.faults)
    assert own <= set(dict(ground.absent))

    beside = resolve(str(LEASED))
    assert own & set(ground_of("sim", beside, "tmpfs").faults)


def test_a_plan_leaves_most_of_it_out_and_all_plans_together_leave_nothing_out() -> None:
    kinds = {client.kind for one in plans() for client in one.clients}
    modifiers = {name for one in plans() for client in one.clients for name in client.modifiers}
    shapes = {
        shape for one in plans() for upload in one.uploads for shape in shapes_of(one, upload)
    }
    among = features(HAS, ground_of("sim", TARGET, "tmpfs"), "tmpfs")

    assert {CLIENT + kind for kind in kinds} == {one for one in among if one.startswith(CLIENT)}
    assert {WITH + name for name in modifiers} == {one for one in among if one.startswith(WITH)}
    rare = {UPLOAD + "many-chunks", UPLOAD + "thousand-chunks"}
    assert {UPLOAD + one for one in shapes} >= {
        one for one in among if one.startswith(UPLOAD)
    } - rare
    assert max(len(one.faults) for one in plans()) <= 3
    assert max(len(client.modifiers) for one in plans() for client in one.clients) <= 4


@pytest.mark.parametrize("capabilities", [OFFSET_ADDRESSED, SEQUENTIAL], ids=lambda c: c[0])
def test_every_plan_is_finished_by_a_correct_server(capabilities: tuple[str, ...]) -> None:
    for index in range(40):
        drawn = draw_plan(COMPOSED, seed=2, index=index, capabilities=capabilities)
        driver = Driver(drawn)
        driver.whole_run()
        for upload in drawn.uploads:
            stored = driver.server.uploads.get(upload.id)
            rivals = [one for one in drawn.uploads if one.info.target == upload.info.target]
            mortal = upload.info.expires_ms is not None
            assert (
                mortal
                or len(rivals) > 1
                or (stored is not None and (stored.published or stored.terminated))
            )


def test_what_a_target_lacks_is_never_drawn_and_says_why() -> None:
    ground = ground_of("sim", TARGET, "tmpfs")
    has = HAS - {"termination", "status", "minted-urls"}
    table = table_of(Steering(), {"tmpfs": (has, ground)})

    assert "termination" in table.absent[CLIENT + "terminating"]
    assert "status" in table.absent[WITH + "status"]
    assert "minted-urls" in table.absent[UPLOAD + "minted"]
    assert "hostile" not in table.absent["fault lock-loss"]
    assert "must survive" in table.absent["fault lock-loss"]
    assert "share no program" in table.absent["fault companion-lost-request"]
    for index in range(60):
        one = draw_plan(COMPOSED, seed=5, index=index, capabilities=has, ground=ground)
        assert not any(client.kind == "terminating" for client in one.clients)
        assert not any(upload.minted for upload in one.uploads)


def test_steering_draws_what_has_never_met() -> None:
    """Everything has met often, but for one pair: it is the one that every storm is drawn for."""
    among = features(HAS, ground_of("sim", TARGET, "tmpfs"), "tmpfs")
    wanted = (CLIENT + "late", UPLOAD + "overwrite")
    steering = Steering([(pair, 9) for pair in pairs(among) if pair != wanted])
    drawn = [plan(index, steering=steering) for index in range(60)]
    unsteered = [plan(index) for index in range(60)]

    def together(one: Plan) -> bool:
        late = any(client.kind == "late" for client in one.clients)
        return late and any(upload.info.overwrite for upload in one.uploads)

    assert steering.tiers(among)[0] == (wanted,)
    assert sum(map(together, drawn)) > 10 > 2 * sum(map(together, unsteered))


def test_two_features_meet_unless_there_is_a_reason() -> None:
    among = features(HAS, ground_of("sim", TARGET, "nfs4"), "nfs4")
    steered = tuple(one for one in among if one not in LEFT_TO_CHANCE)
    every = set(pairs(among))
    for one, other in combinations(steered, 2):
        assert ((min(one, other), max(one, other)) in every) == (apart(one, other) is None)
    assert apart("fault damage", "with false") == apart("with false", "fault damage") is not None


def test_the_table_counts_what_met_and_names_what_never_did() -> None:
    grounds = {"tmpfs": (HAS, ground_of("sim", TARGET, "tmpfs"))}
    pair = ("client late", "upload overwrite")
    empty, one = table_of(Steering(), grounds), table_of(Steering([(pair, 3)]), grounds)

    assert (empty.met, one.met) == (0, 1)
    assert pair in empty.never
    assert pair not in one.never
    assert one.cells["client", "upload"][0] == 1
    assert "1 of" in one.in_brief()
    assert any(line.startswith("  never met: ") for line in one.lines())


def test_tables_beside_compose_are_refused() -> None:
    text = 'title = "t"\nwhy = "w"\n[compose]\n[[upload]]\nsize = 1\n'
    with pytest.raises(UsageError, match=r"own.toml: upload: is drawn where there is \[compose\]"):
        parse(text, name="own", file="own.toml")


def test_the_document_names_every_modifier_and_shape_and_its_example_is_a_storm() -> None:
    document = Path(__file__).parents[2] / "docs" / "composed.md"
    if not document.exists():
        pytest.skip("the documentation is not part of this installation")
    text = document.read_text(encoding="utf-8")
    for name, says in (*MODIFIERS.items(), *SHAPES.items()):
        assert f"| `{name}` | {says} |" in text
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example is not None
    assert parse(example[1], name="own", file="docs/composed.md").compose is not None

"""Modifiers change PATCHes or send something beside them, and a correct server is done all the same."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from patchstorm.dialect.operations import Request
from patchstorm.history.model import Operation
from patchstorm.scenario import payload
from patchstorm.scenario.composing.told import composition
from patchstorm.scenario.modifiers import MODIFIERS, unfit
from patchstorm.scenario.plan import ClientPlan, Plan

from .fake import OFFSET_ADDRESSED, SEQUENTIAL, Driver
from .plans import plan, upload


def modified(
    modifiers: dict[str, int], capabilities: tuple[str, ...] = OFFSET_ADDRESSED
) -> tuple[Plan, Driver]:
    drawn = plan("sequential", upload(size=900, chunk=128), capabilities=capabilities)
    client: ClientPlan = replace(drawn.clients[0], modifiers=modifiers)
    drawn = replace(drawn, clients=(client,))
    driver = Driver(drawn)
    driver.whole_run()
    return drawn, driver


def of(driver: Driver, modifier: str) -> list[Operation]:
    return [one for one in driver.operations if modifier in one.call.client.split("+")[1:]]


@pytest.mark.parametrize("capabilities", [OFFSET_ADDRESSED, SEQUENTIAL], ids=lambda c: c[0])
@pytest.mark.parametrize("modifier", MODIFIERS)
def test_each_modifier_is_seen_in_the_history_and_changes_no_byte(
    modifier: str, capabilities: tuple[str, ...]
) -> None:
    drawn, driver = modified({modifier: 1000}, capabilities)

    assert of(driver, modifier)
    stored = driver.server.uploads[drawn.uploads[0].id]
    assert stored.published and set(stored.codes) == {0}


def test_without_a_rate_nothing_is_modified() -> None:
    assert modified({})[1].operations == modified({"late": 0})[1].operations


def test_a_rate_is_how_many_of_a_thousand() -> None:
    some = len(of(modified({"head": 400})[1], "head"))
    assert 0 < some < len(of(modified({"head": 1000})[1], "head"))


def test_what_each_of_them_does_is_what_it_says() -> None:
    assert all(
        one.call.checksum == "right" for one in of(modified({"checksum": 1000})[1], "checksum")
    )
    assert all(one.call.kind == "query" for one in of(modified({"head": 1000})[1], "head"))
    assert all(one.call.kind == "status" for one in of(modified({"status": 1000})[1], "status"))
    assert all(one.call.cut for one in of(modified({"cut": 1000})[1], "cut"))
    assert of(modified({"rest": 1000})[1], "rest")[0].call.length == 900
    assert all(one.call.content for one in of(modified({"false": 1000})[1], "false"))
    assert all(
        one.end is not None and one.end.status is None
        for one in of(modified({"lost": 1000})[1], "lost")
    )


def test_a_wrong_checksum_comes_before_its_bytes_beside_them_and_after_them() -> None:
    _, driver = modified({"mismatch": 1000})
    wrong = of(driver, "mismatch")
    assert {one.call.checksum for one in wrong} == {"wrong"}

    def honest(operation: Operation) -> Operation:
        wanted = (operation.call.offset, operation.call.length)
        return next(
            one
            for one in driver.operations
            if (one.call.offset, one.call.length) == wanted
            and one.call.kind == "append"
            and one.call.checksum == "none"
        )

    assert any(one.op < honest(one).op for one in wrong)
    assert any(one.op > honest(one).op for one in wrong)
    assert all(one.outcome == "fail" for one in wrong)


def test_a_false_body_is_only_sent_for_what_was_acknowledged() -> None:
    _, driver = modified({"false": 1000})
    for operation in of(driver, "false"):
        call = operation.call
        assert any(
            one.outcome == "ok"
            and one.call.content == 0
            and (one.call.offset, one.call.length) == (call.offset, call.length)
            and one.op < operation.op
            for one in driver.operations
        )
        assert operation.end is not None and operation.end.status == 409


@pytest.mark.parametrize("begin,end", [(0, 64), (64, 128), (0, 127), (0, 128)])
def test_a_body_that_agrees_in_part_does_so_in_that_part(begin: int, end: int) -> None:
    request = Request(
        kind="append", upload="u", offset=32, length=128, content=2, honest=(begin, end)
    )
    true = payload.generate(5, 0, 32, 128)
    false = payload.generate(5, 2, 32, 128)

    assert payload.body(5, request, 128) == false[:begin] + true[begin:end] + false[end:]
    assert payload.body(5, request, 100) == payload.body(5, request, 128)[:100]


def test_swapped_halves_are_the_true_bytes_astray() -> None:
    request = Request(kind="append", upload="u", length=100, content=1, swapped_at=50)
    true = payload.generate(5, 0, 0, 100)

    assert payload.body(5, request, 100) == true[50:] + true[:50] != true


def test_what_a_target_does_not_announce_is_not_sent() -> None:
    assert unfit("checksum", frozenset({"status"})) is not None
    assert unfit("status", frozenset({"checksum-sha1"})) is not None
    assert unfit("late", frozenset()) is None


def test_an_upload_that_is_born_late_is_made_by_one_client_and_waited_for_by_others() -> None:
    drawn = plan("sequential", upload(size=300))
    late = replace(drawn.uploads[0], born_ms=40)
    other = replace(drawn.clients[0], name="other")
    drawn = replace(drawn, uploads=(late,), clients=(*drawn.clients, other))
    driver = Driver(drawn)
    driver.whole_run()

    made = [one for one in driver.operations if one.call.kind == "create"]
    assert len(made) == 1 and made[0].call.time_ns >= 40_000_000
    assert {one.call.client for one in driver.operations if one.call.kind == "append"} >= {"other"}
    assert driver.server.uploads[late.id].published


def test_a_minted_upload_is_created_by_nobody() -> None:
    drawn = plan("sequential", upload(size=300))
    drawn = replace(drawn, uploads=(replace(drawn.uploads[0], minted=True),))
    driver = Driver(drawn)
    driver.whole_run()

    assert not [one for one in driver.operations if one.call.kind == "create"]
    assert driver.server.uploads["u0"].published


def test_what_a_storm_is_made_of_is_told_of_composed_ones_only() -> None:
    drawn, _ = modified({"late": 300})
    told = composition(replace(drawn, composed=True))

    assert composition(drawn) == ()
    assert "u0: 900 bytes in chunks of 128, to u0.bin" in told[1]
    assert told[2].endswith("with late 300 of 1000")

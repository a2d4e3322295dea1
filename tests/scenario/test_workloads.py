"""Each workload against a correct server: what it sends, and that it gets its upload through."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import pytest

from patchstorm.history.model import Operation
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.reach import reached
from patchstorm.scenario.storm import closing, opening, storm
from patchstorm.scenario.workloads import WORKLOADS

from .fake import OFFSET_ADDRESSED, SEQUENTIAL, Driver
from .plans import plan, upload

READINGS = pytest.mark.parametrize(
    "capabilities", [OFFSET_ADDRESSED, SEQUENTIAL], ids=lambda c: c[0]
)


def run(concrete: Plan) -> Driver:
    driver = Driver(concrete)
    driver.whole_run()
    return driver


def patches(driver: Driver) -> list[Operation]:
    return [operation for operation in driver.operations if operation.call.kind == "append"]


def plan_for(kind: str, capabilities: tuple[str, ...], seed: int) -> Plan:
    """A plan with the uploads that this kind of workload needs."""
    if kind == "rivals":
        pair = [upload(i, target="wanted.bin") for i in range(2)]
        return plan(kind, *pair, seed=seed, capabilities=capabilities)
    if kind == "expiring":
        return plan(kind, upload(expires_ms=1000), seed=seed, capabilities=capabilities)
    if kind == "many":
        crowd = [upload(i, size=300) for i in range(40)]
        return plan(kind, *crowd, seed=seed, capabilities=capabilities)
    return plan(kind, seed=seed, capabilities=capabilities)


@READINGS
@pytest.mark.parametrize("kind", WORKLOADS)
@pytest.mark.parametrize("seed", range(5))
def test_every_workload_leaves_a_correct_server_consistent(
    kind: str, seed: int, capabilities: tuple[str, ...]
) -> None:
    driver = run(plan_for(kind, capabilities, seed))

    stored = driver.server.uploads.values()
    assert patches(driver)
    if kind in ("terminating", "relieving", "expiring"):
        assert all(one.terminated or not one.published or one.prefix == one.size for one in stored)
    elif kind == "rivals":
        assert sum(one.published for one in stored) == 1
        assert all(one.prefix == one.size for one in stored)
    else:
        assert all(one.published for one in stored)


@READINGS
@pytest.mark.parametrize("kind", WORKLOADS)
def test_the_same_plan_sends_the_same_requests(kind: str, capabilities: tuple[str, ...]) -> None:
    concrete = plan_for(kind, capabilities, 3)

    assert run(concrete).sends == run(concrete).sends


@READINGS
@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_server_that_is_busy_for_good_is_not_asked_for_ever(
    kind: str, capabilities: tuple[str, ...]
) -> None:
    driver = Driver(plan_for(kind, capabilities, 1))
    driver.drive(opening(driver.plan))
    driver.server.busy = 10**9

    driver.drive(storm(driver.plan))

    for one in driver.plan.uploads:
        mine = [send for send in driver.sends if send.request.upload == one.id]
        assert len(mine) < 400


@READINGS
def test_a_server_that_is_busy_for_a_while_is_asked_again(capabilities: tuple[str, ...]) -> None:
    driver = Driver(plan("sequential", capabilities=capabilities))
    driver.drive(opening(driver.plan))
    driver.server.busy = 5

    driver.drive(storm(driver.plan))

    assert driver.server.uploads["u0"].published
    assert driver.slept_ms > 0


def test_sequential_goes_from_the_start_to_the_end() -> None:
    driver = run(plan("sequential"))

    assert [operation.call.offset for operation in patches(driver)] == list(range(0, 1000, 100))


def test_a_sticky_client_stays_with_one_replica() -> None:
    driver = Driver(plan("sequential", sticky=True))
    driver.drive(opening(driver.plan))
    opened = len(driver.operations)

    driver.drive(storm(driver.plan))

    replicas = {operation.call.replica for operation in driver.operations[opened:-1]}
    assert len(replicas) == 1


def test_parallel_has_several_patches_under_way() -> None:
    driver = run(plan("parallel", connections=4))

    assert reached("raced", driver.history()).met
    offsets = [operation.call.offset for operation in patches(driver)]
    assert sorted(set(offsets)) == list(range(0, 1000, 100))
    assert offsets != sorted(offsets)


def test_parallel_read_sequentially_races_at_the_current_offset() -> None:
    driver = run(plan("parallel", connections=4, capabilities=SEQUENTIAL))

    assert reached("raced", driver.history()).met
    refused = [operation for operation in patches(driver) if operation.end.status == 409]
    assert refused
    following = driver.operations[refused[0].op + 1 :]
    again = next(one for one in following if one.call.client == refused[0].call.client)
    assert again.call.kind == "query"


@READINGS
@pytest.mark.parametrize("times", [2, 3, 5])
def test_replaying_delivers_each_patch_so_often_to_several_replicas(
    times: int, capabilities: tuple[str, ...]
) -> None:
    driver = run(plan("replaying", times=times, capabilities=capabilities))

    replicas: dict[int | None, list[int | None]] = defaultdict(list)
    for operation in patches(driver):
        replicas[operation.call.offset].append(operation.call.replica)
    assert all(len(where) == times for where in replicas.values())
    assert all(len(set(where)) >= 2 for where in replicas.values())


@READINGS
def test_a_replay_names_the_first_delivery(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("replaying", capabilities=capabilities))

    for operation in patches(driver):
        if operation.call.replay_of is not None:
            first = driver.operations[operation.call.replay_of].call
            assert first.replay_of is None
            assert first.op < operation.call.op
            assert (first.offset, first.length, first.content) == (
                operation.call.offset,
                operation.call.length,
                operation.call.content,
            )
    assert reached("replayed", driver.history()).met


@READINGS
def test_retrying_loses_answers_and_sends_the_same_again(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("retrying", answers_permille=1000, ask_permille=0, capabilities=capabilities))

    assert reached("answer-lost", driver.history()).met
    unanswered = [one for one in patches(driver) if one.end.status is None]
    assert len(unanswered) == 10
    for lost in unanswered:
        again = next(one for one in patches(driver) if one.op > lost.op)
        assert (again.call.offset, again.call.length) == (lost.call.offset, lost.call.length)
        assert again.call.replica != lost.call.replica


@READINGS
def test_conflicting_sends_different_contents_for_one_range(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("conflicting", writers=3, capabilities=capabilities))

    by_range: dict[tuple[int | None, int | None], set[int]] = defaultdict(set)
    for operation in patches(driver):
        by_range[operation.call.offset, operation.call.length].add(operation.call.content)
    assert all(contents == {0, 1, 2} for contents in by_range.values())
    assert reached("conflict-refused", driver.history()).met
    assert all(one.end.status == 409 or one.outcome == "ok" for one in patches(driver))


def test_conflicting_inside_stays_within_the_honest_chunk() -> None:
    driver = run(plan("conflicting", range="inside", seed=4))

    false = [one.call for one in patches(driver) if one.call.content == 1]
    assert all(call.offset // 100 == (call.offset + call.length - 1) // 100 for call in false)
    assert any(call.length < 100 for call in false)


def test_conflicting_across_reaches_into_the_next_chunk() -> None:
    driver = run(plan("conflicting", range="across"))

    false = [one.call for one in patches(driver) if one.call.content == 1]
    assert any(call.offset // 100 < (call.offset + call.length - 1) // 100 for call in false)
    assert max(call.offset + call.length for call in false) <= 1000


@READINGS
def test_contradicting_bodies_may_break_off_and_honest_ones_do_not(
    capabilities: tuple[str, ...],
) -> None:
    options = {"range": "across", "writers": 3, "cut_permille": 1000}
    driver = run(plan("conflicting", **options, capabilities=capabilities))

    contents = {one.call.content for one in patches(driver) if one.call.cut}
    assert contents == {1, 2}
    assert all(one.call.cut == bool(one.call.content) for one in patches(driver))


def test_overlapping_covers_agreeing_bytes_with_other_boundaries() -> None:
    driver = run(plan("overlapping", rechunk=130, overlap=30, first_permille=600))

    assert all(one.outcome == "ok" for one in patches(driver))
    second = [one.call for one in patches(driver) if one.call.length != 100]
    assert {call.length for call in second} == {130, 160, 120}  # 910 to 1000, and 30 back
    assert driver.server.uploads["u0"].codes == bytes(1000)


def test_overlapping_read_sequentially_is_refused_before_the_offset() -> None:
    driver = run(plan("overlapping", overlap=30, capabilities=SEQUENTIAL))

    assert [one.call.offset for one in patches(driver) if one.end.status == 409] == [570]


@READINGS
def test_truncated_breaks_off_and_asks(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("truncated", cut_permille=1000, cuts_max=1, capabilities=capabilities))

    cut = [one for one in patches(driver) if one.call.cut]
    assert len({one.end.sent for one in cut}) > 3
    assert all(one.end.sent < one.call.length for one in cut)
    assert all(driver.operations[one.op + 1].call.kind == "query" for one in cut)


def test_truncated_may_cut_bodies_that_carry_a_checksum_of_all_that_was_to_come() -> None:
    driver = run(plan("truncated", cut_permille=1000, cuts_max=1, checksum_permille=500))

    cut = [one.call for one in patches(driver) if one.call.cut]
    assert {call.checksum for call in cut} == {"none", "right"}
    whole = {one.call.checksum for one in patches(driver) if not one.call.cut}
    assert whole == {"none"}, "what is sent again is to be taken by everybody"


@READINGS
def test_checksums_are_bad_first_and_right_then(capabilities: tuple[str, ...]) -> None:
    driver = run(
        plan("checksums", bad_permille=1000, missing_permille=0, capabilities=capabilities)
    )

    kinds = {one.call.checksum for one in patches(driver)}
    assert kinds == {"wrong", "malformed", "unknown-algorithm", "right"}
    assert reached("checksum-refused", driver.history()).met
    right = [one for one in patches(driver) if one.call.checksum == "right"]
    assert len(right) == 10 and all(one.outcome == "ok" for one in right)


@READINGS
def test_empty_sends_patches_without_a_body(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("empty", astray_permille=1000, capabilities=capabilities))

    bare = [one for one in patches(driver) if one.call.length == 0]
    assert len(bare) == 2 * 11
    assert len({one.call.offset for one in bare}) > 11 // 2


@READINGS
def test_an_upload_of_no_bytes_is_looked_at(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("empty", upload(size=0, chunk=1), capabilities=capabilities))

    assert driver.server.uploads["u0"].published
    assert [one.call.length for one in patches(driver)] == [0, 0]


def test_creating_carries_the_first_bytes() -> None:
    driver = run(plan("creating"))

    first = driver.operations[0].call
    assert (first.kind, first.length) == ("create", 100)
    assert driver.sends[0].request.whole
    assert min(one.call.offset for one in patches(driver)) == 100


def test_resuming_sends_exactly_what_is_missing() -> None:
    driver = run(plan("resuming", first_permille=500, torn=0))

    asked = next(one.op for one in driver.operations if one.call.kind == "status")
    before = {one.call.offset for one in patches(driver) if one.op < asked}
    after = {one.call.offset for one in patches(driver) if one.op > asked}
    assert len(before) == len(after) == 5
    assert not before & after


def test_resuming_without_a_status_document_asks_head() -> None:
    capabilities = tuple(word for word in OFFSET_ADDRESSED if word != "status")
    driver = run(plan("resuming", capabilities=capabilities))

    assert not [one for one in driver.operations if one.call.kind == "status"]
    assert driver.server.uploads["u0"].published


@READINGS
@pytest.mark.parametrize("after", ["completion", "termination"])
def test_late_requests_come_when_all_is_over(after: str, capabilities: tuple[str, ...]) -> None:
    driver = run(plan("late", after=after, capabilities=capabilities))

    assert reached("late-answered", driver.history()).met
    assert {one.call.content for one in patches(driver)} > {0}
    assert set(driver.server.uploads["u0"].codes) <= {0, 255}


@READINGS
def test_expiring_returns_after_the_expiry(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("expiring", upload(expires_ms=1000), capabilities=capabilities))

    assert reached("expired", driver.history()).met
    assert not driver.server.uploads["u0"].published


@READINGS
def test_rivals_finish_at_the_same_moment(capabilities: tuple[str, ...]) -> None:
    pair = [upload(i, target="wanted.bin") for i in range(2)]
    driver = run(plan("rivals", *pair, capabilities=capabilities))

    last = [one for one in patches(driver) if one.call.offset == 900]
    assert abs(last[0].call.time_ns - last[1].call.time_ns) == 0
    assert sorted(one.end.status for one in last[:2]) == [204, 409]
    assert reached("rivalry", driver.history()).met


@READINGS
def test_terminating_races_a_patch(capabilities: tuple[str, ...]) -> None:
    driver = run(plan("terminating", capabilities=capabilities))

    delete = next(one for one in driver.operations if one.call.kind == "terminate")
    beside = [
        one
        for one in patches(driver)
        if one.call.time_ns < delete.end.time_ns and one.end.time_ns > delete.call.time_ns
    ]
    assert beside
    assert all(one.call.replica != delete.call.replica for one in beside)


def test_stalling_is_surrounded_by_others() -> None:
    driver = run(plan("stalling", stall_ms=500, abandon_permille=0))

    assert reached("served-beside", driver.history()).met


def test_a_stalling_upload_may_be_ended_elsewhere_meanwhile() -> None:
    driver = run(plan("stalling", stall_ms=500, abandon_permille=0, ended_permille=1000))
    (ended,) = [one for one in driver.operations if one.call.kind == "terminate"]
    slow = next(one for one in patches(driver) if one.op < ended.op)

    assert ended.outcome == "ok" and ended.call.replica != slow.call.replica
    assert slow.end is not None and ended.end is not None
    assert ended.end.time_ns < slow.end.time_ns
    assert len(patches(driver)) == 1


def test_stalling_read_sequentially_is_asked_about() -> None:
    driver = run(plan("stalling", stall_ms=500, abandon_permille=0, capabilities=SEQUENTIAL))

    stalled = patches(driver)[0]
    heads = [
        one
        for one in driver.operations
        if one.call.kind == "query"
        and stalled.call.time_ns < one.call.time_ns < stalled.end.time_ns
    ]
    assert len(heads) == 4


@READINGS
def test_abandoning_never_asks(capabilities: tuple[str, ...]) -> None:
    driver = Driver(plan("abandoning", capabilities=capabilities))
    driver.drive(opening(driver.plan))
    driver.drive(storm(driver.plan))

    assert driver.operations[-1].call.kind == "append"
    assert driver.operations[-1].call.offset == 900
    assert driver.server.uploads["u0"].published


@READINGS
def test_many_has_a_crowd_under_way(capabilities: tuple[str, ...]) -> None:
    driver = run(plan_for("many", capabilities, 1))

    assert reached("crowd", driver.history()).met


@READINGS
def test_the_clients_closing_resends_what_is_missing(capabilities: tuple[str, ...]) -> None:
    driver = Driver(plan("sequential", capabilities=capabilities))
    driver.drive(opening(driver.plan))

    driver.drive(closing(driver.plan))

    assert driver.server.uploads["u0"].published


def test_the_sweepers_closing_does_nothing() -> None:
    driver = Driver(msgspec.structs.replace(plan("sequential"), closing="sweeper"))
    driver.drive(opening(driver.plan))
    opened = len(driver.operations)

    driver.drive(closing(driver.plan))

    assert len(driver.operations) == opened

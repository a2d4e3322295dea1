"""The machine: steps come out in order, parts run at once, and their results come back together."""

from __future__ import annotations

from patchstorm.dialect.operations import Request
from patchstorm.history.model import Completion
from patchstorm.scenario.actions import Answer, Send, Sleep, Together, Workload
from patchstorm.scenario.machine import Machine, Step


def patch(offset: int, delivery: str | None = None) -> Send:
    request = Request(kind="append", upload="u0", offset=offset, length=1)
    return Send(request=request, delivery=delivery)


def answer(step: Step) -> Answer:
    assert step.op is not None
    return Answer(op=step.op, end=Completion(op=step.op, time_ns=0, outcome="ok", status=204))


def one(offset: int) -> Workload:
    result = yield patch(offset)
    return result.op


def test_a_row_of_actions_comes_out_one_by_one() -> None:
    def workload() -> Workload:
        first = yield patch(0)
        yield Sleep(ms=5)
        second = yield patch(1)
        return first.op, second.op

    machine = Machine(workload(), first_op=10)
    (first,) = machine.start()
    (sleep,) = machine.resume(first.task, answer(first))
    (second,) = machine.resume(sleep.task, None)
    assert machine.resume(second.task, answer(second)) == []

    assert (first.op, sleep.op, second.op) == (10, None, 11)
    assert machine.done and machine.result == (10, 11) and machine.next_op == 12


def test_parts_run_at_once_and_answer_in_order() -> None:
    def workload() -> Workload:
        return (yield Together(workloads=(one(0), one(1), one(2)), names=("a", "b", "c")))

    machine = Machine(workload())
    steps = machine.start()
    for step in reversed(steps):
        assert not machine.done
        machine.resume(step.task, answer(step))

    assert [step.client for step in steps] == ["a", "b", "c"]
    assert machine.result == [0, 1, 2]


def test_parts_without_names_are_numbered_after_their_parent() -> None:
    def inner() -> Workload:
        yield Together(workloads=(one(0), one(1)))

    machine = Machine(inner(), client="c0")

    assert [step.client for step in machine.start()] == ["c0.0", "c0.1"]


def test_parts_that_do_nothing_do_not_hold_up_the_whole() -> None:
    def nothing() -> Workload:
        return "nothing"
        yield

    def workload() -> Workload:
        empty = yield Together(workloads=())
        silent = yield Together(workloads=(nothing(), nothing()))
        return empty, silent

    machine = Machine(workload())

    assert machine.start() == []
    assert machine.result == ([], ["nothing", "nothing"])


def test_deliveries_of_one_name_are_replays_of_the_first() -> None:
    def workload() -> Workload:
        yield Together(workloads=tuple(iter_one(patch(0, "same")) for _ in range(3)))
        yield patch(0, "same")
        yield patch(0, "other")

    def iter_one(send: Send) -> Workload:
        yield send

    machine = Machine(workload(), first_op=4)
    steps = machine.start()
    later: list[Step] = []
    for step in steps:
        later += machine.resume(step.task, answer(step))
    (other,) = machine.resume(later[0].task, answer(later[0]))

    assert [step.replay_of for step in (*steps, *later, other)] == [None, 4, 4, 4, None]


def test_closing_unwinds_everything() -> None:
    unwound: list[str] = []

    def part(name: str) -> Workload:
        try:
            yield patch(0)
        finally:
            unwound.append(name)

    def workload() -> Workload:
        try:
            yield Together(workloads=(part("a"), part("b")))
        finally:
            unwound.append("whole")

    machine = Machine(workload())
    machine.start()
    machine.close()

    assert sorted(unwound) == ["a", "b", "whole"]
    assert machine.done

"""``reaches``: each predicate is met by a history that shows it, and not met by one that does not."""

from __future__ import annotations

import msgspec
import pytest

from patchstorm.choice.chooser import seeded
from patchstorm.history.events import Event, Step
from patchstorm.history.model import History
from patchstorm.scenario.dividing import divided
from patchstorm.scenario.reach import REACHES, reached

from .fake import SEQUENTIAL, Driver
from .plans import network_fault, plan, upload


def history(kind: str, **options: int | str) -> History:
    driver = Driver(plan(kind, **options))
    return driver.whole_run()


def with_events(base: History, *events: Event) -> History:
    return msgspec.structs.replace(base, events=events)


def rivals() -> History:
    pair = [upload(i, target="wanted.bin") for i in range(2)]
    return Driver(plan("rivals", *pair)).whole_run()


def crowd() -> History:
    return Driver(plan("many", *(upload(i, size=300) for i in range(40)))).whole_run()


def expired() -> History:
    return Driver(plan("expiring", upload(expires_ms=1000))).whole_run()


def struck() -> History:
    faults = (network_fault("request-lost", after=2),)
    return Driver(plan("parallel", faults=faults)).whole_run()


def steps(*labels: tuple[int, str]) -> History:
    events = [
        Step(time_ns=i, replica=replica, call="write", phase=phase)
        for i, (replica, phase) in enumerate(labels)
    ]
    return with_events(history("sequential"), *events)


def joined() -> History:
    parts = divided(seeded(1, "test", 0, "plan"), upload(), 3, 2, 0)
    return Driver(plan("concatenating", *parts)).whole_run()


def declared() -> History:
    one = upload()
    one = msgspec.structs.replace(one, info=msgspec.structs.replace(one.info, deferred=True))
    return Driver(plan("deferring", one, capabilities=SEQUENTIAL, way="last")).whole_run()


MEETS = {
    "raced": lambda: history("parallel"),
    "replayed": lambda: history("replaying"),
    "contradicted": lambda: history("conflicting"),
    "conflict-refused": lambda: history("conflicting"),
    "answer-lost": lambda: history("retrying", answers_permille=1000),
    "body-cut": lambda: history("truncated", cut_permille=1000),
    "resumed": lambda: history("truncated", cut_permille=1000),
    "asked-elsewhere": lambda: history("resuming"),
    "checksum-refused": lambda: history("checksums", bad_permille=1000),
    "empty-answered": lambda: history("empty"),
    "published": lambda: history("sequential"),
    "terminated": lambda: history("terminating"),
    "joined": joined,
    "length-declared": declared,
    "expired": expired,
    "late-answered": lambda: history("late"),
    "rivalry": rivals,
    "crowd": crowd,
    "served-beside": lambda: history("stalling"),
    "busy": lambda: history("parallel"),
    "program-ended-well": lambda: history("program"),
    "fault-struck": struck,
    "struck-in-flight": struck,
    "two-replicas-in-commit": lambda: steps((0, "committing"), (1, "committing")),
}
PLAIN = {"published", "asked-elsewhere"}  # what even one plain client brings about


@pytest.mark.parametrize("name", REACHES)
def test_a_storm_that_got_there_is_told(name: str) -> None:
    assert reached(name, MEETS[name]()).met is True


@pytest.mark.parametrize("name", sorted(set(REACHES) - PLAIN))
def test_one_plain_client_gets_to_none_of_it(name: str) -> None:
    verdict = reached(name, history("sequential"))

    assert not verdict.met
    assert verdict.reason


@pytest.mark.parametrize(("status", "met"), [(423, True), (409, True), (500, False), (None, False)])
def test_to_be_told_that_an_upload_is_busy_is_not_to_wait(status: int | None, met: bool) -> None:
    stalling = history("stalling")
    told = [
        msgspec.structs.replace(
            one, end=msgspec.structs.replace(one.end, status=status, outcome="fail")
        )
        if one.end is not None and one.call.kind in ("query", "append")
        else one
        for one in stalling.operations
    ]
    assert (
        reached("served-beside", msgspec.structs.replace(stalling, operations=tuple(told))).met
        is met
    )


def test_a_patch_that_is_served_while_another_is_under_way_met_no_busy_upload() -> None:
    """Refused meanwhile, or answered only after it, it did."""
    two = [one for one in history("parallel").operations if one.call.kind == "append"][:2]
    for begins, ends, status, met in (
        (2, 3, 204, False),
        (2, 3, 423, True),
        (2, 3, 409, True),
        (2, 5, 204, True),
        (4, 5, 409, False),
    ):
        first, second = (
            msgspec.structs.replace(
                one,
                call=msgspec.structs.replace(one.call, time_ns=begin),
                end=msgspec.structs.replace(one.end, time_ns=end, status=code),
            )
            for one, begin, end, code in zip(
                two, (1, begins), (4, ends), (204, status), strict=True
            )
            if one.end is not None
        )
        told = msgspec.structs.replace(history("parallel"), operations=(first, second))
        assert reached("busy", told).met is met, (begins, ends, status)


def test_what_was_not_published_is_told() -> None:
    assert reached("published", expired()).met is False


def test_nobody_asked_elsewhere_in_a_fleet_of_one() -> None:
    alone = Driver(plan("sequential", replicas=1)).whole_run()

    assert reached("asked-elsewhere", alone).met is False


def test_commits_after_each_other_are_not_together() -> None:
    apart = steps((0, "committing"), (0, "cleaning"), (1, "committing"))

    assert reached("two-replicas-in-commit", apart).met is False


def test_without_steps_a_commit_cannot_be_judged() -> None:
    verdict = reached("two-replicas-in-commit", history("parallel"))

    assert verdict.met is None
    assert "records no file-system steps" in verdict.reason

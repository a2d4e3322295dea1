"""What is acknowledged, owed and ended is computed once: each rule of it, alone."""

import pytest

from patchstorm.history.model import Completion, Outcome
from patchstorm.run.knowledge import Knowledge

SIZE = 10


def ended(outcome: Outcome, offset: int | None = None) -> Completion:
    return Completion(op=1, time_ns=1, outcome=outcome, status=None, offset=offset)


@pytest.fixture
def whole() -> Knowledge:
    """Every byte is acknowledged, and the upload has a URL."""
    known = Knowledge({"u": SIZE})
    known.urls["u"] = "/files/1"
    known.completed("append", "u", (0, SIZE), ended("ok"))
    assert known.owed() == ["u"]
    return known


def test_only_what_was_accepted_is_acknowledged() -> None:
    known = Knowledge({"u": SIZE})
    known.urls["u"] = "/files/1"
    for outcome in ("fail", "info"):
        known.completed("append", "u", (0, SIZE), ended(outcome))
        assert known.owed() == []
    known.completed("append", "u", (0, SIZE - 1), ended("ok"))
    assert known.owed() == [], "a byte is missing"


def test_nothing_is_owed_of_an_upload_without_url(whole: Knowledge) -> None:
    del whole.urls["u"]
    assert whole.owed() == []


@pytest.mark.parametrize(("outcome", "owed"), [("ok", []), ("info", []), ("fail", ["u"])])
def test_what_a_termination_may_have_ended_is_not_owed(
    outcome: Outcome, owed: list[str], whole: Knowledge
) -> None:
    whole.completed("terminate", "u", None, ended(outcome))
    assert whole.owed() == owed
    assert whole.all_finished(["u"])


def test_the_full_length_is_announced_once(whole: Knowledge) -> None:
    assert not whole.completed("query", "u", None, ended("ok", SIZE - 1))
    assert whole.completed("query", "u", None, ended("ok", SIZE))
    assert not whole.completed("query", "u", None, ended("ok", SIZE))


def test_other_operations_say_nothing(whole: Knowledge) -> None:
    assert not whole.completed("discover", None, None, ended("ok"))
    assert not whole.completed("query", "another", None, ended("ok", SIZE))
    assert not whole.all_finished(["another"])

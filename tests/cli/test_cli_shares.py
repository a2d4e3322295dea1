"""A search without storms named: all of them, and composed ones get the larger share of the budget."""

from __future__ import annotations

from patchstorm.commands.explore import COMPOSED_PERMILLE, TOGETHER_DEFAULT, Request, shares_of
from patchstorm.scenario import library


def request(**asked: int | float) -> Request:
    usual = {
        "scenarios": (), "target": "reference", "storage": None, "schedules": None, "seconds": None,
        "strategy": "portfolio", "jobs": None, "cluster": None, "seed": 1, "replicas": None, "collect": False,
        "unclaimed": False, "allow_unreached": False, "out": None, "junit": None, "corpus": None,
        "no_corpus": True,
        "json": False,
    }  # fmt: skip
    return Request(**{**usual, **asked})  # type: ignore[arg-type]


def test_every_storm_has_a_share_and_the_composed_one_the_largest() -> None:
    storms = library.load_all()
    shares = {one.name: share for one, share in shares_of(request(schedules=10_000), storms)}

    assert set(shares) == {one.name for one in storms}
    assert shares["composed"].schedules == 10 * COMPOSED_PERMILLE
    others = [share.schedules or 0 for name, share in shares.items() if name != "composed"]
    assert min(others) > 0 and sum(others) < 5_000


def test_seconds_are_shared_likewise_and_without_a_budget_there_is_one() -> None:
    storms = library.load_all()
    timed = [share.seconds or 0.0 for _, share in shares_of(request(seconds=600.0), storms)]
    assert timed[0] == 600 * COMPOSED_PERMILLE / 1000
    assert abs(sum(timed) - 600) < 1
    assert all(share.schedules is None for _, share in shares_of(request(seconds=1.0), storms))

    usual = [share.schedules or 0 for _, share in shares_of(request(), storms)]
    assert usual[0] == TOGETHER_DEFAULT * COMPOSED_PERMILLE // 1000

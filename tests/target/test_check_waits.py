"""``target check`` waits no longer than for what is still to come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from patchstorm.dialect.tus.probing import core
from patchstorm.dialect.tus.probing.bench import TOLD_WITHIN_S, Bench
from patchstorm.dialect.tus.probing.whereabouts import found
from patchstorm.probe.ground import LiveGround, grounded
from patchstorm.target.registry import resolve
from target.tiny_targets import tiny

WITHIN_S = 0.3
WHOLE = Path(__file__).parents[1] / "docs" / "own_server.py"


@pytest.fixture
def run_out(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that nobody ended, in seconds, but for those in which the storage is listened to."""
    ended: list[float] = []
    turns = LiveGround.turns

    async def watched(ground: LiveGround, seconds: float) -> AsyncIterator[None]:
        async for _ in turns(ground, seconds):
            yield
        if seconds != TOLD_WITHIN_S:
            ended.append(seconds)

    monkeypatch.setattr(LiveGround, "turns", watched)
    return ended


def test_a_directory_that_holds_what_may_stay_is_not_waited_for(
    tmp_path: Path, run_out: list[float]
) -> None:
    """The reference keeps a record of each upload, in a directory of the upload's."""

    async def probe() -> None:
        async with grounded(resolve("reference"), tmp_path, lambda _: None) as ground:
            where = await found(Bench(ground))
            assert all(one.after - one.before for one in where.traced)

    asyncio.run(probe())
    assert run_out == []


def test_bytes_that_nobody_keeps_are_waited_for_once(
    tmp_path: Path, run_out: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However a body broke off; a server that takes bodies whole keeps none of it."""
    monkeypatch.setattr(core, "KEPT_WITHIN_S", WITHIN_S)

    async def probe() -> None:
        whole = resolve(str(tiny(tmp_path, server=WHOLE)))
        async with grounded(whole, tmp_path, lambda _: None) as ground:
            assert (await core.keeps_partial_body(Bench(ground))).does is False

    asyncio.run(probe())
    assert run_out == [WITHIN_S]

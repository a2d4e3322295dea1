"""What the options ask for: target, storms and worlds, and which storms were picked by their ids."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from patchstorm.api import (
    DEFAULT_CORPUS,
    Scenario,
    UsageError,
    check_options,
    load_scenario,
    load_target,
    scenarios,
    world,
)
from patchstorm.pytest_plugin import ROOT, SEED_FIRST, USUAL
from patchstorm.pytest_plugin.wanted import Settings, Wanted

_PICKED = "patchstorm_picked"
_ALONE = "patchstorm_alone"


def asked(config: pytest.Config) -> dict[str, Wanted]:
    """The storms that were asked for, by their ids; pytest's own usage error for wrong options."""
    try:
        every = {_id(one): one for one in _every(config)}
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    return _picked(config, every)


def _every(config: pytest.Config) -> Iterator[Wanted]:
    """Each scenario in each world with each seed."""
    name = config.getoption("--patchstorm-target")
    target = load_target(name)
    listed = config.getoption("--patchstorm-scenarios")
    last = SEED_FIRST + int(config.getoption("--patchstorm-seeds"))
    for scenario in scenarios() if listed is None else _storms(listed):
        for place in worlds(config):
            for seed in range(SEED_FIRST, last):
                yield Wanted(scenario=scenario, target=target, name=name, world=place, seed=seed)


def _id(one: Wanted) -> str:
    """The world that was there before all others is not named, so that ids keep their meaning."""
    place = "" if one.world == USUAL else f"{one.world}-"
    return f"{ROOT}::{one.scenario.name}[{one.target.name}-{place}{one.seed}]"


def _storms(listed: str) -> Iterable[Scenario]:
    return (load_scenario(name) for name in _names("--patchstorm-scenarios", "storm", listed))


def worlds(config: pytest.Config) -> tuple[str, ...]:
    """The worlds asked for, in that order. UsageError for one that nobody has."""
    listed = _names("--patchstorm-worlds", "world", config.getoption("--patchstorm-worlds"))
    for name in listed:
        world(name)
    return listed


def _names(option: str, what: str, listed: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if not names:
        raise UsageError(f"{option}: name at least one {what}, or leave it out")
    return names


def check(config: pytest.Config) -> None:
    """pytest's usage error for what was asked wrongly, before anything is collected."""
    if config.getoption("--patchstorm-seeds") < 1:
        raise pytest.UsageError("--patchstorm-seeds: give a number from 1 on")
    settings(config)
    pick(config)
    asked(config)


def settings(config: pytest.Config) -> Settings:
    """What the other options say. pytest's usage error for what cannot be."""
    schedules = config.getoption("--patchstorm-schedules")
    try:
        check_options(schedules=schedules)
    except UsageError as error:  # which begins with the option's name, as the API has it
        raise pytest.UsageError(f"--patchstorm-{error}") from None
    return Settings(
        out=Path(config.getoption("--patchstorm-out")),
        corpus=_corpus(config),
        schedules=schedules,
        allow_unreached=bool(config.getoption("--patchstorm-allow-unreached")),
    )


def _corpus(config: pytest.Config) -> Path | None:
    """Where what failed before is kept; None where it is not wanted."""
    if config.getoption("--patchstorm-no-corpus") or "PATCHSTORM_NO_CORPUS" in os.environ:
        return None
    folder = Path(config.getoption("--patchstorm-corpus") or DEFAULT_CORPUS)
    if folder.exists() and not folder.is_dir():
        raise pytest.UsageError(f"--patchstorm-corpus {folder}: is no directory")
    return folder


def pick(config: pytest.Config) -> None:
    """Take ids of storms from among the arguments, which pytest would take for paths.

    Workers of pytest-xdist are given options and what is left of the arguments. If nothing is, they take
    the usual directories instead, so that it has to be said once more.
    """
    if hasattr(config.option, _ALONE):
        if getattr(config.option, _ALONE):
            config.args[:] = []
        return
    ids = [argument for argument in config.args if argument.startswith(f"{ROOT}::")]
    config.args[:] = [argument for argument in config.args if argument not in ids]
    setattr(config.option, _PICKED, ids)
    setattr(config.option, _ALONE, bool(ids) and not config.args)


def _picked(config: pytest.Config, every: dict[str, Wanted]) -> dict[str, Wanted]:
    """Those that were picked; all of them where none was.

    A storm's id without the bracket picks it for every world and seed. UsageError for an id of no storm.
    """
    ids: list[str] = getattr(config.option, _PICKED)
    if not ids:
        return every
    for one in ids:
        if not any(_is(name, one) for name in every):
            shown = ", ".join(list(every)[:3])
            raise pytest.UsageError(
                f"{one}: the options ask for no such storm. There are {len(every)}: {shown}"
                f"{', ...' if len(every) > 3 else ''}. Give the options that it was run with."
            )
    return {name: wanted for name, wanted in every.items() if any(_is(name, one) for one in ids)}


def _is(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}[")

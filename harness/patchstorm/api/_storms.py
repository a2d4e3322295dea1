"""What is asked for: storms, targets, stores and worlds; and what of it cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from patchstorm.errors import UsageError
from patchstorm.scenario.model import Scenario
from patchstorm.scenario.plan import Plan
from patchstorm.target.model import Target
from patchstorm.worlds.sim.app import App, Subject
from patchstorm.worlds.sim.port import SimPort


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A place where storms are run. ``says`` is one line of what it is.

    ``searches``: the order of steps is Patchstorm's own, so that a storm is given to :func:`explore`; in any
    other world :func:`run` storms real replicas. ``default``: ``patchstorm run`` storms there unasked.
    """

    name: str
    says: str
    searches: bool
    default: bool


def scenarios() -> tuple[Scenario, ...]:
    """Every bundled storm, in order of name."""
    from patchstorm.scenario.library import load_all

    return load_all()


def load_scenario(name: str | Path) -> Scenario:
    """The storm called ``name``: a bundled one, or the path of a TOML file.

    Raises :class:`UsageError` naming file, key and remedy.
    """
    from patchstorm.scenario.library import load

    return load(str(name))


def parse_scenario(text: str, *, name: str = "mine") -> Scenario:
    """The storm that a TOML text describes; ``name`` is what it is called from then on.

    Raises :class:`UsageError` naming key and remedy.
    """
    from patchstorm.scenario.schema import parse

    return parse(text, name=name, file=f"{name}.toml")


def load_target(name: str | Path) -> Target:
    """The target called ``name``: whatever ``--target`` takes, a TOML file's path included.

    Raises :class:`UsageError` naming file, line, key and remedy.
    """
    from patchstorm.target.registry import resolve

    return resolve(str(name))


def draw_plan(
    scenario: Scenario,
    target: Target,
    *,
    seed: int = 1,
    index: int = 0,
    replicas: int | None = None,
    storage: str | None = None,
) -> Plan:
    """One concrete storm of the family: who sends what, and when which fault strikes.

    A pure function: the same arguments give the same plan in any process. ``index`` counts the storms of a
    seed from 0; ``replicas`` and ``storage`` override the scenario's.

    Raises :class:`UsageError` for a number out of bounds, a storage that nobody has, and a client that would
    stand still for longer than it waits for an answer.
    """
    from patchstorm.scenario.draw import draw_plan as draw
    from patchstorm.scenario.runnable import too_patient

    reason = too_patient(scenario, target.wire.request_ms)
    if reason is not None:
        raise UsageError(f"{scenario.name}: {reason}")
    check_options(seed=seed, replicas=replicas, storage=storage, index=index)
    return draw(
        scenario, seed=seed, index=index, capabilities=target.capabilities, replicas=replicas,
        storage=storage,
    )  # fmt: skip


def subject(target: Target, build: Callable[[SimPort, str], App], *, sweep_ms: int = 0) -> Subject:
    """A synchronous Python store to be put into the simulator.

    ``build(port, root)`` is called at every start of a replica: ``port`` is what :class:`Process` makes the
    simulated modules of, ``root`` the absolute path of the shared directory. ``sweep_ms`` is how often the
    store's own cleaning runs; 0: it has none.
    """
    return Subject(target=target, build=build, sweep_ms=sweep_ms)


# -- worlds ---------------------------------------------------------------------------------------


def worlds() -> tuple[World, ...]:
    """Every world, in the order in which they are listed."""
    from patchstorm.worlds.registry import names

    return tuple(world(name) for name in names())


def world(name: str) -> World:
    """The world called ``name``. Raises :class:`UsageError`, naming those that there are, for another."""
    from patchstorm.worlds.registry import world_of

    there = world_of(name)
    return World(name=there.name, says=there.says, searches=there.searches, default=there.default)


# -- before anything is run -----------------------------------------------------------------------


def check_options(
    *,
    seed: int | None = None,
    index: int | None = None,
    schedules: int | None = None,
    replicas: int | None = None,
    storage: str | None = None,
) -> None:
    """What a runner of tests asks of its options, before it collects anything; None was left open.

    Raises :class:`UsageError` for a number out of bounds, its name first, and for a storage that no world
    has.
    """
    from patchstorm.scenario.bounds import REPLICAS_MAX, SCHEDULES_MAX, SEED_MAX, between
    from patchstorm.worlds.registry import check_storage, names

    bounds = (
        ("seed", seed, 0, SEED_MAX),
        ("index", index, 0, SEED_MAX),
        ("schedules", schedules, 1, SCHEDULES_MAX),
        ("replicas", replicas, 1, REPLICAS_MAX),
    )
    for what, number, low, high in bounds:
        if number is not None:
            between(what, number, low, high)
    if storage is not None:
        check_storage(storage, names())


def reason_to_skip(
    scenario: Scenario | str,
    target: Target | Subject | str,
    *,
    world: str = "processes",
    seed: int = 1,
    storage: str | None = None,
    replicas: int | None = None,
) -> str | None:
    """Why this storm is not run there, so that a test of it is skipped; None where it is.

    What the world cannot do for the target, what the storm needs and one of both has not, a storage that is
    not to be had there, or one on which the target claims nothing. Nothing is started. Where schedules are
    searched the plan of the first one counts, which ``seed`` and ``replicas`` are for. :func:`explore` asks
    all of this but whether there is code to simulate, of which it raises; :func:`run` does not ask what is
    claimed.

    Raises :class:`UsageError` for what was asked wrongly.
    """
    from patchstorm.campaign.skipping import reason_to_skip as reason
    from patchstorm.scenario import library
    from patchstorm.target import registry

    check_options(seed=seed, replicas=replicas, storage=storage)
    return reason(
        library.given(scenario),
        target if isinstance(target, Subject) else registry.given(target),
        world,
        seed=seed,
        storage=storage,
        replicas=replicas,
    )


def usual_schedules(scenario: Scenario) -> int:
    """How many schedules of ``scenario`` are run among all other storms, when nobody says how many.

    Some storms are so long that a few do; composed ones are all different, and more of them see more.
    """
    from patchstorm.campaign.budget import schedules_default

    return schedules_default(scenario)

"""The pytest plugin: every storm against your server is a test.

``pytest --patchstorm-target my-server.toml`` adds one test for each bundled storm and seed. Without
that option nothing is imported, collected or reported, so a plugin that happens to be installed
costs nobody anything. Storms are independent of one another, so pytest-xdist may spread them.

A violation fails the test with the story and, last, the command that replays it. *Unknown* fails it
too: a test that could not tell has not passed. A storm that cannot be run here is skipped with the
reason.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from patchstorm.api import RunReport, Scenario, Target

SEED_FIRST = 1
_OUT = "patchstorm-runs"
_CORPUS = Path(".patchstorm", "failures")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; all of them mean nothing without the first."""
    group = parser.getgroup("patchstorm", "storms against a resumable-upload server")
    group.addoption(
        "--patchstorm-target",
        metavar="T",
        help="storm this target: a bundled name or the path of a target's TOML file",
    )
    group.addoption(
        "--patchstorm-scenarios",
        metavar="A,B",
        help="only these storms, by name or path; default: every bundled one",
    )
    group.addoption(
        "--patchstorm-seeds",
        metavar="N",
        type=int,
        default=1,
        help=f"so many seeds for each storm, from {SEED_FIRST} on; default: 1",
    )
    group.addoption(
        "--patchstorm-out",
        metavar="DIR",
        default=_OUT,
        help=f"where failures are kept for replay; default: {_OUT}",
    )
    group.addoption(
        "--patchstorm-corpus",
        metavar="DIR",
        help="what failed before and is tried first; default: .patchstorm/failures",
    )
    group.addoption(
        "--patchstorm-no-corpus",
        action="store_true",
        help="neither try first what failed before nor keep what is found",
    )
    group.addoption(
        "--patchstorm-allow-unreached",
        action="store_true",
        help="a storm that did not come to what it is for passes; else it fails",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a wrong option before anything is collected."""
    if config.getoption("--patchstorm-target") is None:
        return
    if config.getoption("--patchstorm-seeds") < 1:
        raise pytest.UsageError("--patchstorm-seeds: give a number from 1 on")
    _asked(config)
    _corpus(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the storms before -k, -m and --lf choose among all tests."""
    if config.getoption("--patchstorm-target") is not None:
        collector = Storms.from_parent(session, name="patchstorm", nodeid="patchstorm")
        items.extend(collector.collect())


class Storms(pytest.Collector):
    """All storms asked for, each seed an item."""

    def collect(self) -> Iterator[Storm]:
        """One item for each scenario and seed, in the order asked for."""
        target, scenarios = _asked(self.config)
        last = SEED_FIRST + int(self.config.getoption("--patchstorm-seeds"))
        for scenario in scenarios:
            for seed in range(SEED_FIRST, last):
                yield Storm.from_parent(
                    self,
                    name=f"{scenario.name}[{target.name}-{seed}]",
                    scenario=scenario,
                    target=target,
                    seed=seed,
                )


class Storm(pytest.Item):
    """One storm."""

    def __init__(self, *, scenario: Scenario, target: Target, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scenario = scenario
        self.target = target
        self.seed = seed

    def runtest(self) -> None:
        """Run and judge it."""
        from patchstorm.api import run

        out = Path(self.config.getoption("--patchstorm-out"))
        allowed = bool(self.config.getoption("--patchstorm-allow-unreached"))
        report = run(
            self.scenario, self.target, seed=self.seed, out_dir=out, allow_unreached=allowed,
            corpus=_corpus(self.config), retry=self.seed == SEED_FIRST,
        ).report  # fmt: skip
        with contextlib.suppress(OSError):  # not empty: there is something to look at
            out.rmdir()
        if report.skipped is not None:
            pytest.skip(report.skipped)
        if report.verdict != "safe":
            raise NotSafe(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The story, ending in the replay command; the harness's own errors as pytest shows them."""
        from patchstorm.api import PatchstormError

        if isinstance(excinfo.value, NotSafe):
            return str(excinfo.value)
        if isinstance(excinfo.value, PatchstormError):
            return f"{type(excinfo.value).__name__}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.config.rootpath, None, f"storm {self.name}"


class NotSafe(Exception):
    """A storm ended violated or unknown."""

    def __init__(self, report: RunReport) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        from patchstorm.api import explain

        return explain(self.report)


def _corpus(config: pytest.Config) -> Path | None:
    """Where what failed before is kept; None where it is not wanted."""
    if config.getoption("--patchstorm-no-corpus") or "PATCHSTORM_NO_CORPUS" in os.environ:
        return None
    folder = Path(config.getoption("--patchstorm-corpus") or _CORPUS)
    if folder.exists() and not folder.is_dir():
        raise pytest.UsageError(f"--patchstorm-corpus {folder}: is no directory")
    return folder


def _asked(config: pytest.Config) -> tuple[Target, tuple[Scenario, ...]]:
    """Target and scenarios as the options name them; pytest's own usage error for wrong ones."""
    from patchstorm.api import UsageError, load_scenario, load_target, scenarios

    names = config.getoption("--patchstorm-scenarios")
    try:
        target = load_target(config.getoption("--patchstorm-target"))
        if names is None:
            return target, scenarios()
        chosen = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
        if not chosen:
            raise UsageError("--patchstorm-scenarios: name at least one storm, or leave it out")
        return target, tuple(load_scenario(name) for name in chosen)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None

"""The pytest plugin: every storm against your server is a test, and your tests may storm.

``pytest --patchstorm-target my-server.toml`` adds one test for each bundled storm, world and seed. Without
that option, and without a test that storms by itself, nothing is imported, collected or reported, so a plugin
that happens to be installed costs nobody anything. Storms are independent of one another, so pytest-xdist may
spread them.

A violation fails the test with the story and, last, the command that replays it. *Unknown* fails it
too: a test that could not tell has not passed. A storm that cannot be run here is skipped with the
reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from patchstorm.api import Explored, Ruled, RunReport, StormResult

SEED_FIRST = 1
USUAL = "processes"
"""The world of a storm for which nobody names one; the id of a storm leaves it out."""
SIMULATOR = "sim"
"""The world of a store that a test brings itself."""
ROOT = "patchstorm"
"""What the id of every storm begins with."""
PUT: Final = pytest.StashKey[tuple["Ruled", ...]]()
"""Of an item that has stormed: the rules of the protocol that were put."""
JUDGED: Final = pytest.StashKey[tuple["RunReport", str | None]]()
"""Of a test that has stormed by its marker: what came of it, and the verdict that it expects."""
_OUT = "patchstorm-runs"
_MARKER = (
    "storm(scenario, *, target, world, seed, schedules, storage, replicas, verdict): what the fixture "
    "`storm` runs; every storm that --patchstorm-target adds is marked, too"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; all of them mean nothing without storms."""
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
        "--patchstorm-worlds",
        metavar="A,B",
        default=USUAL,
        help=f"where: sim, processes, fuse, nfs, containers; default: {USUAL}",
    )
    group.addoption(
        "--patchstorm-seeds",
        metavar="N",
        type=int,
        default=1,
        help=f"so many seeds for each storm, from {SEED_FIRST} on; default: 1",
    )
    group.addoption(
        "--patchstorm-schedules",
        metavar="N",
        type=int,
        help="so many schedules of each storm in the simulator; default: as `patchstorm run` does",
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
    config.addinivalue_line("markers", _MARKER)
    if config.getoption("--junitxml", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Rules(config), "patchstorm-rules")
    picked = any(argument.startswith(f"{ROOT}::") for argument in config.args)
    if config.getoption("--patchstorm-target") is None:
        if picked:
            raise pytest.UsageError(
                f"a test whose id begins with {ROOT}:: is a storm: give --patchstorm-target, too"
            )
        return
    try:
        from patchstorm.pytest_plugin.asked import check

        check(config)
    except ImportError as error:
        if error.name != "patchstorm.api":  # it says what the system lacks; any other is a mistake
            raise
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Add the storms before -k, -m, --lf and --ff choose among all tests."""
    if config.getoption("--patchstorm-target") is not None:
        from patchstorm.pytest_plugin.items import Storms

        collector = Storms.from_parent(session, name=ROOT, nodeid=ROOT)
        # As everything else is collected, so that others see it and the numbers are right.
        items.extend(session.genitems(collector))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Fail a test whose storm came to another verdict than it expects, before its own code is run."""
    if JUDGED in item.stash:
        from patchstorm.pytest_plugin.marked import judge

        judge(*item.stash[JUDGED])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a storm's report take along which rules of the protocol it put."""
    report = yield
    if PUT in item.stash:
        from patchstorm.pytest_plugin.ruled import carry

        carry(item.stash[PUT], report)
    return report


class _Rules:
    """Where a JUnit report is written: rules are cases of it, too."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write the rules that came with it."""
        if hasattr(report, "patchstorm_rules"):
            from patchstorm.pytest_plugin.ruled import tell

            tell(self._config, report)


@pytest.fixture
def storm(request: pytest.FixtureRequest) -> Explored | StormResult:
    """What came of the storm of the test's marker: an `api.Explored` in sim, else an `api.StormResult`."""
    from patchstorm.pytest_plugin.marked import result_of

    return result_of(request)

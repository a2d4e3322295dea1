"""The storms that ``--patchstorm-target`` adds, as tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from patchstorm.api import PatchstormError
from patchstorm.pytest_plugin import PUT, SEED_FIRST
from patchstorm.pytest_plugin.asked import asked, settings
from patchstorm.pytest_plugin.judged import NotSafe, judged
from patchstorm.pytest_plugin.storming import stormed
from patchstorm.pytest_plugin.wanted import Wanted


class Storms(pytest.Collector):
    """All storms asked for, each world and seed an item."""

    def collect(self) -> Iterator[Storm]:
        """One item for each storm asked for, in the order asked for."""
        for nodeid, wanted in asked(self.config).items():
            # The whole id, since pytest makes of a name alone none that it finds again (--lf).
            name = nodeid.partition("::")[2]
            yield Storm.from_parent(self, name=name, nodeid=nodeid, wanted=wanted)


class Storm(pytest.Item):
    """One storm."""

    def __init__(self, *, wanted: Wanted, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = wanted
        self.add_marker("storm")
        self.user_properties += [("world", wanted.world), ("seed", wanted.seed)]

    def runtest(self) -> None:
        """Run and judge it. The first seed of a storm tries what failed before."""
        retry = self.wanted.seed == SEED_FIRST
        report = stormed(self.wanted, settings(self.config), retry=retry).report
        if report.digest is not None:
            self.user_properties.append(("digest", report.digest))
        self.stash[PUT] = report.rules
        judged(report)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The story, ending in the replay command; the harness's own errors as pytest shows them."""
        if isinstance(excinfo.value, NotSafe):
            return str(excinfo.value)
        if isinstance(excinfo.value, PatchstormError):
            return f"{type(excinfo.value).__name__}: {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.config.rootpath, None, f"storm {self.name}"

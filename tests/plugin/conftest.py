"""Sessions within a test load what they are about, whatever plugins are installed here besides."""

from __future__ import annotations

import pytest

# Sessions within a test forget what they were the first to import, and numpy cannot be loaded twice.
import patchstorm.pytest_plugin.items
import patchstorm.scenario.cells  # noqa: F401

MORE_WORDS = ("CI", "BUILD_NUMBER")  # set, they make pytest repeat a whole failure in its summary
LOADED = "patchstorm.pytest_plugin,xdist.plugin"


@pytest.fixture(autouse=True)
def as_at_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions of a test are told of no CI system, so that they print alike everywhere."""
    for name in MORE_WORDS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def loaded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of all plugins takes its time anew, as do the assertions that are rewritten in its package."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", LOADED)


@pytest.fixture
def loaded_as_installed(loaded_by_name: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """As users have it: by the entry point."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    monkeypatch.delenv("PYTEST_PLUGINS")

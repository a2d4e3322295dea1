"""Sessions within a test load what they are about, whatever plugins are installed here besides."""

from __future__ import annotations

import pytest

LOADED = "patchstorm.pytest_plugin,xdist.plugin"


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

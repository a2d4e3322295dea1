"""Servers are installed by their own package client, pinned, once, and where they were asked to be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from patchstorm.commands import target as command
from patchstorm.errors import TargetError, UsageError
from patchstorm.target.installing import install, install_dir, installed, not_installed
from patchstorm.target.load import load_target
from patchstorm.target.model import Target
from patchstorm.target.registry import bundled_names, resolve

TEXT = """
name = "mine"
capabilities = ["sequential"]
[start]
command = ["{{install}}/serve", "{{port}}"]
[wire]
path = "/files"
[install]
client = "npm"
packages = ["serve-it@{version}"]
files = ["serve.mjs"]
"""
NPM = """#!/bin/sh
echo "asked for $*"
echo "$*" >> "{log}"
exit {code}
"""


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATCHSTORM_SERVERS", str(tmp_path / "servers"))
    return tmp_path / "servers"


def mine(folder: Path, version: str = "1.0.0") -> Target:
    (folder / "serve.mjs").write_text("// serves\n")
    path = folder / "mine.toml"
    path.write_text(TEXT.format(version=version))
    return load_target(path)


def npm(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    """A package client that only takes note; the path of its notes."""
    tools, log = folder / "tools", folder / "asked.txt"
    tools.mkdir()
    (tools / "npm").write_text(NPM.format(log=log, code=code))
    (tools / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return log


def test_it_is_installed_once(
    tmp_path: Path, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, target = npm(tmp_path, monkeypatch), mine(tmp_path)
    assert not_installed(target) is not None
    place, done = install(target)
    assert done and installed(target) and not_installed(target) is None
    assert place.parent == servers
    assert (place / "serve.mjs").read_text() == "// serves\n"
    assert install(target) == (place, False)
    (asked,) = log.read_text().splitlines()
    assert asked.endswith("serve-it@1.0.0") and str(place) in asked


def test_another_version_or_another_file_is_another_place(
    tmp_path: Path, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path, monkeypatch)
    install(mine(tmp_path))
    newer = mine(tmp_path, "1.0.1")
    assert not installed(newer)
    first = install_dir(newer)
    (tmp_path / "serve.mjs").write_text("// serves better\n")
    assert install_dir(newer) != first


def test_a_client_that_fails_is_told_with_its_last_words_and_leaves_nothing_installed(
    tmp_path: Path, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path, monkeypatch, code=7)
    with pytest.raises(TargetError) as error:
        install(mine(tmp_path))
    assert "ended with code 7" in str(error.value)
    assert "asked for install" in str(error.value)
    assert not installed(mine(tmp_path))


def test_a_client_that_is_missing_is_named_with_a_remedy(
    tmp_path: Path, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"`npm`, which is not here.*nodejs\.org"):
        install(mine(tmp_path))


def test_a_place_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm(tmp_path, monkeypatch)
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(UsageError, match="--dir"):
        install(mine(tmp_path), tmp_path / "file" / "below")


def test_dir_says_where_and_the_command_says_how_to_find_it(
    tmp_path: Path, servers: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    npm(tmp_path, monkeypatch)
    mine(tmp_path)
    assert command.install([str(tmp_path / "mine.toml")], folder=tmp_path / "here") == 0
    assert f"PATCHSTORM_SERVERS={tmp_path / 'here'}" in capsys.readouterr().out
    monkeypatch.setenv("PATCHSTORM_SERVERS", str(tmp_path / "here"))
    assert installed(mine(tmp_path))


def test_a_target_without_a_package_says_so() -> None:
    with pytest.raises(UsageError, match=r"has no \[install\] table"):
        install(resolve("reference"))


def test_every_bundled_server_is_pinned() -> None:
    foreign = [resolve(name) for name in bundled_names() if name != "reference"]
    assert len(foreign) >= 5
    for target in foreign:
        assert target.install is not None
        for package in target.install.packages:
            assert "@" in package.lstrip("@") or "==" in package
        assert target.version and target.configuration

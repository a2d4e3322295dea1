"""Puts a server into a directory of its own with the package client that its authors name.

Nothing is downloaded by this code: ``go``, ``cargo``, ``npm``, ``mvn`` or ``pip`` does it, as its user has
set it up, with pinned versions and without root. The directory's name holds a digest of all that was
asked for, so another version is another directory, and what is there already is left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from patchstorm.errors import TargetError, UsageError
from patchstorm.target.model import Install, Target

VARIABLE: Final = "PATCHSTORM_SERVERS"
MARK: Final = "patchstorm-install.json"
LOG_LINES: Final = 25
CLIENTS: Final = {
    "go": "Install Go (https://go.dev/dl, or your distribution's golang) and try again.",
    "cargo": "Install Rust (https://rustup.rs, or your distribution's cargo) and try again.",
    "npm": "Install Node.js with npm (https://nodejs.org) and try again.",
    "maven": "Install Maven (https://maven.apache.org, or your distribution's maven) and try again.",
    "pip": "Install the venv module of this Python (Debian: python3-venv) and try again.",
}


def servers_dir() -> Path:
    """Where servers are put: $PATCHSTORM_SERVERS, or below the XDG data directory."""
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "patchstorm" / "servers"


def install_dir(target: Target, base: Path | None = None) -> Path | None:
    """The directory of ``target`` below ``base``; None where it has no [install]."""
    install = target.install
    if install is None:
        return None
    asked = hashlib.sha256(msgspec.json.encode(install))
    for name in install.files:
        asked.update(_beside(target, name).read_bytes())
    name = target.name.partition(":")[0]
    return (base or servers_dir()) / f"{name}-{asked.hexdigest()[:10]}"


def installed(target: Target) -> bool:
    """Whether everything that [install] asks for is there."""
    folder = install_dir(target)
    return folder is not None and (folder / MARK).exists()


def not_installed(target: Target) -> str | None:
    """Why ``target`` cannot be started for want of its program; None where it is there."""
    if target.install is None or installed(target):
        return None
    return f"not installed here: run `patchstorm target install {target.origin.partition(':')[0]}`"


def install(target: Target, base: Path | None = None) -> tuple[Path, bool]:
    """Install ``target``; its directory, and whether anything had to be done.

    UsageError where the target has no [install] or its package client is missing, TargetError with
    the client's last words where it fails.
    """
    folder = install_dir(target, base)
    if folder is None or target.install is None:
        raise UsageError(
            f"target {target.name} has no [install] table, so nothing is known about how to "
            "install it. Install it yourself, or add the table (docs/targets.md)."
        )
    program = "mvn" if target.install.client == "maven" else target.install.client
    if program != "pip" and shutil.which(program) is None:
        raise UsageError(
            f"target {target.name} is installed with `{program}`, which is not here. "
            + CLIENTS[target.install.client]
        )
    with _alone(folder):
        if (folder / MARK).exists():
            return folder, False
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for command in _commands(target.install, folder):
            _run(command, target, folder)
        for name in target.install.files:
            shutil.copyfile(_beside(target, name), folder / Path(name).name)
        (folder / MARK).write_bytes(msgspec.json.encode(target.install) + b"\n")
    return folder, True


def _beside(target: Target, name: str) -> Path:
    path = Path(target.here) / name
    if not path.is_file():
        raise UsageError(f"target {target.name}: install.files: there is no file {path}.")
    return path


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else installs into ``folder`` meanwhile; UsageError if nothing can be put there."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.parent / f".{folder.name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise UsageError(
            f"{folder.parent}: servers cannot be put there ({error.strerror}). Give another "
            f"directory with --dir, or set {VARIABLE}."
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _commands(asked: Install, folder: Path) -> list[list[str]]:
    """What is run, one after the other, in ``folder``."""
    if asked.client == "go":
        return _go(asked, folder)
    if asked.client == "maven":
        return _maven(asked, folder)
    if asked.client == "cargo":
        root = ["cargo", "install", "--locked", "--root", str(folder)]
        return [[*root, *asked.options, *asked.packages]]
    if asked.client == "npm":
        quiet = ["--no-audit", "--no-fund", "--no-save", "--prefix", str(folder)]
        return [["npm", "install", *quiet, *asked.options, *asked.packages]]
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "install", "--quiet", *asked.options, *asked.packages],
    ]


def _go(asked: Install, folder: Path) -> list[list[str]]:
    """A module of one requirement, built: unlike ``go install``, it never asks for other versions."""
    commands = []
    for package in asked.packages:
        path, _, version = package.partition("@")
        module = path.partition("/cmd/")[0]
        (folder / "go.mod").write_text(
            f"module patchstorm.invalid/install\n\ngo 1.23\n\nrequire {module} {version}\n",
            encoding="ascii",
        )
        out = str(folder / "bin") + "/"
        commands.append(["go", "build", "-mod=mod", "-o", out, *asked.options, path])
    return commands


def _maven(asked: Install, folder: Path) -> list[list[str]]:
    """The packages' jars and those that they need, side by side."""
    wanted = "".join(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>".format(
            *package.split(":")
        )
        for package in asked.packages
    )
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>patchstorm.invalid</groupId><artifactId>install</artifactId><version>1</version>"
        f"<dependencies>{wanted}</dependencies></project>\n",
        encoding="ascii",
    )
    copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
    return [["mvn", "-q", "-B", *asked.options, copy, f"-DoutputDirectory={folder}"]]


def _run(command: list[str], target: Target, folder: Path) -> None:
    assert target.install is not None
    log = folder / "install.log"
    with log.open("ab") as sink:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GOWORK": "off", **target.install.environment},
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise TargetError(
            f"target {target.name}: `{' '.join(command[:3])} ...` ended with code "
            f"{ended.returncode}. Its last words (all in {log}):\n" + "\n".join(tail)
        )

"""Installs clients that other people wrote, each with its own package client, beside the tests' servers.

Nothing is put into the repository. A directory's name holds a digest of what was asked for; what is there
already is taken. What cannot be installed is Missing, and its tests are skipped with that reason. As a
program it installs them all.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from patchstorm.target.installing import servers_dir

PROGRAMS = Path(__file__).with_name("programs")
TUS_JS_CLIENT = "tus-js-client@4.3.1"
UPPY = (TUS_JS_CLIENT, "@uppy/core@6.3.1", "@uppy/tus@6.0.0", "jsdom@26.1.0")
TUS_JAVA_CLIENT = "0.5.1"
_INSTALL_S_MAX = 240


class Missing(Exception):
    """Why a client cannot be had here."""


_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>patchstorm.invalid</groupId><artifactId>clients</artifactId><version>1</version>
<dependencies><dependency>
<groupId>io.tus.java.client</groupId><artifactId>tus-java-client</artifactId>
<version>{TUS_JAVA_CLIENT}</version>
</dependency></dependencies></project>
"""


def node_modules(*packages: str) -> Path:
    """A node_modules with these packages."""
    needs("node", "npm")

    def install(folder: Path) -> None:
        quiet = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
        # By itself it waits for 70 s before it says that there is no registry, and one test after the other.
        quiet += ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
        run(["npm", "install", *quiet, "--prefix", str(folder), *packages], folder)

    return _installed("npm", packages, install) / "node_modules"


def java_classes() -> Path:
    """A directory with the compiled program and the jars that it needs."""
    needs("java", "javac", "mvn")
    source = (PROGRAMS / "Upload.java").read_text()

    def install(folder: Path) -> None:
        (folder / "pom.xml").write_text(_POM)
        copy = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
        run(["mvn", "-q", "-B", copy, f"-DoutputDirectory={folder}"], folder)
        run(
            ["javac", "-cp", f"{folder}/*", "-d", str(folder), str(PROGRAMS / "Upload.java")],
            folder,
        )

    return _installed("maven", (_POM, source), install)


def go_program() -> Path:
    """The compiled program."""
    needs("go")
    sources = sorted((PROGRAMS / "go").iterdir())

    def install(folder: Path) -> None:
        for source in sources:
            shutil.copy(source, folder)
        run(["go", "build", "-mod=mod", "-o", "client", "."], folder)

    return _installed("go", [source.read_text() for source in sources], install) / "client"


def needs(*programs: str) -> None:
    """Raises Missing where one of them is not on this machine."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise Missing(f"this machine has no {' and no '.join(missing)}")


def run(command: Sequence[str], folder: Path) -> None:
    """Raises Missing where it fails: a registry that is not there, say."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GOWORK": "off"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_S_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"`{' '.join(command[:2])}` did not end in {_INSTALL_S_MAX} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise Missing(f"`{' '.join(command[:2])}` failed: {said}")


def _installed(kind: str, asked: Sequence[str], install: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256("\0".join(asked).encode()).hexdigest()[:10]
    folder = servers_dir() / "clients" / f"{kind}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fresh = folder.with_name(f".{folder.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            install(fresh)
            fresh.rename(folder)
    return folder


def main() -> None:
    """Installs them all, one after the other."""
    for name, install in (
        ("tus-js-client", lambda: node_modules(TUS_JS_CLIENT)),
        ("@uppy/tus", lambda: node_modules(*UPPY)),
        ("tus-java-client", java_classes),
        ("go-tus", go_program),
    ):
        began = time.monotonic()
        try:
            install()
        except Missing as reason:
            print(f"skipped: {name}: {reason}", flush=True)
        else:
            print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()

"""Clients that other people wrote, cut off midway or killed, resume from what was stored.

That is judged by what the replicas heard: the pieces that came join without a gap and without an overlap, so
nothing that was stored was sent again, whatever broke off in its middle. No client is told a name for its
file but by itself.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import client_tools
import pytest
from _pytest.mark import ParameterSet
from client_support import CuttingProxy, Heard, Witness, until
from client_tools import PROGRAMS

from chunkstore.testing import Fleet

_CHUNK_BYTES = 10_000_000
_CLIENT_S_MAX = 200


@dataclass(frozen=True, slots=True)
class Client:
    """``command`` installs it and tells how it is called. ``chunk`` is in bytes, 0 as it does by default."""

    command: Callable[[], list[str]]
    chunk: int = 0

    def start(self, endpoint: str, file: Path, state: Path) -> subprocess.Popen[str]:
        """As a process group of its own. Skips where it cannot be had."""
        try:
            command = self.command()
        except client_tools.Missing as reason:
            pytest.skip(str(reason))
        return subprocess.Popen(
            [*command, endpoint, str(file), str(state), str(self.chunk)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def _tus_js() -> list[str]:
    modules = client_tools.node_modules(client_tools.TUS_JS_CLIENT)
    return ["node", str(PROGRAMS / "tus_js.cjs"), str(modules)]


def _uppy() -> list[str]:
    modules = client_tools.node_modules(*client_tools.UPPY)
    return ["node", str(PROGRAMS / "uppy.mjs"), str(modules)]


def _python(module: str, program: str) -> Callable[[], list[str]]:
    def command() -> list[str]:
        pytest.importorskip(module, reason=f"{module} is not installed")
        return [sys.executable, str(PROGRAMS / program)]

    return command


def _java() -> list[str]:
    folder = client_tools.java_classes()
    return ["java", "-cp", f"{folder}:{folder}/*", "Upload"]


def _go() -> list[str]:
    return [str(client_tools.go_program())]


def _curl() -> list[str]:
    client_tools.needs("curl")
    return ["bash", str(PROGRAMS / "curl.sh")]


CLIENTS = {
    "tus-js-client": Client(_tus_js),
    "tus-js-client-in-chunks": Client(_tus_js, chunk=_CHUNK_BYTES),
    "uppy": Client(_uppy),
    "uppy-in-chunks": Client(_uppy, chunk=_CHUNK_BYTES),
    "tuspy": Client(_python("tusclient", "with_tuspy.py")),
    "tuspy-in-chunks": Client(_python("tusclient", "with_tuspy.py"), chunk=_CHUNK_BYTES),
    "aiotus": Client(_python("aiotus", "with_aiotus.py")),
    "tus-java-client": Client(_java),
    "go-tus": Client(_go),
    "curl": Client(_curl),
}
KEEPING = ("tus-js-client", "tuspy", "tus-java-client", "go-tus", "curl")
"""Those that find in a new process what another one began."""


def uploads(names: Iterable[str], *light: str) -> list[ParameterSet]:
    """A client, the file's size, and how many bytes a connection lives.

    All of them send 50 MB, which is slow; a few send little, for the tests without a mark. A chunk never fits
    into what a connection lives, since some clients open a new one for each.
    """
    found = []
    for name in names:
        client = CLIENTS[name]
        lives = 7_000_000 if client.chunk else 20_000_000
        found.append(pytest.param(client, 50_000_000, lives, id=name, marks=pytest.mark.slow))
        if name in light:
            found.append(pytest.param(client, 5_000_000, 2_000_000, id=f"{name}-light"))
    return found


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where a client keeps the address of its upload."""
    return tmp_path / "state"


def a_file(folder: Path, size: int) -> Path:
    path = folder / f"{folder.name}.bin"  # a name of its own: some clients ask for it
    path.write_bytes(random.Random(size).randbytes(size))
    return path


def ended(process: subprocess.Popen[str]) -> None:
    """Wait for the client's good end."""
    try:
        said, _ = process.communicate(timeout=_CLIENT_S_MAX)
    finally:
        killed(process)
    assert process.returncode == 0, said


def killed(process: subprocess.Popen[str]) -> None:
    """End it as the machine does when it loses power."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def pieces_join(pieces: list[Heard], size: int) -> bool:
    """Whether each began where the one before had ended, up to the end of the file."""
    ends = [one.offset + one.received for one in pieces]
    return [one.offset for one in pieces] == [0, *ends[:-1]] and ends[-1] == size


def arrived(published: Path, original: Path) -> None:
    """Whether every byte did; then neither has to fill the disk any longer."""
    assert published.read_bytes() == original.read_bytes()
    published.unlink()
    original.unlink()


@pytest.mark.parametrize(("client", "size", "lives"), uploads(CLIENTS, "tus-js-client", "curl"))
def test_connections_that_are_cut_are_resumed_from_what_was_stored(
    client: Client, size: int, lives: int, fleet: Fleet, tmp_path: Path, state: Path
) -> None:
    witness, original = Witness(fleet), a_file(tmp_path, size)
    ports = [replica.port for replica in fleet.replicas]

    def stored(cuts: int) -> None:
        until(lambda: len(witness.broken()) >= cuts, f"the replicas tell of {cuts} bodies cut off")

    with CuttingProxy(ports, others=lives, settled=stored) as proxy:
        ended(client.start(proxy.url, original, state))
        assert proxy.broken >= 2
        assert len(witness.broken()) == proxy.broken
    assert pieces_join(witness.heard(), size)
    arrived(witness.published(), original)


@pytest.mark.parametrize(("client", "size", "lives"), uploads(KEEPING, "tuspy"))
def test_a_client_that_was_killed_is_resumed_by_the_next_from_what_was_stored(
    client: Client, size: int, lives: int, fleet: Fleet, tmp_path: Path, state: Path
) -> None:
    witness, original = Witness(fleet), a_file(tmp_path, size)
    ports = [replica.port for replica in fleet.replicas]
    with CuttingProxy(ports, hold=lives) as proxy:
        first = client.start(proxy.url, original, state)
        try:
            until(proxy.held.is_set, f"{lives} bytes are on their way")
        finally:
            killed(first)
        proxy.release()
        until(lambda: bool(witness.broken()), "the replicas tell of a body cut off")
        [cut] = witness.broken()
        assert cut.received
        ended(client.start(proxy.url, original, state))
    assert pieces_join(witness.heard(), size)
    arrived(witness.published(), original)

"""Servers to compare with: how each is installed, started and addressed.

Everything is installed from PyPI and npm, by name, into a cache directory of the benchmark's own.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PYPI = ("tuspyserver", "uvicorn[standard]", "resumable-upload")
NPM = ("@tus/server", "@tus/file-store")
_READY_S_MAX = 20.0

_TUSPY = """
import sys
import uvicorn
from fastapi import FastAPI
from tuspyserver import create_tus_router
app = FastAPI()
app.include_router(create_tus_router(prefix="files", files_dir=sys.argv[2]))
uvicorn.run(
    app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", access_log=False,
    http=sys.argv[3], loop=sys.argv[4],
)
"""

_TUS_NODE = """
import { Server } from '@tus/server'
import { FileStore } from '@tus/file-store'
const [port, directory] = process.argv.slice(2)
const server = new Server({ path: '/files', datastore: new FileStore({ directory }) })
server.listen({ host: '127.0.0.1', port: Number(port) })
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server under comparison. ``command`` takes the cache, a port and an empty directory."""

    name: str
    base_path: str
    command: Callable[[Path, int, Path], list[str]]


def _chunkstore(_: Path, port: int, directory: Path) -> list[str]:
    secret = directory.parent / f"{directory.name}.secret"
    secret.write_text("a secret for benchmarks only")
    secret.chmod(0o600)
    return [
        sys.executable, "-m", "chunkstore", "--root", str(directory), "--port", str(port),
        "--secret-file", str(secret), "--log-level", "warning",
    ]  # fmt: skip


def _tuspyserver(cache: Path, port: int, directory: Path) -> list[str]:
    """As ``pip install uvicorn`` runs it: h11 and asyncio."""
    return [_python(cache), "-c", _TUSPY, str(port), str(directory), "h11", "asyncio"]


def _tuspyserver_fast(cache: Path, port: int, directory: Path) -> list[str]:
    """As ``pip install uvicorn[standard]`` runs it: parser and event loop in C."""
    return [_python(cache), "-c", _TUSPY, str(port), str(directory), "httptools", "uvloop"]


def _resumable_upload(cache: Path, port: int, directory: Path) -> list[str]:
    return [
        str(cache / "venv/bin/resumable-upload"), "serve", "--host", "127.0.0.1",
        "--port", str(port), "--base-path", "/files", "--upload-dir", str(directory),
        "--db-path", str(directory / "uploads.db"), "--log-level", "ERROR",
    ]  # fmt: skip


def _tus_node(cache: Path, port: int, directory: Path) -> list[str]:
    script = cache / "node" / "server.mjs"
    script.write_text(_TUS_NODE)
    return ["node", str(script), str(port), str(directory)]


CHUNKSTORE = Peer("chunkstore", "/upload", _chunkstore)
PEERS = (
    Peer("tuspyserver", "/files/", _tuspyserver),
    Peer("tuspyserver, uvicorn[standard]", "/files/", _tuspyserver_fast),
    Peer("@tus/server", "/files", _tus_node),
    Peer("resumable-upload", "/files", _resumable_upload),
)


def install(cache: Path) -> list[Peer]:
    """The peers that can be had here, installed; says why another can not."""
    pypi, npm = _install_pypi(cache), _install_npm(cache)
    return [peer for peer in PEERS if (npm if peer.name.startswith("@") else pypi)]


@contextmanager
def running(peer: Peer, cache: Path, directory: Path) -> Iterator[int]:
    """The peer, serving an empty directory; yields its port."""
    directory.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        peer.command(cache, port, directory), stdout=subprocess.DEVNULL, cwd=directory
    )
    try:
        _wait_for(process, port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _READY_S_MAX
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"did not start: {process.args!r}")


def _python(cache: Path) -> str:
    return str(cache / "venv/bin/python")


def _install_pypi(cache: Path) -> bool:
    if not (cache / "venv/bin/resumable-upload").exists():
        subprocess.run([sys.executable, "-m", "venv", str(cache / "venv")], check=True)
        done = subprocess.run([_python(cache), "-m", "pip", "install", "-q", *PYPI], check=False)
        if done.returncode != 0:
            print("tuspyserver and resumable-upload are left out: pip could not install them")
            return False
    return True


def _install_npm(cache: Path) -> bool:
    if shutil.which("node") is None or shutil.which("npm") is None:
        print("@tus/server is left out: there is no node and npm here")
        return False
    directory = cache / "node"
    if not (directory / "node_modules/@tus/file-store").exists():
        directory.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NPM]
        done = subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print("@tus/server is left out: npm could not install it")
            return False
    return True

"""The compose file of ``ci/containers``: a fleet behind a balancer that a person can try by hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from patchstorm.live.replica import free_port

from .contained import needs_containers

FOLDER = Path(__file__).resolve().parents[2] / "ci" / "containers"
LOCAL_BASE = "patchstorm-base:latest"
PATIENCE_S = 60


def composer() -> list[str] | None:
    """The command that reads compose files here."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            asked = subprocess.run([*command, "version"], capture_output=True, check=False)
            if asked.returncode == 0:
                return command
    return None


@pytest.fixture
def fleet() -> Iterator[str]:
    """The address of the balancer of a fleet of its own."""
    command = composer()
    if command is None:
        pytest.skip("neither `docker compose` nor docker-compose is here")
    port = free_port()
    here = subprocess.run(
        ["docker", "image", "inspect", LOCAL_BASE], capture_output=True, check=False
    )
    base = {"BASE": LOCAL_BASE} if here.returncode == 0 else {}
    environment = os.environ | base | {"PORT": str(port)}
    whole = [*command, "-p", f"patchstorm{uuid4().hex[:8]}", "-f", str(FOLDER / "compose.yml")]
    try:
        up = subprocess.run(
            [*whole, "up", "--build", "-d"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert up.returncode == 0, up.stdout + up.stderr
        yield f"http://127.0.0.1:{port}/upload"
    finally:
        subprocess.run([*whole, "down", "-v"], env=environment, capture_output=True, check=True)


def asked(
    url: str, method: str, headers: dict[str, str], body: bytes | None = None
) -> dict[str, str]:
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


@needs_containers
@pytest.mark.slow
def test_an_upload_through_the_balancer_reaches_one_shared_directory(fleet: str) -> None:
    tus = {"Tus-Resumable": "1.0.0"}
    deadline = PATIENCE_S * 5
    while True:  # the balancer is up before it has found a replica
        try:
            assert "creation" in asked(fleet, "OPTIONS", tus)["tus-extension"]
            break
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
            deadline -= 1
            assert deadline, "the balancer never found a replica"
    name = {"Upload-Length": "6", "Upload-Metadata": "filename YS5iaW4="}
    url = asked(fleet, "POST", tus | name)["location"]
    body = {"Content-Type": "application/offset+octet-stream"}
    assert asked(url, "PATCH", tus | body | {"Upload-Offset": "3"}, b"def")
    assert asked(url, "PATCH", tus | body | {"Upload-Offset": "0"}, b"abc")["upload-offset"] == "6"
    for _ in range(6):  # each replica in turn
        assert asked(url, "HEAD", tus)["upload-offset"] == "6"

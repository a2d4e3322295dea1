"""The image of the tool itself: built from a wheel and nothing else, it storms as an ordinary user."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from patchstorm.live.docker.engine import engine
from patchstorm.live.docker.images import base_image

from .contained import needs_containers

TOP = Path(__file__).resolve().parents[2]
pytestmark = [needs_containers, pytest.mark.slow]


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("context")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(TOP)],
        check=True,
    )
    name = f"patchstorm-tool-{os.getpid()}"
    base = asyncio.run(base_image(engine()))
    docker(
        "build", "-q", "-t", name, "-f", str(TOP / "ci" / "Dockerfile"), "--network=host",
        "--build-arg", f"BASE={base}", "--build-arg", "EXTRAS=cluster", str(folder),
    )  # fmt: skip
    try:
        yield name
    finally:
        docker("image", "rm", "-f", name)


def test_it_storms_in_both_usual_worlds(image: str) -> None:
    told = docker("run", "--rm", image, "run", "sequential", "--schedules", "1", "--jobs", "2")
    rows = [line.split()[:2] for line in told.splitlines() if line.startswith("sequential")]
    assert rows and all(row[1] == "safe" for row in rows)


def test_it_brings_its_documents_and_is_nobody_special(image: str) -> None:
    assert "/patchstorm/docs" in docker("run", "--rm", image, "docs")
    assert docker("run", "--rm", "--entrypoint", "id", image, "-un") == "storm\n"


def test_it_is_worker_and_scheduler_of_a_cluster_as_well(image: str) -> None:
    asked = ("explore", "sequential", "--schedules", "16", "--cluster", "local:2")
    told = docker("run", "--rm", image, *asked)
    assert "1 safe in" in told
    assert "--nthreads" in docker("run", "--rm", "--entrypoint", "dask", image, "worker", "--help")

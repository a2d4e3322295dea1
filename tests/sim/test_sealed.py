"""A store that starts threads or processes is refused by name and line, not accused of what they do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from patchstorm.choice.strategy import Dull
from patchstorm.errors import UsageError
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.shims import Process
from patchstorm.worlds.sim.whole import Request, Response, WholeRequests
from patchstorm.worlds.sim.workers import Workers

from .conftest import naive_subject, small_plan

THREADED = """
import threading

def work():
    pass

def go():
    threading.Thread(target=work).start()
"""


def by_thread(port: SimPort) -> None:
    threading.Thread(target=lambda: None).start()


def by_executor(port: SimPort) -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: None).result()


def by_program(port: SimPort) -> None:
    subprocess.run([sys.executable, "-c", ""], check=False)


def by_fork(port: SimPort) -> None:
    if os.fork() == 0:
        os._exit(0)


def swallowed(port: SimPort) -> None:
    try:
        threading.Thread(target=lambda: None).start()
    except Exception:
        return


STARTS: dict[Callable[[SimPort], None], str] = {
    by_thread: "thread", by_executor: "thread", swallowed: "thread", by_program: "process",
    by_fork: "process",
}  # fmt: skip


def run(start: Callable[[SimPort], None]) -> None:
    def build(port: SimPort, root: str) -> WholeRequests:
        def handle(request: Request) -> Response:
            start(port)
            return Response(status=500)

        return WholeRequests(handle)

    subject = replace(naive_subject(locked=True), build=build)
    run_schedule(small_plan(subject), subject, Dull(), Workers())


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.__name__)
def test_a_start_ends_the_search_and_names_its_line(start: Callable[[SimPort], None]) -> None:
    with pytest.raises(UsageError) as refused:
        run(start)

    said = str(refused.value)
    first = start.__code__.co_firstlineno
    line = int(said.partition(":")[2].partition(":")[0])
    assert said.startswith(f"{__file__}:") and first < line <= first + 3
    assert f"starts a {STARTS[start]}" in said


def test_a_loaded_module_is_refused_threads_at_their_start(tmp_path: Path) -> None:
    source = tmp_path / "threaded_store.py"
    source.write_text(THREADED)

    def start(port: SimPort) -> None:
        Process(port).load(source).go()

    with pytest.raises(UsageError, match=r"threaded_store\.py:8: the store starts a thread"):
        run(start)


def test_others_in_the_same_interpreter_may_start_threads_during_a_run() -> None:
    """A run in one thread is no reason to refuse what another does, nor anything after it."""
    began = threading.Event()

    def start(port: SimPort) -> None:
        if not began.is_set():
            asked.set()
            assert began.wait(30)

    def beside() -> None:
        assert asked.wait(30)
        threading.Thread(target=began.set).start()

    asked = threading.Event()
    other = threading.Thread(target=beside)
    other.start()
    run(start)
    other.join()
    assert began.is_set()

"""What a process leaves when it dies, and a run when it is over: nothing of it acts, waits or stays."""

from __future__ import annotations

import gc
import logging
import subprocess
import sys
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patchstorm.worlds.sim.hosted.process import HostedProcess

from .probing import said
from .running import needs, session


def test_an_executor_that_swallows_the_death_of_its_thread_works_on_nothing(tmp_path: Path) -> None:
    """A work item keeps whatever is raised in it as a result, and its thread takes the next one."""
    code = """
        import time
        from concurrent.futures import ThreadPoolExecutor
        print(sorted(os.listdir(ROOT)))
        pool = ThreadPoolExecutor(1)
        def work(number):
            try:
                time.sleep(1000)
            finally:
                (ROOT / f"after-{number}").touch()
        for number in range(3): pool.submit(work, number)
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["[]"], ["[]"]]


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module that simulated processes import and share, as they share an installed package."""
    module = ModuleType("kept_by_the_test")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_a_loop_of_the_dead_takes_no_callback(tmp_path: Path, shared: Any) -> None:
    """The thread that dies with it reports what became of its work, and nobody will ever look."""
    shared.loops = []
    code = """
        import asyncio, threading, time
        import kept_by_the_test
        async def main():
            kept_by_the_test.loops.append(asyncio.get_running_loop())
            await asyncio.to_thread(time.sleep, 1000)
        threading.Thread(target=lambda: asyncio.run(main())).start()
    """
    said(tmp_path, code, replicas=1, dies=True)
    assert [len(loop._ready) for loop in shared.loops] == [0, 0]


def test_what_a_shared_package_holds_of_the_dead_ends_with_them(
    tmp_path: Path, shared: Any
) -> None:
    """A coroutine that is collected later would remove its file in the name of whoever collects."""
    shared.tasks = []
    code = """
        import asyncio, gc, threading
        import kept_by_the_test
        place = ROOT / "held"
        kept, kept_by_the_test.tasks = len(kept_by_the_test.tasks), []
        gc.collect()
        print(kept, place.exists())
        async def hold():
            place.touch()
            try:
                await asyncio.sleep(1000)
            finally:
                place.unlink()
        def work():
            loop = asyncio.new_event_loop()
            kept_by_the_test.tasks.append(loop.create_task(hold()))
            loop.run_forever()
        threading.Thread(target=work).start()
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["0 False"], ["1 True"]]


def test_the_dead_log_nothing(tmp_path: Path) -> None:
    code = """
        import logging, sys, threading, time
        log = logging.Logger("own")
        log.addHandler(logging.StreamHandler(sys.stdout))
        log.error("alive")
        def work():
            try:
                time.sleep(1000)
            finally:
                log.error("dead")
        threading.Thread(target=work).start()
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["alive"], ["alive"]]


def test_finalizers_of_a_run_that_is_over_act_on_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Called when no process is there, they would act on the machine, where paths mean something else."""
    real = tmp_path / "real"
    code = f"""
        import weakref
        class Cycle:
            def __init__(self): self.me = self
            def __del__(self): os.mkdir({str(real)!r})
        Cycle()
        kept = Cycle()
        kept.finalizer = weakref.finalize(kept, os.mkdir, {str(real)!r})
    """
    said(tmp_path, code)
    gc.collect()
    assert not real.exists()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("server", ["race_aiohttp", "race_flask", "tuspyserver"])
def test_of_a_run_that_is_over_no_process_is_left(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server == "tuspyserver":
        needs("tuspyserver", "uvicorn")
    elif server == "race_flask":
        needs("flask")
    made: list[weakref.ref[HostedProcess]] = []
    real = HostedProcess.__init__

    def noted(self: HostedProcess, *args: Any, **named: Any) -> None:
        made.append(weakref.ref(self))
        real(self, *args, **named)

    monkeypatch.setattr(HostedProcess, "__init__", noted)
    session(server, "crash-all").tell(0)
    assert len(made) > 2
    assert [one() for one in made] == [None] * len(made)


def test_a_module_whose_import_is_not_over_holds_up_its_own_process_alone(tmp_path: Path) -> None:
    """What holds it up goes by the module's name, which is the same in all replicas."""
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.01)\nDONE = True\n")
    code = """
        import threading
        def load():
            import slow_to_import
            print(slow_to_import.DONE)
        for _ in range(2): threading.Thread(target=load).start()
    """
    assert said(tmp_path, code, dies=True) == [[], ["True", "True"], ["True", "True"]]


def test_what_a_shared_package_makes_when_it_is_imported_is_nobody_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever imports it first: a lock of that process would be one for all of them."""
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "imported_late.py").write_text(
        "import threading\nlock = threading.Lock()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "libraries"))
    code = "import imported_late\nprint(imported_late.lock.acquire(timeout=1))"
    assert said(tmp_path, code) == [["True"], ["True"]]
    assert sys.modules.pop("imported_late").lock.acquire(blocking=False)


ORDERS = """
import sys
from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load
session = Session.of(Search(scenario=load("replaying-crash"), target=sys.argv[1], seed=1, storage="tmpfs"))
print(*[session.tell(int(index)).digest for index in sys.argv[2:]])
"""


@pytest.mark.slow
def test_a_schedule_is_the_same_alone_first_and_after_others() -> None:
    """What is imported by all once, and whatever else an interpreter keeps, decides no step."""
    needs("tuspyserver", "uvicorn", "fastapi")

    def digests(*indexes: int) -> dict[int, str]:
        told = subprocess.run(
            [sys.executable, "-c", ORDERS, "tuspyserver", *map(str, indexes)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return dict(zip(indexes, told.stdout.split(), strict=True))

    upwards = digests(0, 1, 2)
    assert digests(2, 1, 0) == upwards
    assert digests(1) == {1: upwards[1]}


def test_each_process_sets_up_loggers_of_its_own(tmp_path: Path) -> None:
    """What a start adds to a logger is gone with its process: for its next, other replicas and other runs."""
    before = {name: list(logging.getLogger(name).handlers) for name in (None, "svc", "deep.er")}
    probe = """
        import logging
        for name in (None, "svc", "deep.er"):
            log = logging.getLogger(name)
            log.addHandler(logging.FileHandler(ROOT / "log"))
            log.setLevel(logging.INFO)
            log.propagate = False
        svc = logging.getLogger("svc")
        svc.info("to the file")
        print(len(svc.handlers), svc.level, svc.isEnabledFor(10), svc.isEnabledFor(20))
        made = logging.Logger("alone")
        made.addFilter(str)
        print(len(made.filters), made.handlers, made.disabled)
    """
    for _ in range(2):
        lines = said(tmp_path, probe, dies=True)
        assert len(lines) == 3 and lines == [["1 20 False True", "1 [] False"]] * 3
    assert {name: logging.getLogger(name).handlers for name in before} == before
    assert logging.getLogger("svc").level == logging.NOTSET
    assert logging.getLogger("svc").propagate

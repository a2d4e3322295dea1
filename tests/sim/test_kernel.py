"""The scheduler: time, waiting, death, pauses, and that nothing is left behind."""

from __future__ import annotations

import gc
import signal
from collections.abc import Iterator

import pytest
from greenlet import greenlet

from patchstorm.choice.replay import Replay
from patchstorm.choice.schedule import Choice
from patchstorm.choice.strategy import Dull, Strategy
from patchstorm.worlds.sim.kernel import Kernel, Runaway
from patchstorm.worlds.sim.task import Died, Domain
from patchstorm.worlds.sim.workers import Workers

MS = 1_000_000


def _kernel(strategy: Strategy | None = None, steps_max: int = 10_000) -> Kernel:
    return Kernel(strategy or Dull(), Workers(), steps_max=steps_max, patience_ns=1000 * MS)


def test_dull_tasks_run_to_their_end_in_order() -> None:
    kernel, said = _kernel(), []
    for name in "ab":
        kernel.spawn(name, lambda name=name: (kernel.step(), said.append(name)))  # type: ignore[func-returns-value]
    kernel.run()
    assert said == ["a", "b"]


def test_time_jumps_when_everybody_sleeps() -> None:
    kernel, woke = _kernel(), []

    def sleeper(ms: int) -> None:
        kernel.sleep(ms * MS)
        woke.append((ms, kernel.now_ns // MS))

    for ms in (50_000, 10, 3_000):
        kernel.spawn(f"s{ms}", lambda ms=ms: sleeper(ms))
    kernel.run()
    assert [ms for ms, _ in woke] == [10, 3_000, 50_000]
    assert all(ms <= at <= ms + 2 for ms, at in woke)


def test_tasks_begun_by_tasks_are_not_deeper_than_the_first() -> None:
    kernel, woke = _kernel(), []

    def sleeper(number: int) -> None:
        kernel.sleep(MS)
        woke.append(number)

    for number in range(1_500):
        kernel.spawn(f"s{number}", lambda number=number: sleeper(number))
    kernel.run()
    assert woke == list(range(1_500))


def test_a_recorded_switch_takes_place_before_its_step() -> None:
    def said(choices: list[Choice]) -> list[str]:
        kernel, words = _kernel(Replay(choices)), []

        def talk(name: str) -> None:
            for word in (1, 2, 3):
                kernel.step()
                words.append(f"{name}{word}")

        kernel.spawn("a", lambda: talk("a"))
        kernel.spawn("b", lambda: talk("b"))
        kernel.run()
        return words

    assert said([]) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    assert said([Choice("a", 2, "switch", 1, "b")]) == ["a1", "b1", "b2", "b3", "a2", "a3"]
    assert said([Choice("a", 2, "switch", 1, "nobody")]) == said([])


def test_the_earliest_timer_can_be_picked_while_others_run() -> None:
    kernel = _kernel(Replay([Choice("busy", 2, "switch", 1, "timer")]))
    said: list[str] = []

    def busy() -> None:
        for _ in range(3):
            kernel.step()
            said.append("busy")

    def sleeper() -> None:
        kernel.sleep(500 * MS)
        said.append("slept")

    kernel.spawn("sleeper", sleeper)
    kernel.spawn("busy", busy)
    kernel.run()
    assert said == ["busy", "slept", "busy", "busy"]


def test_death_reaches_every_call_even_past_a_bare_except() -> None:
    kernel, domain, steps = _kernel(), Domain(0), []

    def stubborn() -> None:
        for _ in range(5):
            try:
                kernel.step()
                steps.append(1)
            except BaseException:
                continue

    def killer() -> None:
        kernel.kill(domain)

    kernel.after(0, killer)
    kernel.spawn("stubborn", lambda: (kernel.sleep(MS), stubborn()), domain)  # type: ignore[func-returns-value]
    ended: list[bool] = []
    kernel.spawn("other", lambda: kernel.sleep(5 * MS), None, ended.append)
    kernel.run()
    assert steps == []
    assert ended == [False]


def test_a_task_that_never_stops_dying_is_a_runaway() -> None:
    kernel, domain = _kernel(), Domain(0)

    def immortal() -> None:
        while True:
            try:
                kernel.step()
                kernel.kill(domain)
            except BaseException:
                continue

    kernel.spawn("immortal", immortal, domain)
    with pytest.raises(Runaway, match="immortal"):
        kernel.run()


def test_a_run_of_too_many_steps_ends() -> None:
    kernel = _kernel(steps_max=100)

    def endless() -> None:
        while True:
            kernel.step()

    kernel.spawn("endless", endless)
    with pytest.raises(Runaway, match="100 steps"):
        kernel.run()
    kernel.close()


def test_a_paused_domain_stands_still_while_others_go_on() -> None:
    kernel, domain, said = _kernel(), Domain(0), []

    def patient() -> None:
        for _ in range(2):
            kernel.step()
            said.append("paused one")

    def other() -> None:
        kernel.pause(domain)
        kernel.sleep(10 * MS)
        said.append("other")
        kernel.unpause(domain)

    kernel.spawn("other", other)
    kernel.spawn("patient", patient, domain)
    kernel.run()
    assert said == ["other", "paused one", "paused one"]


def test_waiting_ends_when_woken_or_when_time_is_up() -> None:
    kernel, said = _kernel(), []

    def waiter(name: str, until_ns: int | None) -> None:
        kernel.wait("key", until_ns)
        said.append((name, kernel.now_ns // MS))

    kernel.spawn("long", lambda: waiter("long", None))
    kernel.spawn("short", lambda: waiter("short", 5 * MS))
    kernel.spawn("waker", lambda: (kernel.sleep(20 * MS), kernel.wake("key")))  # type: ignore[func-returns-value]
    kernel.run()
    assert said == [("short", 5), ("long", 20)]
    assert not kernel.waiting


def test_finally_blocks_run_when_the_run_is_closed_and_not_later() -> None:
    kernel, unwound = _kernel(), []

    def holder() -> None:
        try:
            kernel.wait("never")
        except Died:
            unwound.append("told")
            raise
        finally:
            unwound.append("finally")

    kernel.spawn("holder", holder)
    kernel.run()
    assert [task.path for task in kernel.stuck] == ["holder"]
    kernel.close()
    assert unwound == ["told", "finally"]
    gc.collect()
    assert unwound == ["told", "finally"]


def test_an_error_in_a_task_is_raised_in_the_hub() -> None:
    kernel = _kernel()
    kernel.spawn("wrong", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        kernel.run()


def test_workers_are_used_again() -> None:
    workers = Workers()
    for _ in range(3):
        kernel = Kernel(Dull(), workers, steps_max=100, patience_ns=0)
        for name in "abc":
            kernel.spawn(name, kernel.step)
        kernel.run()
        kernel.close()
    assert len(workers.idle) == 1
    assert all(isinstance(one, greenlet) for one in workers.idle)


@pytest.fixture
def listening() -> Iterator[None]:
    """Ctrl-C is heard, also where the tests run in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("listening")
def test_ctrl_c_ends_the_run_and_is_not_seen_by_the_code_under_test() -> None:
    kernel, caught = _kernel(), []

    def serves() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as swallowed:
            caught.append(swallowed)

    kernel.spawn("a", serves)
    with pytest.raises(KeyboardInterrupt):
        kernel.run()
    assert caught == []
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    kernel.close()


@pytest.mark.usefixtures("listening")
def test_a_second_ctrl_c_ends_a_task_that_never_gives_way() -> None:
    kernel, said = _kernel(), []

    def loops() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        said.append("went on")

    kernel.spawn("a", loops)
    with pytest.raises(KeyboardInterrupt):
        kernel.run()
    assert said == []
    kernel.close()

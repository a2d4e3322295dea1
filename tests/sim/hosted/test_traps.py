"""What an interpreter keeps for itself, and a simulated process must have of its own."""

from __future__ import annotations

import asyncio
import datetime
import random
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest

from patchstorm.worlds.sim.hosted import install as installing

from .probing import said


def test_every_start_is_told_the_same_in_every_run(tmp_path: Path) -> None:
    """Names of temporary files, chance, clocks, identifiers, numbers of threads and tasks."""
    code = """
        import asyncio, datetime, random, secrets, tempfile, threading, time, uuid
        print(tempfile.mktemp(dir="/scratch"), tempfile.mkdtemp())
        print(random.random(), random.Random().random(), random.SystemRandom().random())
        print(uuid.uuid4(), uuid.uuid1(), secrets.token_hex(4), os.urandom(3))
        print(time.time(), time.monotonic_ns(), datetime.datetime.now(), datetime.date.today())
        print(time.strftime("%Y"), time.localtime().tm_year, datetime.datetime.now(datetime.UTC))
        print(threading.Thread(target=print).name, os.getpid(), os.getcwd(), os.cpu_count())
        async def name(): return asyncio.current_task().get_name()
        print(asyncio.run(name()))
    """
    first, second = said(tmp_path, code), said(tmp_path, code)
    assert first == second
    assert len(first[0]) == 7
    assert first[0][:3] != first[1][:3]  # two replicas draw apart
    assert "2027" in first[0][3]
    assert first[0][4].startswith("2027 2027 2027")


def test_sets_of_tasks_and_threads_are_walked_in_the_order_in_which_they_were_made(
    tmp_path: Path,
) -> None:
    code = """
        import asyncio, threading
        async def main():
            async def nothing(number): return number
            tasks = {asyncio.create_task(nothing(number)) for number in range(20)}
            print(*[await task for task in tasks])
        asyncio.run(main())
        made = []
        def note(number): made.append(number)
        threads = {threading.Thread(target=note, args=(number,)) for number in range(20)}
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(*made)
    """
    numbers = " ".join(map(str, range(20)))
    for lines in said(tmp_path, code):
        assert lines == [numbers, numbers]


def test_sets_of_futures_are_walked_in_the_same_order_in_every_run(tmp_path: Path) -> None:
    """Of both kinds, however they are made; the objects of a second run lie elsewhere."""
    code = """
        import asyncio, concurrent.futures, random
        def order(made):
            random.shuffle(made)
            print(*[made.index(one) for one in set(made)])
        async def main():
            loop = asyncio.get_running_loop()
            made = [loop.create_future() for _ in range(20)]
            order(made)
            order([asyncio.Future() for _ in range(20)])
            order([asyncio.gather(one) for one in made])
            order([asyncio.Task(asyncio.sleep(0)) for _ in range(20)])
            if hasattr(asyncio, "eager_task_factory"):
                loop.set_task_factory(asyncio.eager_task_factory)
                order([asyncio.create_task(asyncio.sleep(0)) for _ in range(20)])
            for one in made: one.set_result(None)
            await asyncio.sleep(0.1)
        asyncio.run(main())
        order([concurrent.futures.Future() for _ in range(20)])
    """
    first = said(tmp_path, code)
    kept = [object() for _ in range(12_345)]
    assert said(tmp_path, code) == first
    assert kept


def test_types_of_tasks_and_futures_stay_what_programs_take_them_for(tmp_path: Path) -> None:
    code = """
        import asyncio, concurrent.futures
        async def main():
            loop = asyncio.get_running_loop()
            task, future = asyncio.create_task(asyncio.sleep(0)), loop.create_future()
            gathered = asyncio.gather(task)
            print(isinstance(task, asyncio.Task), isinstance(task, asyncio.Future), asyncio.isfuture(task))
            print(isinstance(future, asyncio.Future), isinstance(future, asyncio.Task))
            print(isinstance(gathered, asyncio.Future), issubclass(asyncio.Task, asyncio.Future))
            print(isinstance(concurrent.futures.Future(), asyncio.Future), asyncio.Future[int] is not None)
            class Own(asyncio.Future): pass
            print(isinstance(Own(), Own), isinstance(Own(), asyncio.Future), isinstance(future, Own))
            await gathered
        asyncio.run(main())
    """
    assert said(tmp_path, code, replicas=1) == [
        ["True True True", "True False", "True True", "False True", "True True False"]
    ]


def test_state_of_threads_follows_the_task(tmp_path: Path) -> None:
    code = """
        import threading, time
        from concurrent.futures import ThreadPoolExecutor
        local = threading.local()
        local.name = "main"
        gate = threading.Barrier(3)
        def work(name):
            assert not hasattr(local, "name")
            local.name = name
            gate.wait()
            time.sleep(0.01)
            return local.name, threading.current_thread().name, threading.get_ident() != ident
        ident = threading.get_ident()
        with ThreadPoolExecutor(3, thread_name_prefix="pool") as pool:
            for found in pool.map(work, "abc"): print(*found)
        print(local.name, threading.current_thread() is threading.main_thread())
    """
    lines = said(tmp_path, code)[0]
    assert lines == ["a pool_0 True", "b pool_1 True", "c pool_2 True", "main True"]


def test_a_lock_of_a_shared_package_is_one_in_each_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = ModuleType("shared_by_all")
    installing.install()
    shared.lock = threading.Lock()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "shared_by_all", shared)
    lines = said(tmp_path, "import shared_by_all\nprint(shared_by_all.lock.acquire(timeout=1))")
    assert lines == [["True"], ["True"]]
    assert shared.lock.acquire(blocking=False)  # type: ignore[attr-defined]


def test_the_lock_of_all_executors_is_one_in_each_process(tmp_path: Path) -> None:
    code = """
        from concurrent.futures import thread
        print(thread._global_shutdown_lock.acquire(timeout=0.01))
    """
    assert said(tmp_path, code) == [["True"], ["True"]]


def test_the_environment_is_a_process_s_own_and_read_when_it_is_asked(tmp_path: Path) -> None:
    code = """
        before = os.environ.get("SET_BY")
        os.environ["SET_BY"] = str(REPLICA)
        (ROOT / "later").touch()
        print(before, os.environ["SET_BY"], os.getenv("TMPDIR"), "PYTEST_CURRENT_TEST" in os.environ)
    """
    assert said(tmp_path, code) == [
        ["None 0 /scratch False"], ["None 1 /scratch False"],
    ]  # fmt: skip


def test_what_modules_hold_of_replaced_functions_is_replaced_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = ModuleType("imported_before")
    real = time.monotonic
    module.monotonic = real  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "imported_before", module)

    def instead() -> float:
        return 0.0

    def at_once(clock: object = real) -> object:
        return clock

    module.at_once = at_once  # type: ignore[attr-defined]

    installing.everywhere({id(real): (real, instead)}, among={"imported_before": module})
    assert module.monotonic is instead  # type: ignore[attr-defined]
    assert at_once() is instead


def test_early_references_of_the_library_lead_to_the_storage(tmp_path: Path) -> None:
    code = """
        import glob, shutil, tempfile
        (ROOT / "a" / "b").mkdir(parents=True)
        (ROOT / "a" / "b" / "one.txt").write_text("1")
        print(sorted(glob.glob("/data/**/*.txt", recursive=True)), [p.name for p in ROOT.rglob("*.txt")])
        shutil.copy2(ROOT / "a/b/one.txt", ROOT / "a/two.txt")
        shutil.copytree(ROOT / "a", ROOT / "c")
        shutil.rmtree(ROOT / "a")
        print(sorted(str(p) for p in ROOT.rglob("*")))
        with tempfile.NamedTemporaryFile(dir=ROOT) as file:
            file.write(b"abc"); file.flush()
            print(os.stat(file.name).st_size, file.name.startswith("/data/"))
        with tempfile.TemporaryFile() as file:
            file.write(b"x"); file.seek(0); print(file.read())
        for path, names, files in os.walk(ROOT): print(path, names, files)
        print(os.path.realpath("c"), os.path.exists("c/two.txt"))
    """
    lines = said(tmp_path, code, replicas=1)[0]
    assert lines == [
        "['/data/a/b/one.txt'] ['one.txt']",
        "['/data/c', '/data/c/b', '/data/c/b/one.txt', '/data/c/two.txt']",
        "3 True",
        "b'x'",
        "/data ['c'] []",
        "/data/c ['b'] ['two.txt']",
        "/data/c/b [] ['one.txt']",
        "/data/c True",
    ]


def test_what_is_sent_by_the_system_is_sent_by_hand(tmp_path: Path) -> None:
    """The system knows nothing of simulated descriptors; whoever sends files has another way."""
    (tmp_path / "echoing.py").write_text(ECHOING)
    code = """
        import asyncio, errno
        (ROOT / "file").write_bytes(b"sent\\n")
        with open(ROOT / "file", "rb") as file, open(ROOT / "copy", "wb") as copy:
            try: os.sendfile(copy.fileno(), file.fileno(), 0, 5)
            except OSError as error: print(errno.errorcode[error.errno])
        async def main():
            reader, writer = await asyncio.open_connection("echoing", 7)
            with open(ROOT / "file", "rb") as file:
                print(await asyncio.get_running_loop().sendfile(writer.transport, file))
            print(await reader.readline())
        asyncio.run(main())
    """
    lines = said(tmp_path, code, replicas=1, services=("echoing:Echoing",))
    assert lines == [["ENOSYS", "5", "b'sent\\n'"]]


ECHOING = """
from patchstorm.api import Asked

class Echoing:
    port = 7
    def session(self, push): return self
    def restart(self): pass
    flush = expire = close = restart
    def read(self, data): yield Asked("echo", lambda: data)
    def told(self, reply): return ""
"""


def test_calls_beside_an_open_directory_lead_to_the_storage(tmp_path: Path) -> None:
    code = """
        (ROOT / "a").mkdir()
        top = os.open(ROOT / "a", os.O_RDONLY)
        os.close(os.open("one", os.O_CREAT | os.O_WRONLY, dir_fd=top))
        os.mkdir("sub", dir_fd=top)
        os.rename("one", "two", src_dir_fd=top, dst_dir_fd=top)
        print(os.listdir(top), os.stat("two", dir_fd=top).st_size, (ROOT / "a" / "two").exists())
        print([(path, names, files) for path, names, files, _ in os.fwalk("a")])
        os.unlink("two", dir_fd=top)
        os.rmdir("sub", dir_fd=top)
        print(os.listdir(top))
    """
    assert said(tmp_path, code, replicas=1) == [
        ["['sub', 'two'] 0 True", "[('a', ['sub'], ['two']), ('a/sub', [], [])]", "[]"]
    ]


def test_a_dead_process_s_finally_does_not_act_on_the_storage(tmp_path: Path) -> None:
    """A coroutine that is collected later would remove its file in the name of whoever runs then."""
    code = """
        import asyncio, threading
        place = ROOT / "held"
        print(place.exists())
        async def hold():
            place.touch()
            try:
                await asyncio.sleep(1000)
            finally:
                place.unlink()
        threading.Thread(target=lambda: asyncio.run(hold())).start()
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["False"], ["True"]]


def test_the_host_s_own_directory_outlives_its_process(tmp_path: Path) -> None:
    code = """
        import tempfile
        print(sorted(os.listdir(tempfile.gettempdir())))
        open("/scratch/left", "w").write("x")
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["[]"], ["['left']"]]


def test_nothing_stays_of_a_run_in_the_interpreter(tmp_path: Path) -> None:
    before = sys.stdout, sys.stderr, set(sys.modules)
    said(tmp_path, "import asyncio\nprint(asyncio.run(asyncio.sleep(0.1, 'slept')))")
    assert (sys.stdout, sys.stderr) == before[:2]
    assert "probed" not in sys.modules
    assert asyncio.run(asyncio.sleep(0, "real")) == "real"
    assert datetime.datetime.now().year == time.localtime().tm_year
    assert len({random.random() for _ in range(9)}) == 9
    with tempfile.TemporaryDirectory() as place:
        assert Path(place).is_dir()
    assert threading.current_thread().ident == threading.get_ident()


def test_a_run_within_an_event_loop_leaves_that_loop_running(tmp_path: Path) -> None:
    async def outer() -> bool:
        said(tmp_path, "import asyncio\nasyncio.run(asyncio.sleep(0.1))")
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        return loop is asyncio.get_running_loop()

    assert asyncio.run(outer())


def test_a_thread_that_waits_again_after_its_death_ends(tmp_path: Path) -> None:
    """It would otherwise be let through each time, and ask again for ever."""
    code = """
        import queue, threading
        def work():
            box = queue.Queue()
            try:
                box.get()
            finally:
                box.get()
        for _ in range(3): threading.Thread(target=work).start()
        print("up")
    """
    assert said(tmp_path, code, replicas=1, dies=True) == [["up"], ["up"]]


def test_generators_that_are_let_go_end_on_the_loop_that_began_them(tmp_path: Path) -> None:
    """Threads have one pair of hooks for them, and other replicas' loops run meanwhile."""
    code = """
        import asyncio, threading
        async def numbers(loop):
            try:
                await asyncio.to_thread(int)
                yield 1
            finally:
                print(asyncio.get_running_loop() is loop)
        async def main():
            loop = asyncio.get_running_loop()
            for _ in range(3):
                await asyncio.sleep(0.001)
                async for _ in numbers(loop):
                    break
            await asyncio.sleep(0.001)
        asyncio.run(main())
        one = threading.Thread(target=asyncio.run, args=(main(),))
        one.start()
        one.join()
        print("done")
    """
    assert said(tmp_path, code, replicas=3) == [["True"] * 6 + ["done"]] * 3


def test_a_file_is_as_old_as_the_clock_says(tmp_path: Path) -> None:
    """Servers sweep away what is older than some days by its time."""
    code = """
        import shutil, stat, time
        place = ROOT / f"dated-{REPLICA}"
        for one in (place, Path("/scratch/dated")):
            one.write_text("x")
            time.sleep(5)
            looks = [one.stat(), one.lstat(), os.stat(one)]
            with open(one) as file:
                looks.append(os.fstat(file.fileno()))
            looks += [entry.stat() for entry in os.scandir(one.parent) if entry.name == one.name]
            print([round(time.time() - look.st_mtime, 1) for look in looks])
            print([int(time.time()) - look[stat.ST_MTIME] in (5, 6) for look in looks])
            print(len(looks[0]), list(looks[0])[6], looks[0][0] == looks[0].st_mode)
        os.utime(place, (1_700_000_000, 1_700_000_001))
        print(os.path.getatime(place), os.path.getmtime(place))
        os.utime(place, ns=(1_700_000_000_000_000_001, 1_700_000_000_000_000_002))
        print(place.stat().st_mtime_ns)
        os.utime(place)
        print(abs(time.time() - place.stat().st_mtime) < 1)
        copy = shutil.copy2(place, place.with_suffix(".copy"))
        print(os.stat(copy).st_mtime_ns == place.stat().st_mtime_ns)
    """
    looked = ["[5.0, 5.0, 5.0, 5.0, 5.0]", "[True, True, True, True, True]", "10 1 True"]
    set_ = ["1700000000.0 1700000001.0", "1700000000000000002", "True", "True"]
    assert said(tmp_path, code) == [[*looked, *looked, *set_]] * 2


def test_a_wait_for_less_than_the_clock_can_count_takes_time(tmp_path: Path) -> None:
    """Who waits for the rest of a time, as a semaphore does, gets to its end."""
    code = """
        import threading, time
        taken, told = threading.Lock(), threading.Condition()
        taken.acquire()
        idle = threading.Thread(target=lambda: time.sleep(1))
        idle.start()
        def notified():
            with told: told.wait(4e-10)
        for wait in (lambda: taken.acquire(timeout=4e-10), notified, lambda: idle.join(4e-10)):
            before = time.monotonic_ns()
            wait()
            print(time.monotonic_ns() > before)
    """
    assert said(tmp_path, code)[0] == ["True"] * 3

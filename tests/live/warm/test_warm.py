"""A server that was forked finds itself as one that was started does, and leaves as little behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from patchstorm.live.environment import home_of
from patchstorm.live.fleet import Fleet, assembled
from patchstorm.live.host import HERE, ThisHost
from patchstorm.live.storage import Storage, UnavailableStorage
from patchstorm.live.warm.nursery import STARTS_MIN, Nursery
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target
from patchstorm.worlds.fuse.device import Hidden, mounted

from ..helpers import gone_soon

pytestmark = pytest.mark.long
FOLDER = Path(__file__).parent
ITS_OWN = ("PATCHSTORM_REPLICA=",)  # what tells one start from another, however it was made


def target(
    program: str, *, command: str = '"{python}", "{here}/PROGRAM"', more: str = "", path: str = ""
) -> Target:
    start = command.replace("PROGRAM", program)
    if "preload" not in more:
        more = f"preload = true\n{more}"
    return parse_target(
        f"""
        name = "warm"
        capabilities = ["sequential"]
        [start]
        command = [{start}, "{{scratch}}", "{{port}}"]
        environment = {{ OWN = "{{scratch}}", SAME = "1", PYTHONPATH = "{path}" }}
        {more}
        [ready]
        by = "http"
        [wire]
        path = "/files"
        """,
        source="warm.toml",
        here=str(FOLDER),
    )


@contextmanager
def nursery(of: Target, replicas: int = 1) -> Iterator[Nursery]:
    """One that forks from its first server on."""
    one = Nursery(of)
    one.starts = STARTS_MIN
    try:
        one.prepare(replicas)
        assert one.why_not is None
        yield one
    finally:
        one.close()


def fleet(of: Target, folder: Path, count: int = 1, host: ThisHost = HERE) -> Fleet:
    for name in ("root", "scratch"):
        (folder / name).mkdir(exist_ok=True)
    storage = Storage(
        root=folder / "root", view=folder / "root", scratch=folder / "scratch", flavour="tmpfs",
        hosts=[host] * count,
    )  # fmt: skip
    return assembled(of, storage, count, log_dir=folder)


def forked(one: Nursery, folder: Path, count: int = 1, host: ThisHost = HERE) -> Fleet:
    made = fleet(one.target, folder, count, host)
    for replica in made.replicas:
        replica.launch = one.launches(home_of(folder / "scratch"), host, replica.launch)
    return made


def told(of: Fleet, name: str) -> list[dict[str, Any]]:
    """What each of its replicas says of itself, once it is up; it is ended then."""

    async def told() -> list[dict[str, Any]]:
        try:
            await of.start()
            files = [Path(one.values["scratch"]) / name for one in of.replicas]
            return [json.loads(file.read_text()) for file in files]
        finally:
            await of.kill()

    return asyncio.run(told())


def portraits(of: Target, folder: Path, host: ThisHost = HERE) -> list[dict[str, Any]]:
    """Of a server that was started, and of one that was forked, on the same port."""
    with nursery(of) as one:
        plain, warm = fleet(of, folder, host=host), forked(one, folder, host=host)
        first = told(plain, "portrait.json")
        warm.replicas[0].port = plain.replicas[0].port
        second = told(warm, "portrait.json")
        assert one.forks == 1
    return [said["portrait"] for said in (*first, *second)]


def comparable(said: object) -> object:
    """Without what two starts never have in common: their marks, and where objects lie in memory."""
    if isinstance(said, dict):
        return {name: comparable(one) for name, one in said.items() if name != ITS_OWN[0][:-1]}
    if isinstance(said, list):
        return [comparable(one) for one in said if not str(one).startswith(ITS_OWN)]
    return said.partition(" at 0x")[0] if isinstance(said, str) else said


def alike(one: dict[str, Any], other: dict[str, Any]) -> None:
    names, more = (set(said.pop("modules")) for said in (one, other))
    assert names <= more  # and what a server would have imported until it took requests
    assert more - names <= {"encodings.idna", "stringprep", "unicodedata"}
    for said in (one, other):
        said["main"].pop("__spec__", None)
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    "command",
    [
        '"{python}", "{here}/PROGRAM"',
        '"{python}", "-W", "ignore", "-E", "-s", "{here}/PROGRAM"',
        '"{python}", "-m", "portrait"',
    ],
)
def test_a_forked_server_finds_itself_as_one_that_was_started(command: str, tmp_path: Path) -> None:
    alike(*portraits(target("portrait.py", command=command, path=str(FOLDER)), tmp_path))


def test_so_it_is_for_a_script_with_an_interpreter_in_its_first_line(tmp_path: Path) -> None:
    script = tmp_path / "serve-warm"
    source = (FOLDER / "portrait.py").read_text()
    script.write_text(f"#!{sys.executable}\n{source}")
    script.chmod(0o755)
    one, other = portraits(target("", command=f'"{script}"'), tmp_path)
    assert one["title"] == "serve-warm\n"
    assert one["command line"][:2] == [sys.executable, str(script)]
    alike(one, other)


def test_so_it_is_in_the_namespaces_of_a_mount_where_it_has_no_more_rights(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    try:
        device = mounted(tmp_path / "root")
    except UnavailableStorage as missing:
        pytest.skip(str(missing))
    try:
        one, other = portraits(target("portrait.py"), tmp_path, device.host)
    finally:
        Hidden.close(device)
    assert one["namespaces"]["mnt"] != os.readlink("/proc/self/ns/mnt")
    assert one["directory"] == str(tmp_path / "scratch" / "replica-0")
    alike(one, other)


def test_no_two_replicas_and_no_two_lives_of_one_share_their_chance(tmp_path: Path) -> None:
    with nursery(target("portrait.py"), 3) as one:
        made = forked(one, tmp_path, 3)
        chances = [said["chance"] for _ in range(2) for said in told(made, "portrait.json")]
        assert one.forks == 6
    assert len({said["random"] for said in chances}) == 6
    lives = [[said["hash"] for said in chances[life : life + 3]] for life in (0, 3)]
    assert all(len(set(life)) == 3 for life in lives)
    assert all(first != second for first, second in zip(*lives, strict=True))


CHANGED = "comes after that asks changes the environment"
ASKING = {
    "a variable that differs": "import os\nFOUND = os.environ['OWN']",
    "whether there is one": "import os\nFOUND = 'HOME' in os.environ and os.environ.get('HOME')",
    "the whole environment": "import os\nFOUND = dict(os.environ)['OWN']",
    "the arguments": "import sys\nFOUND = sys.argv[1]",
    "its process": "import os\nFOUND = os.getpid()",
    "its directory": "import os\nFOUND = os.getcwd()",
    "a file beside it": "import os, sys\nFOUND = os.path.exists(sys.path[0])",
    "a thread": "import threading\nt = threading.Thread(target=int)\nt.start()\nFOUND = t.ident and 1",
    "an exchanged environment": "import os\nos.environ['MADE'] = '1'\nFOUND = os.environ['MADE']",
}


def packages(folder: Path, asks: str) -> Path:
    """What a server imports, where packages are installed."""
    place = folder / "site-packages"
    place.mkdir()
    (place / "asks.py").write_text(asks)
    (place / "imports_asks.py").write_text("import asks\nfrom asks import FOUND")
    (place / "steady.py").write_text("BY = None\ndef made_by(pid):\n    global BY\n    BY = pid\n")
    (place / "told_first.py").write_text("import os\nFOUND = os.environ.get('TOLD')")
    (place / "after_exchange.py").write_text("from json import loads as LOADS")
    return place


@pytest.mark.parametrize("what", ASKING)
def test_a_module_that_asks_as_it_is_imported_is_left_to_each_server(
    what: str, tmp_path: Path
) -> None:
    of = target("reads.py", path=str(packages(tmp_path, ASKING[what])))
    plain = told(fleet(of, tmp_path, 2), "found.json")
    with nursery(of, 2) as one:
        assert one.left.keys() >= {"asks", "imports_asks"}
        assert one.left["imports_asks"] in ("needs asks", CHANGED)
        assert "asks" not in one.preloaded
        warm = told(forked(one, tmp_path, 2), "found.json")
        assert one.forks == 2
    for first, second in zip(plain, warm, strict=True):
        own = first["asks"] if first["asks"] != first["pid"] else second["pid"]
        assert second["asks"] == second["imports_asks"] == own


def test_what_a_server_says_to_its_packages_in_between_is_said_to_them_as_well(
    tmp_path: Path,
) -> None:
    of = target("reads.py", path=str(packages(tmp_path, "FOUND = 1")))
    with nursery(of) as one:
        assert one.preloaded >= {"asks", "imports_asks", "told_first", "steady"}
        assert one.left["after_exchange"] == "comes after that json.loads is exchanged"
        (found,) = told(forked(one, tmp_path), "found.json")
        assert one.forks == 1
    assert found["told"] == "by the server"
    assert found["left"] is None
    assert found["exchanged"] is True


async def asked_to(made: Fleet, path: str) -> None:
    port = made.replicas[0].port
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        await reader.read()
        writer.close()
    except OSError:
        return


@pytest.mark.parametrize("dead", [False, True])
def test_how_a_forked_server_ended_is_known_as_long_as_who_forked_it_is_there(
    dead: bool, tmp_path: Path
) -> None:
    of = target("reads.py", path=str(packages(tmp_path, "FOUND = 1")))

    async def ended(made: Fleet, one: Nursery) -> int | None:
        try:
            await made.start()
            if dead:
                for pid in one.pids:
                    os.kill(pid, signal.SIGKILL)
            assert made.replicas[0].alive
            await asked_to(made, "/end")
            while made.replicas[0].alive:
                await asyncio.sleep(0.01)
            code = made.replicas[0].exit_code
            await made.replicas[0].start()  # as ever, where nobody is left to fork it
            assert made.replicas[0].alive
            return code
        finally:
            await made.kill()

    with nursery(of) as one:
        code = asyncio.run(ended(forked(one, tmp_path), one))
    assert code == (-signal.SIGKILL if dead else 7)


def test_an_error_that_ends_a_server_is_told_from_its_own_first_line_on(tmp_path: Path) -> None:
    place = packages(tmp_path, "FOUND = 1")
    of = target("reads.py", path=str(place))
    with nursery(of) as one:
        made = forked(one, tmp_path)
        made.replicas[0].command = (*made.replicas[0].command[:-1], "no port")
        with pytest.raises(Exception, match="ended with code 1 before it was ready") as caught:
            asyncio.run(made.start())
        asyncio.run(made.kill())
    lines = str(caught.value).splitlines()
    began = next(at for at, line in enumerate(lines) if line.startswith("Traceback"))
    assert "reads.py" in lines[began + 1]
    assert not any("becoming.py" in line for line in lines)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("preload = false", "preload"),
        ('inherit = ["TOKEN"]', "inherits"),
        ('[companion]\ncommand = ["redis-server", "{port}"]', "companion"),
    ],
)
def test_servers_that_may_not_be_forked_are_started(more: str, why: str) -> None:
    one = Nursery(target("reads.py", more=more))
    one.starts = STARTS_MIN
    assert not one.ripe
    assert one.why_not is not None and why in one.why_not


def test_a_server_that_is_no_python_is_started(tmp_path: Path) -> None:
    one = Nursery(target("reads.py", command='"sh", "-c", "exec sleep 60"'))
    one.starts = STARTS_MIN
    one.prepare(1)
    assert one.why_not == "its command starts no Python that is understood"
    one.close()


HARNESS = """
import asyncio, json, os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from live.warm.test_warm import forked, nursery, target
folder = Path(sys.argv[2])
with nursery(target("portrait.py"), 2) as one:
    made = forked(one, folder, 2)
    asyncio.run(made.start())
    assert one.forks == 2
    pids = [replica.pid for replica in made.replicas]
    print(json.dumps({"servers": pids, "forking": one.pids, "folder": str(one.folder)}), flush=True)
    os.kill(os.getpid(), 19)
"""


def test_nothing_is_left_when_the_harness_is_killed(tmp_path: Path) -> None:
    tests = str(FOLDER.parent.parent)
    harness = subprocess.Popen(
        [sys.executable, "-c", HARNESS, tests, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert harness.stdout is not None
    try:
        said = json.loads(harness.stdout.readline())
        assert len(said["servers"]) == 2
        assert len(said["forking"]) == 3
    finally:
        harness.kill()
        harness.wait()
        harness.stdout.close()
    assert [pid for pid in said["servers"] + said["forking"] if not gone_soon(pid)] == []
    deadline = time.monotonic() + 60
    while os.path.lexists(said["folder"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)

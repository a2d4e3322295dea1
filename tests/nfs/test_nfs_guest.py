"""A guest ends with its harness, however that ends and whatever it was doing, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from live.helpers import is_alive
from patchstorm.worlds.nfs import guest as guest_module
from patchstorm.worlds.nfs import init
from patchstorm.worlds.nfs.channel import PIECE_CHARACTERS, Lines, Whole, pieces
from patchstorm.worlds.nfs.guest import Guest, GuestGone
from patchstorm.worlds.nfs.machine import Machine
from patchstorm.worlds.nfs.program import run_in_guest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_S = 180.0
TRIES = 4  # a guest that did not boot on a busy machine has shown nothing

STORM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from patchstorm.cli import main
sys.exit(main(["run", "many", "--world", "nfs", "--out", sys.argv[1]]))
"""


def soon(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def family(mark: str) -> dict[int, str]:
    """The processes, dead ones left out, that carry ``mark`` in their environment or belong to a guest."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if mark.encode() in environment and is_alive(int(folder.name)):
            found[int(folder.name)] = command
    return found


class Harness:
    """A storm in a process of its own, whose guest is told from others by ``memory``."""

    def __init__(self, place: Path) -> None:
        self.out = place / "out"
        # A short path: a socket's has at most 108 bytes (unix(7)), and a kernel goes on without one.
        self.memory = Path(tempfile.mkdtemp(prefix="guests-"))
        self.process = subprocess.Popen(
            [sys.executable, "-c", STORM, str(self.out)],
            env={**os.environ, "PATCHSTORM_GUEST_MEMORY": str(self.memory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def end(self, number: signal.Signals) -> None:
        """Signal it; it ends, and then nothing of it is left."""
        os.kill(self.process.pid, number)
        assert self.process.wait(PATIENCE_S) != 0
        soon(lambda: not family(str(self.memory)))
        soon(lambda: not list(self.memory.iterdir()))

    def __enter__(self) -> Harness:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.memory, ignore_errors=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_storm_leaves_nothing(
    machine_that_can: None, number: signal.Signals, tmp_path: Path
) -> None:
    with Harness(tmp_path) as harness:
        soon(
            lambda: any(b'"append"' in p.read_bytes() for p in harness.out.glob("*/history.jsonl"))
        )
        assert any("mem=" in command for command in family(str(harness.memory)).values())
        harness.end(number)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


MOMENTS: dict[str, Callable[[Harness], Iterable[object]]] = {
    "the command begins": lambda harness: family(str(harness.memory)),
    "a kernel is tried": lambda harness: harness.memory.glob("*/trial/pid"),
    "the guest has its disk": lambda harness: harness.memory.glob("*/disk"),
    "its kernel begins": lambda harness: harness.memory.glob("*/guest/pid"),
    "its devices come up": lambda harness: harness.memory.glob("*/guest/mconsole"),
    "its storm has a plan": lambda harness: harness.out.glob("*/plan.json"),
}
"""What there is once the moment has come; each outlasts the look for it."""


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (signal.SIGTERM, "the command begins"),
        (signal.SIGINT, "a kernel is tried"),
        (signal.SIGKILL, "the guest has its disk"),
        (signal.SIGINT, "its kernel begins"),
        (signal.SIGTERM, "its devices come up"),
        (signal.SIGKILL, "its storm has a plan"),
    ],
)
def test_an_interrupted_boot_leaves_nothing(
    machine_that_can: None, number: signal.Signals, moment: str, tmp_path: Path
) -> None:
    for turn in range(TRIES):
        place = tmp_path / str(turn)
        place.mkdir()
        with Harness(place) as harness:
            soon(lambda one=harness: list(MOMENTS[moment](one)) or one.process.poll() is not None)
            if harness.process.poll() is None:
                harness.end(number)
                return
    pytest.fail(f"{TRIES} storms ended before this was seen: {moment}")


def test_without_its_harness_and_without_a_warden_a_guest_ends_by_itself(
    machine_that_can: None,
) -> None:
    guest = Guest()
    try:
        asyncio.run(guest.boot())
        assert guest.pid is not None and guest._line is not None
        guest._line.close()
        assert guest._process is not None
        assert guest._process.wait(PATIENCE_S) == 0
    finally:
        guest.kill()


DEAF = """
import sys
from patchstorm.worlds.nfs import init, inside
line = int(sys.argv[2])
init.ASK_S = inside.ASK_S = 0.01
if sys.argv[1] == "waiting":
    init.first_order(line)
else:
    import asyncio
    async def serve():
        inside.Agent(line).ask()
        await asyncio.Event().wait()
    asyncio.run(serve())
"""


@pytest.mark.parametrize("state", ["waiting", "working"])
def test_a_guest_that_missed_the_end_of_its_line_asks_and_ends(state: str) -> None:
    """The other end takes nothing any more, and no end is to be read."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        guest = subprocess.Popen(
            [sys.executable, "-c", DEAF, state, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        )
        with guest:
            assert ours.recv(1) == b"\n"
            assert guest.poll() is None, "somebody is there"
            ours.shutdown(socket.SHUT_RD)
            _, said = guest.communicate(timeout=PATIENCE_S)
            if state == "waiting":  # process 1 powers the guest off, whatever happened
                assert guest.returncode == 1 and "Broken pipe" in said
            else:
                assert (guest.returncode, said) == (0, "")


MACHINE = """
import json, os, sys
line = int(sys.argv[1])
os.write(line, b'{"awake":"6.1"}\\n')
waiting = b""
while waiting.count(b"\\n") < 1 or json.loads(waiting.splitlines()[-1])["more"]:
    waiting += os.read(line, 1 << 16)
    os.write(line, b'{"took":true}\\n' * waiting.count(b"\\n"))
os.write(line, b'{"ready":true}\\n')
os.read(line, 1)
"""


@pytest.mark.parametrize("silent", [1, 2])
def test_a_guest_that_stays_silent_is_started_once_more(
    silent: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = Machine(kernel="", modules="", memory_dir=tmp_path, release="6.1")
    monkeypatch.setattr(guest_module, "find_machine", lambda _: machine)
    monkeypatch.setattr(guest_module, "pieces", lambda order: pieces({"do": "x"}))
    monkeypatch.setattr(guest_module, "BOOT_S_MAX", 0.1)
    started: list[int] = []

    def command(self: Guest, line: int) -> list[str]:
        started.append(line)
        if len(started) == silent:
            monkeypatch.setattr(guest_module, "BOOT_S_MAX", PATIENCE_S)
        program = MACHINE if len(started) > silent else "import time; time.sleep(600)"
        return [sys.executable, "-c", program, str(line)]

    monkeypatch.setattr(Guest, "_command", command)
    guest = Guest()
    try:
        if silent < guest_module.BOOTS:
            asyncio.run(guest.boot())
        else:
            with pytest.raises(GuestGone, match="did not come up"):
                asyncio.run(guest.boot())
        assert guest.usable == (silent < guest_module.BOOTS)
        assert len(started) == 2
    finally:
        guest.kill()


def test_an_empty_line_is_no_order() -> None:
    order = {"module": "m", "environment": {"A": "\u00fc" * PIECE_CHARACTERS}}
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"\n".join((b"\n", *pieces(order), b"\n")))
        assert init.first_order(theirs.fileno()) == order
        assert ours.recv(1 << 16).splitlines() == [b'{"took":true}'] * len(pieces(order))


def test_an_order_in_pieces_is_the_order() -> None:
    for order in ({"do": "x"}, {"do": "x", "plan": '"\u00fc\n' * PIECE_CHARACTERS}):
        whole, lines = Whole(), Lines()
        *others, last = [message for piece in pieces(order) for message in lines.fed(piece)]
        assert [whole.taken(message) for message in others] == [None] * len(others)
        assert whole.taken(last) == order
        assert max(map(len, pieces(order))) < 4_096 // 2


def test_an_empty_line_is_no_message() -> None:
    lines = Lines()

    assert lines.fed(b'\n\r\n{"awake":') == []
    assert lines.fed(b' "6.1"}\r\n\n') == [{"awake": "6.1"}]


def test_a_guest_comes_up_and_works_however_often_its_harness_asks(
    machine_that_can: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every question is an empty line, which arrives before, while and after orders are read."""
    monkeypatch.setattr(guest_module, "QUIET_S", 0.02)
    guest = Guest()

    async def run() -> dict[str, Any]:
        await guest.boot()
        for _ in range(3):  # and orders larger than its terminal holds do not make it deaf
            order = {"do": "litmus", "programs": {}, "repeat": 1, "padding": "x" * 20_000}
            async with asyncio.timeout(PATIENCE_S):
                done = await guest.job(order)
        return done

    try:
        assert asyncio.run(run()) == {}
        assert guest.usable
    finally:
        guest.kill()


@pytest.mark.parametrize(
    ("what", "instead", "says"),
    [
        ("INSIDE", "patchstorm.nowhere", "No module named patchstorm.nowhere"),
        ("pieces", lambda _: [b"nonsense\n"], "in first_order"),
    ],
)
def test_a_guest_that_does_not_come_up_says_why(
    machine_that_can: None, monkeypatch: pytest.MonkeyPatch, what: str, instead: Any, says: str
) -> None:
    monkeypatch.setattr(guest_module, what, instead)
    guest = Guest()
    try:
        with pytest.raises(GuestGone, match=says):
            asyncio.run(guest.boot())
    finally:
        guest.kill()


def test_a_guest_that_is_killed_is_told_of(machine_that_can: None) -> None:
    guest = Guest()

    async def run() -> None:
        await guest.boot()
        assert guest.pid is not None
        os.killpg(guest.pid, signal.SIGKILL)
        with pytest.raises(GuestGone, match="ended by itself"):
            await guest.job({"do": "litmus", "programs": {}, "repeat": 1})

    folder = None
    try:
        asyncio.run(run())
        folder = guest.folder
        assert folder.exists()
    finally:
        guest.kill()
    assert folder is not None and not folder.exists()


def test_its_file_server_remembers_its_clients_over_a_restart(machine_that_can: None) -> None:
    """Else no client may reclaim its locks, they exclude nobody any more, and a correct store that held one
    loses bytes: it was the reference that was accused now and then."""
    said: list[str] = []
    assert asyncio.run(run_in_guest(["dmesg"], said.append)) == 0
    assert "NFSD: Using nfsdcld client tracking operations" in "".join(said)

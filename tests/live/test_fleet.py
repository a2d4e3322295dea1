"""Replicas start, die, stand still and come back exactly when told; none outlives its fleet."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from pathlib import Path

import msgspec
import pytest

from patchstorm.errors import TargetError
from patchstorm.live import replica as replicas
from patchstorm.target.model import Companion, Variant, varied

from .helpers import ask, fleet_of, gone_soon, is_alive, state_of, toy, until

LINE = r"""by = "line"
line = 'listening on (?P<port>\d+)'"""


@pytest.mark.parametrize("ready", ['by = "http"', 'by = "tcp"', LINE])
def test_a_fleet_is_up_when_it_says_so_and_gone_afterwards(ready: str, tmp_path: Path) -> None:
    async def run() -> list[int]:
        async with fleet_of(toy(ready=ready), tmp_path, count=3) as fleet:
            answers = [await ask(fleet, index) for index in range(3)]
            pids = [int(answer.reply.headers["x-pid"]) for answer in answers if answer.reply]
            assert pids == [replica.pid for replica in fleet.replicas]
            return pids

    pids = asyncio.run(run())
    assert len(pids) == 3
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("line", [r"(?P<port>listening) on", r"listening on (?P<port>)"])
def test_a_port_that_is_none_is_told(line: str, tmp_path: Path) -> None:
    async def run() -> None:
        async with fleet_of(toy(ready=f"by = \"line\"\nline = '{line}'"), tmp_path):
            pass

    with pytest.raises(TargetError, match=r"ready\.line reads the port"):
        asyncio.run(run())


def test_a_kill_is_a_kill_and_a_restart_keeps_the_port(tmp_path: Path) -> None:
    async def run() -> None:
        async with fleet_of(toy(), tmp_path) as fleet:
            (replica,) = fleet.replicas
            first, port = replica.pid, replica.port
            assert first is not None
            await replica.kill()
            assert not is_alive(first)
            assert (await ask(fleet)).error == "refused"
            await replica.start()
            assert (replica.port, replica.pid) != (port, first)
            assert replica.port == port
            assert (await ask(fleet)).reply is not None
            assert fleet.deserters() == []

    asyncio.run(run())


def test_a_paused_replica_is_silent_until_it_goes_on(tmp_path: Path) -> None:
    async def run() -> None:
        async with fleet_of(toy(), tmp_path) as fleet:
            (replica,) = fleet.replicas
            replica.pause()
            pid = replica.pid
            assert pid is not None
            await until(lambda: state_of(pid) == "T")
            assert (await ask(fleet, timeout_ms=200)).error == "timeout"
            replica.resume()
            assert (await ask(fleet)).reply is not None

    asyncio.run(run())


@pytest.mark.parametrize("mood", ["plain", "stubborn"])
def test_a_stop_is_asked_for_and_then_enforced(mood: str, tmp_path: Path) -> None:
    async def run() -> int:
        async with fleet_of(toy(mood, stop_ms=200), tmp_path) as fleet:
            (replica,) = fleet.replicas
            pid = replica.pid
            await replica.stop()
            assert pid is not None
            return pid

    assert not is_alive(asyncio.run(run()))
    assert "told to stop" in (tmp_path / "replica-0.log").read_text()


def test_children_of_a_replica_die_with_it(tmp_path: Path) -> None:
    async def run() -> int:
        async with fleet_of(toy("parent"), tmp_path) as fleet:
            found = re.search(r"child (\d+)", (tmp_path / "replica-0.log").read_text())
            assert found is not None
            child = int(found[1])
            assert is_alive(child)
            await fleet.replicas[0].kill()
            assert gone_soon(child)
            return child

    assert not is_alive(asyncio.run(run()))


def test_a_replica_that_ends_by_itself_is_told_of(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with fleet_of(toy(), tmp_path, count=2) as fleet:
            pid = fleet.replicas[1].pid
            assert pid is not None
            fleet.replicas[1].log.write_text("no room for me\n")
            os.kill(pid, signal.SIGSEGV)
            await until(lambda: not fleet.replicas[1].alive)
            told = fleet.deserters()
            (event,) = fleet.exits(7)
            assert (event.time_ns, event.replica, event.code) == (7, 1, -11)
            assert event.said == "no room for me"
            assert fleet.exits(8) == []
            await fleet.heal()
            assert (await ask(fleet, 1)).reply is not None
            return told

    (told,) = asyncio.run(run())
    assert "replica 1 ended by itself with code -11" in told


def test_a_replica_killed_while_it_starts_is_down_not_an_error(tmp_path: Path) -> None:
    async def run() -> None:
        async with fleet_of(toy(), tmp_path) as fleet:
            (replica,) = fleet.replicas
            await replica.kill()
            starting = asyncio.create_task(replica.start())
            await until(lambda: replica.alive)
            replica.kill_now()
            await starting
            assert not replica.alive
            await fleet.heal()
            assert (await ask(fleet)).reply is not None

    asyncio.run(run())


@pytest.mark.parametrize(
    ("mood", "ready", "says"),
    [
        ("dies", 'by = "http"', ["toy, replica", "code 1", "the disk is read-only", ".log"]),
        ("silent", 'by = "tcp"\nwithin_ms = 300', ["not ready within 300 ms", "ready.within_ms"]),
        (
            "plain",
            'by = "line"\nline = "never said"\nwithin_ms = 300',
            ['by = "line"', "ready.within_ms"],
        ),
    ],
)
def test_a_target_that_does_not_start_says_why(
    mood: str, ready: str, says: list[str], tmp_path: Path
) -> None:
    async def run() -> None:
        async with fleet_of(toy(mood, ready), tmp_path, count=2):
            pytest.fail("it cannot have started")

    with pytest.raises(TargetError) as error:
        asyncio.run(run())
    for part in says:
        assert part in str(error.value)


def test_a_missing_program_is_named_with_its_remedy(tmp_path: Path) -> None:
    target = toy()
    start = type(target.start)(command=("no-such-server", "{port}"), missing="Try the market.")
    lost = type(target)(name="lost", capabilities=("sequential",), start=start, wire=target.wire)

    async def run() -> None:
        async with fleet_of(lost, tmp_path):
            pytest.fail("it cannot have started")

    with pytest.raises(TargetError, match=r"no program `no-such-server` here\. Try the market\."):
        asyncio.run(run())


def test_what_all_share_is_there_first_and_gone_with_them(tmp_path: Path) -> None:
    shared = Companion(command=("{python}", "-S", "{here}/toy.py", "{port}", "plain"))
    alone = toy()
    start = msgspec.structs.replace(
        alone.start, environment={"SHARED_PORT": "{companion_port}", "PLACE": "{shared}"}
    )
    target = msgspec.structs.replace(alone, start=start, companion=shared)

    async def run() -> tuple[int, list[str]]:
        async with fleet_of(target, tmp_path, count=2) as fleet:
            assert fleet.beside is not None and fleet.beside.program.pid is not None
            given = [replica.values for replica in fleet.replicas]
            assert len({values["shared"] for values in given}) == 1
            said = [await said_at(int(values["companion_port"])) for values in given]
            assert len({values["companion_port"] for values in given}) == 2, "each has its own way"
            return fleet.beside.program.pid, said

    pid, said = asyncio.run(run())
    assert all(f"X-Pid: {pid}" in one for one in said), "which leads all of them to the same"
    assert gone_soon(pid)


def test_a_variant_that_does_without_has_none_beside_it(tmp_path: Path) -> None:
    start = msgspec.structs.replace(toy().start, environment={"SHARED": "{companion_port}"})
    target = msgspec.structs.replace(
        toy(), start=start, companion=Companion(command=("no-such-program", "{port}")),
        variants={"alone": Variant(companion=False)},
    )  # fmt: skip

    async def run() -> None:
        async with fleet_of(varied(target, "alone"), tmp_path) as fleet:
            assert fleet.beside is None
            assert (await ask(fleet)).reply is not None

    asyncio.run(run())


async def said_at(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    said = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return said.decode()


def test_a_companion_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    broken = Companion(command=("{python}", "-S", "{here}/toy.py", "{port}", "dies"))
    target = msgspec.structs.replace(toy(), companion=broken)

    async def run() -> None:
        async with fleet_of(target, tmp_path):
            pytest.fail("it cannot have started")

    with pytest.raises(TargetError, match=r"the companion(.|\n)*the disk is read-only"):
        asyncio.run(run())


def test_a_taken_port_is_tried_again_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        free = replicas.free_port()
        offers = iter([number, number, free])
        monkeypatch.setattr(replicas, "free_port", lambda: next(offers))

        async def run() -> int | None:
            async with fleet_of(toy(ready='by = "line"\nline = "listening"'), tmp_path) as fleet:
                return fleet.replicas[0].port

        assert asyncio.run(run()) == free
        monkeypatch.setattr(replicas, "free_port", lambda: number)
        with pytest.raises(TargetError, match="in use by somebody else"):
            asyncio.run(run())

"""Services that replicas share: one server a run, reached as it is in the real world, on virtual time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from patchstorm.campaign.keeping import small_of, story_of
from patchstorm.campaign.simulated import digests
from patchstorm.errors import UsageError

from .probing import said
from .running import SERVERS, accused, found, needs, session

STORM = str(SERVERS / "paused-holder.toml")
FAULTS = ("crash", "cut", "expiry", "loss", "lost-reply", "pause")
"""What the bundled storms of companions are called by."""


def redis(here: Path, code: str, **named: object) -> list[list[str]]:
    needs("fakeredis", "lupa")
    code = "import redis\nserver = redis.Redis(host='redis', socket_timeout=5)\n" + code
    return said(here, code, services=("redis",), **named)  # type: ignore[arg-type]


def test_replicas_share_one_server(tmp_path: Path) -> None:
    lines = redis(tmp_path, "print(server.incr('starts'), server.get('starts'))")
    assert sorted(line for replica in lines for line in replica) in (
        ["1 b'1'", "2 b'2'"],
        ["1 b'2'", "2 b'2'"],
    )


def test_keys_expire_by_the_simulated_clock(tmp_path: Path) -> None:
    code = """
import time
print(server.set("lease", "a", nx=True, px=60_000), server.set("lease", "b", nx=True, px=60_000))
time.sleep(59.9)
print(server.get("lease"), 0 < server.pttl("lease") <= 100)
time.sleep(0.2)
print(server.get("lease"))
"""
    assert redis(tmp_path, code, replicas=1) == [["True None", "b'a' True", "None"]]


def test_clients_reach_it_in_every_way_that_they_know(tmp_path: Path) -> None:
    """Blocking and asynchronous, RESP2 and RESP3: scripts, transactions, messages, blocked pops."""
    code = """
import asyncio, threading, time
import redis.asyncio
local = redis.Redis.from_url("redis://127.0.0.1:6379/0", protocol=2, decode_responses=True)
print(local.eval("return {KEYS[1], ARGV[1], redis.call('INCR', 'n')}", 1, "k", "v"))
with local.pipeline(transaction=True) as together:
    print(together.set("a", 1).incrby("a", 41).get("a").execute())
local.hset("h", mapping={"x": "1", "y": "2"}); print(local.hgetall("h"), local.zadd("z", {"m": 1.5}))
try: local.incr("h")
except redis.ResponseError as error: print(error)
def later():
    time.sleep(1)
    local.rpush("queue", "job")
threading.Thread(target=later).start()
print(local.blpop("queue", timeout=10))
print(local.blpop("queue", timeout=1))
async def main():
    one = redis.asyncio.Redis(host="localhost", decode_responses=True)
    async with one.pubsub() as messages:
        await messages.subscribe("news")
        print((await messages.get_message(timeout=1))["type"])
        await one.publish("news", "now")
        print((await messages.get_message(timeout=1))["data"])
    print(sorted(await asyncio.gather(*[one.incr("n") for _ in range(5)])), await one.zscore("z", "m"))
    async with one.lock("lock", timeout=3): print(await one.exists("lock"))
    print(await one.exists("lock"))
    await one.aclose()
asyncio.run(main())
"""
    assert redis(tmp_path, code, replicas=1) == [[
        "['k', 'v', 1]",
        "[True, 42, '42']",
        "{'x': '1', 'y': '2'} 1",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        "('queue', 'job')",
        "None",
        "subscribe",
        "now",
        "[2, 3, 4, 5, 6] 1.5",
        "1",
        "0",
    ]]  # fmt: skip


def test_valkey_is_reached_by_its_own_client(tmp_path: Path) -> None:
    needs("fakeredis", "lupa", "valkey")
    code = "import valkey\nprint(valkey.Valkey(host='valkey').incr('n'))"
    assert said(tmp_path, code, replicas=1, services=("valkey",)) == [["1"]]


def test_a_service_of_one_s_own_is_named_by_its_module(tmp_path: Path) -> None:
    (tmp_path / "echo.py").write_text(ECHO)
    code = """
import socket
for word in (b"one\\n", b"two\\n"):
    with socket.create_connection(("echo", 7)) as there:
        there.sendall(word)
        print(there.recv(100))
"""
    lines = said(tmp_path, code, replicas=1, services=("echo:Echo",))
    assert lines == [["b'one 1\\n'", "b'two 2\\n'"]]


ECHO = """
from patchstorm.api import Asked

class Echo:
    port = 7
    def __init__(self): self.count = 0
    def restart(self): pass
    def flush(self): self.count = 0
    def expire(self): return 0
    def session(self, push): return Session(self)

class Session:
    def __init__(self, server): self.server, self.held = server, b""
    def read(self, data):
        *lines, self.held = (self.held + data).split(b"\\n")
        for line in lines:
            yield Asked(line.decode(), lambda line=line: self.answer(line), writes=("count",))
    def answer(self, line):
        self.server.count += 1
        return b"%b %d\\n" % (line, self.server.count)
    def told(self, reply): return reply.decode().strip()
    def close(self): pass
"""


def test_what_is_no_service_is_refused_by_name(tmp_path: Path) -> None:
    needs("fakeredis", "lupa")
    code = "import socket\nsocket.create_connection(('redis', 6380))"
    with pytest.raises(UsageError, match=r"127\.0\.0\.1:6380 leads to no service"):
        said(tmp_path, code, services=("redis",))
    with pytest.raises(UsageError, match="a look-up of database "):
        said(tmp_path, "import redis\nredis.Redis(host='database').ping()", services=("redis",))


def test_a_holder_that_outlives_its_lease_is_convicted() -> None:
    needs("fakeredis", "lupa", "redis")
    assert "bytes" in accused(found("leased_aiohttp", STORM, 12, until="bytes"))


def test_its_twin_that_fences_is_safe() -> None:
    needs("fakeredis", "lupa", "redis")
    told = found("fenced_aiohttp", STORM, 6)
    assert [(one.verdict, one.unknown) for one in told] == [("safe", None)] * 6


@pytest.mark.parametrize("fault", FAULTS)
def test_its_twin_is_safe_under_every_fault_of_the_service(fault: str) -> None:
    needs("fakeredis", "lupa", "redis")
    told = found("fenced_aiohttp", f"companion-{fault}", 3)
    assert "violated" not in {one.verdict for one in told}
    assert "safe" in {one.verdict for one in told}


def test_digests_with_a_service_are_the_same_under_another_hash_seed() -> None:
    needs("fakeredis", "lupa", "redis")
    target = str(SERVERS / "fenced_aiohttp.toml")
    code = (
        "from patchstorm.campaign.simulated import digests\n"
        f"print(*digests('companion-loss', {target!r}, 1, 2, 'tmpfs'))\n"
    )
    theirs = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True, text=True, check=True, cwd=Path.cwd(),
    )  # fmt: skip
    assert theirs.stdout.split() == digests("companion-loss", target, 1, 2, "tmpfs")


@pytest.mark.long
def test_the_story_of_a_lost_lease_is_short_and_names_the_pause_and_the_lease() -> None:
    needs("fakeredis", "lupa", "redis")
    told = found("leased_aiohttp", STORM, 12, until="bytes")
    story = story_of(small_of(session("leased_aiohttp", STORM), told[-1]))
    assert len(story) <= 25
    assert any("pause" in line for line in story)
    assert any("redis SET lease:" in line and "relied on" in line for line in story)
    assert any("redis SET lease:" in line and "changed meanwhile" in line for line in story)

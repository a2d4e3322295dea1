"""What the processes of the real storms do. Started by forkserver, so everything here is importable."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

from faultport import Call, FaultPort
from storescene import DATA, PATCHES, TRIES_MAX, Clock, claims_for

from chunkstore.errors import Busy, Locked
from chunkstore.model import Claims
from chunkstore.port import OsPort
from chunkstore.store import Store

FOREVER_S = 1 << 40


def payload(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def storm_claims(size: int) -> Claims:
    return claims_for("storm", size=size, target="storm.bin", expires_s=FOREVER_S)


def patiently(store: Store, claims: Claims, offset: int, body: bytes) -> int:
    """One PATCH; returns the offset answered. Comes back after ``Busy`` and ``Locked``."""
    while True:
        try:
            incoming = store.begin(claims, offset, len(body))
        except Locked:
            time.sleep(0.001)
            continue
        try:
            incoming.write(body)
            while True:
                try:
                    return incoming.commit().offset
                except Busy:
                    time.sleep(0.001)
        except Locked:
            time.sleep(0.001)
        finally:
            incoming.abort()


def hammer(root: str, log: str, size: int, chunk: int, seed: int) -> None:
    """Send ranges of any boundaries until the upload is published; log what was acknowledged."""
    drawn = random.Random(seed)
    store, claims, data = Store(OsPort(), root), storm_claims(size), payload(size)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    offset = 0
    while offset < size:
        if drawn.random() < 0.1:
            store.sweep()
        at = drawn.choice([offset, drawn.randrange(size)])
        body = data[at : at + drawn.randint(1, 2 * chunk)]
        offset = patiently(store, claims, at, body)
        os.write(fd, b"%d %d\n" % (at, len(body)))


def acknowledged(log: Path) -> set[int]:
    lines = log.read_text().splitlines() if log.exists() else []
    pairs = [tuple(map(int, line.split())) for line in lines]
    return {at for start, length in pairs for at in range(start, start + length)}


def scripted(root: str, number: int, sign: int, pattern: str) -> None:
    """The small upload, by a process that sends itself a signal before a call.

    Before the call of this number; or, with a number of 0, before the first whose name and path
    begin and end with the pattern's halves.
    """
    sent = False

    def hook(call: Call) -> None:
        nonlocal sent
        name, _, part = pattern.partition(" ")
        due = call.number == number if number else (call.name == name and part in call.path)
        if due and not sent:
            sent = True
            os.kill(os.getpid(), sign)

    port = FaultPort(Clock(), name=f"{os.getpid()}n", before=hook)
    store, claims = Store(port, root), claims_for()
    store.create(claims, "filename Zm94")
    for start, end in PATCHES:
        for _ in range(TRIES_MAX):
            try:
                incoming = store.begin(claims, start, end - start)
                incoming.write(DATA[start:end])
                incoming.commit()
                break
            except Busy:
                port.clock.advance(0.2)
    os._exit(7)  # told apart from death by a signal and from an exception


def state_of(pid: int) -> str:
    """The state letter of proc(5): ``T`` is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


KILL = signal.SIGKILL
STOP = signal.SIGSTOP

"""Clients that are programs of their own: each with its file, its gateway and its process."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from patchstorm.history.events import ProgramEnd
from patchstorm.history.recorder import Recorder
from patchstorm.legible import legible
from patchstorm.live.calling import command_of
from patchstorm.live.environment import home_of
from patchstorm.live.gateway import Gateway, Hear, Taken
from patchstorm.live.launch import Order, Running, processes
from patchstorm.scenario import payload
from patchstorm.scenario.actions import Asked, Give, Start, Take
from patchstorm.scenario.machine import OfPrograms
from patchstorm.scenario.plan import UploadPlan

POLL_S: Final = 0.005
SAID_CHARS: Final = 600
BLOCK_BYTES: Final = 1 << 20


class Programs:
    """Those of one storm, by client. Files go below ``scratch``, what they say into ``log_dir``."""

    def __init__(
        self,
        uploads: Mapping[str, UploadPlan],
        scratch: Path,
        *,
        log_dir: Path,
        recorder: Recorder,
        hear: Hear | None,
    ) -> None:
        self._uploads = uploads
        self._scratch = scratch
        self._log_dir = log_dir
        self._recorder = recorder
        self._hear = hear
        self._running: dict[str, _Program] = {}
        self.failed: list[str] = []
        """Of each that did not end with 0, what a person should read."""

    async def carry_out(self, client: str, action: OfPrograms) -> Asked | None:
        """One action of a client's workload; what came of it.

        Raises UsageError for a program that no storm can be run with, TargetError for one that cannot be run.
        """
        if isinstance(action, Start):
            await self._start(client, action)
            return None
        program = self._running[client]
        if isinstance(action, Take):
            asked = await program.take()
            if asked is None:
                await self._ended(client)
            return asked
        if isinstance(action, Give):
            program.give(action)
        else:
            program.why = action.why
            await self._ended(client)
        return None

    async def close(self) -> None:
        """Kill whatever still runs."""
        for program in list(self._running.values()):
            await program.close()
        self._running.clear()

    async def _start(self, client: str, start: Start) -> None:
        upload = self._uploads[start.upload]
        folder = self._scratch / "programs" / client
        folder.mkdir(parents=True)
        file = folder / Path(upload.info.target).name
        await asyncio.to_thread(_written, file, upload)
        assert self._hear is not None, "asked in dialects in which others' clients are understood"
        gateway = Gateway(upload, self._uploads, self._hear)
        program = _Program(start, gateway, {one.id: one.size for one in self._uploads.values()})
        self._running[client] = program  # first: closed whatever happens meanwhile
        await gateway.open()
        values = {
            "endpoint": gateway.endpoint,
            "file": str(file),
            "state": str(folder / "state"),
            "chunk": str(start.chunk),
        }
        program.order = Order(
            command=tuple(
                word.format(**values) for word in command_of(start.program, start.command)
            ),
            environment={},
            scratch=str(folder),
            log=self._log_dir / f"client-{client}.log",
            name=f"client {client}",
            remedy="Install it, or correct the client's `command`.",
        )
        program.running = await processes(home_of(self._scratch))(program.order)

    async def _ended(self, client: str) -> None:
        program = self._running.pop(client)
        code = program.code
        await program.close()
        end = ProgramEnd(
            time_ns=time.monotonic_ns(), client=client, program=program.name,
            code=None if program.why else code, said=program.said(), why=program.why,
            created=program.created, whole=len(program.whole),
        )  # fmt: skip
        self._recorder.add(end)
        if end.code != 0:
            how = program.why or f"it ended with code {end.code}"
            said = end.said.splitlines()[-1] if end.said else "(nothing)"
            self.failed.append(f"client {client}, {program.name}: {how}; its last words: {said}")


class _Program:
    """One of them, from its start until it is gone."""

    def __init__(self, start: Start, gateway: Gateway, sizes: Mapping[str, int]) -> None:
        self.name = start.command or start.program
        self.gateway = gateway
        self.order: Order | None = None
        self.running: Running | None = None
        self.why = ""
        self.created = 0
        self.whole: set[str] = set()
        self._until = time.monotonic() + start.within_ms / 1_000
        self._within_ms = start.within_ms
        self._sizes = sizes
        self._taken: Taken | None = None

    @property
    def code(self) -> int | None:
        return None if self.running is None else self.running.poll()

    async def take(self) -> Asked | None:
        """Its next request; None once it has ended, or when its time is over."""
        while True:
            if self.gateway.wrong is not None:
                raise self.gateway.wrong
            if not self.gateway.asked.empty():
                self._taken = self.gateway.asked.get_nowait()
                return self._taken.asked
            if self.code is not None:
                return None
            if time.monotonic() >= self._until:
                self.why = f"it did not end within {self._within_ms} ms"
                return None
            try:
                async with asyncio.timeout(POLL_S):
                    self._taken = await self.gateway.asked.get()
            except TimeoutError:
                continue
            return self._taken.asked

    def give(self, action: Give) -> None:
        taken, end = self._taken, action.answer.end
        assert taken is not None, "what is answered has been taken"
        told = end.headers.get("location", "")
        if end.outcome == "ok" and taken.asked.request.kind == "create":
            self.created += 1
        if end.outcome == "ok" and end.offset == self._sizes[action.upload]:
            self.whole.add(action.upload)
        taken.give(end, self.gateway.location(action.upload, told) if told else "")

    def said(self) -> str:
        """The end of what it said."""
        if self.order is None or not self.order.log.exists():
            return ""
        return legible(self.order.log.read_text("utf-8", "replace")[-SAID_CHARS:].strip())

    async def close(self) -> None:
        """Kill it, and wait until all of it is gone."""
        if self.running is not None:
            self.running.signal(signal.SIGKILL)
            await self.running.reap()
        await self.gateway.close()


def _written(file: Path, upload: UploadPlan) -> None:
    with file.open("wb") as out:
        for start in range(0, upload.size, BLOCK_BYTES):
            length = min(BLOCK_BYTES, upload.size - start)
            out.write(payload.generate(upload.number, 0, start, length))

"""Runs the small programs of network and NFS administration, and says what they said when they fail."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess

from patchstorm.errors import InconclusiveError

PROGRAM_S_MAX = 30.0


class ProgramFailed(InconclusiveError):
    """A program that sets up the guest did not do what it should."""


async def run(*command: str, given: str = "", within_s: float = PROGRAM_S_MAX) -> str:
    """Run ``command``; its output. ProgramFailed, with its words, where it fails or takes too long."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within_s):
            said, _ = await process.communicate(given.encode())
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise ProgramFailed(f"`{' '.join(command)}` took more than {within_s:.0f} s") from None
    text = said.decode("utf-8", "replace")
    if process.returncode:
        raise ProgramFailed(f"`{' '.join(command)}` failed: {text.strip() or process.returncode}")
    return text


async def start_daemon(*command: str) -> None:
    """Run a program that goes into the background by itself; its output is not waited for."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PROGRAM_S_MAX):
            code = await process.wait()
    except TimeoutError:
        raise ProgramFailed(f"`{' '.join(command)}` did not go into the background") from None
    if code:
        raise ProgramFailed(f"`{' '.join(command)}` failed with code {code}")

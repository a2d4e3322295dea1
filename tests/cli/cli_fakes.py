"""Reports and histories made by hand, for tests that run no storm."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from patchstorm.check.model import Finding, Range
from patchstorm.history import Recorder
from patchstorm.history.events import Phase
from patchstorm.history.model import Final, Header, History, Run, UploadInfo
from patchstorm.report.model import RunReport

TUS = {"tus-resumable": "1.0.0"}
FAILURE = "out/replaying-reference-append-1/failure.json"
PROGRAM = """
name = "program"
capabilities = ["sequential", "creation"]

[start]
command = ["{python}", "-c", "raise SystemExit('no configuration')", "{port}"]

[wire]
path = "/files"
"""
"""A target that is a program of its own, and does not start."""


def run_report(**changes: Any) -> RunReport:
    """A safe run, save for what is given."""
    given: dict[str, Any] = {
        "scenario": "replaying",
        "target": "reference",
        "world": "processes",
        "seed": 1,
        "verdict": "safe",
        "schedules": 1,
        "steps": 412,
        "seconds": 2.25,
    }
    return RunReport(**(given | changes))


def finding(**changes: Any) -> Finding:
    """A finding of the checker ``bytes``, save for what is given."""
    given: dict[str, Any] = {
        "checker": "bytes",
        "summary": "the published file is 131072 bytes long, not 65536",
        "upload": "u0",
        "ranges": (Range(offset=65536, length=65536),),
        "operations": (3, 4),
        "story": ("-> op 3 PATCH [0, 65536): 204", "-> op 4 PATCH [0, 65536): 204"),
    }
    return Finding(**(given | changes))


def violated(**changes: Any) -> RunReport:
    """A violated run with one finding and a failure file."""
    return run_report(
        **(
            {
                "target": "reference:append",
                "verdict": "violated",
                "findings": (finding(),),
                "failure": FAILURE,
            }
            | changes
        )
    )


def unknown(**changes: Any) -> RunReport:
    """A run that could not tell."""
    return run_report(**({"verdict": "unknown", "unknown": "replica 1 did not start"} | changes))


def skipped(**changes: Any) -> RunReport:
    """A storm that was not run."""
    return run_report(
        **({"verdict": None, "schedules": 0, "steps": 0, "skipped": "needs termination"} | changes)
    )


def one_upload(*, published: int, size: int = 64) -> History:
    """Create, send ``size`` bytes, all acknowledged; then ``published`` bytes stand in the file."""
    upload = UploadInfo(id="u0", size=size, target="a.bin")
    header = Header(
        scenario="by-hand",
        seed=7,
        world="elsewhere",
        storage="tmpfs",
        target="somebody",
        capabilities=("offset-addressed", "creation", "publishes-atomically"),
        reading="offset-addressed",
        replicas=2,
        clock="monotonic",
        uploads=(upload,),
    )
    recorder = Recorder(header)
    create = recorder.invoke(time_ns=1_000, client="c", kind="create", upload="u0", replica=0)
    recorder.complete(create, time_ns=2_000, status=201, headers=TUS | {"location": "/upload/u0"})
    patch = recorder.invoke(
        time_ns=3_000, client="c", kind="append", upload="u0", replica=1, offset=0, length=size
    )
    recorder.complete(patch, time_ns=4_000, status=204, offset=size, sent=size, headers=TUS)
    recorder.add(Phase(time_ns=5_000, phase="heal"))
    recorder.add(Phase(time_ns=6_000, phase="converged"))
    runs = (Run(offset=0, length=published, content=0, source_offset=0),)
    recorder.add(Final(upload="u0", present=True, size=published, runs=runs))
    return recorder.history()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def patchstorm(
    *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "patchstorm.cli", *arguments],
        cwd=cwd,
        env=plain_environment() | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def plain_environment() -> dict[str, str]:
    """This environment without what would change how things are drawn."""
    drawn = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return {name: value for name, value in os.environ.items() if name not in drawn}

"""An interpreter that ends after runs of whole servers says nothing of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sampled import one_in

from .running import SERVERS, needs

RUN = """
from patchstorm.campaign.simulated import digests
digests("replaying", {target!r}, 1, 1, "tmpfs")
"""
LATE = """
import logging, os, queue, sys, threading, time
import patchstorm
from concurrent.futures import ThreadPoolExecutor
from patchstorm.worlds.sim.hosted.install import install
install()
pool = ThreadPoolExecutor(1)
pool.submit(int).result()

def late(local=threading.local(), mutex=threading.Lock(), monitor=threading.RLock(), chance=os.urandom,
         clock=time.monotonic, box=queue.SimpleQueue(), look=os.stat, who=threading.get_ident,
         say=sys.__stdout__.write):
    with mutex: pass
    with monitor: pass
    local.name = "late"
    box.put(local.name)
    who(), clock(), look("/"), chance(1)
    say(f"{box.get()}\\n")

class Last:
    def __del__(self, late=late): late()

# These modules are emptied after Patchstorm's own, which as long as one of them knows it are emptied, too.
for module in (os, threading, logging):
    module.keeps, module.last, module.pool = patchstorm, Last(), pool
"""


def ended(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("kind", one_in(2, ["aiohttp", "flask"]))
def test_an_interpreter_that_has_simulated_a_server_ends_without_a_word(kind: str) -> None:
    needs(kind)
    told = ended(RUN.format(target=str(SERVERS / f"race_{kind}.toml")))
    assert (told.stdout, told.stderr) == ("", "")


def test_what_goes_last_still_finds_locks_clocks_and_files() -> None:
    """Finalizers run when the interpreter has emptied the modules in which the replacements were made."""
    told = ended(LATE)
    assert (told.stdout, told.stderr) == ("late\n" * 3, "")

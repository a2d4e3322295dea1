"""How large the page of a long failure is, and how soon it answers.

    python benchmarks/show_page.py [--steps 10000,50000] [--chromium PATH]

Needs playwright and Chromium. A click is timed in the page, from the event until the next frame is drawn.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
import time
from pathlib import Path

from patchstorm.history.events import Event, Step
from patchstorm.history.model import (
    Completion,
    Final,
    Header,
    History,
    Invocation,
    Operation,
    RequestHead,
    Run,
    UploadInfo,
)
from patchstorm.report.show.page import Shown, page

CLIENTS, REPLICAS, STEPS_A_REQUEST, CHUNK = 8, 3, 45, 4096
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
CLICK = """
async (index) => {
  const rows = document.querySelectorAll("#rows [data-row]");
  const row = rows[index % rows.length];
  const began = performance.now();
  row.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - began;
}
"""
JUMP = """
async (part) => {
  const scroll = document.getElementById("scroll");
  scroll.scrollTop = scroll.scrollHeight * part;
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
}
"""


def history_of(steps: int) -> History:
    """So many steps of a store that writes each chunk to a file of its own and renames it."""
    rng = random.Random(1)
    operations: list[Operation] = []
    events: list[Event] = []
    while len(events) < steps:
        op, begin = len(operations), len(events) * 10_000
        client, replica = f"c{op % CLIENTS}", rng.randrange(REPLICAS)
        head = RequestHead(
            method="PATCH", path="/upload?token=" + "x" * 180, headers=(("Upload-Offset", "0"),)
        )
        call = Invocation(
            op=op, time_ns=begin, client=client, kind="append", upload="u0", replica=replica,
            offset=op * CHUNK, length=CHUNK, request=head,
        )  # fmt: skip
        for number in range(STEPS_A_REQUEST):
            name = f".upload/{op:032x}/chunk_{number}"
            write = number % 5 == 3
            events.append(
                Step(
                    time_ns=len(events) * 10_000, replica=replica, task=f"{client}#{op}", step=len(events),
                    call="write" if write else ("open", "fsync", "lstat", "replace", "close")[number % 5],
                    path=name, to=f"{name}.dat" if number % 5 == 4 else None, length=CHUNK if write else None,
                    size=0 if write else None, result=str(CHUNK) if write else "",
                )
            )  # fmt: skip
        done = Completion(
            op=op,
            time_ns=len(events) * 10_000,
            outcome="ok",
            status=204,
            offset=(op + 1) * CHUNK,
            sent=CHUNK,
        )
        operations.append(Operation(call=call, end=done))
    size = len(operations) * CHUNK
    header = Header(
        scenario="benchmark", seed=1, world="sim", storage="tmpfs", target="store", capabilities=(),
        reading="sequential", replicas=REPLICAS, clock="virtual",
        uploads=(UploadInfo(id="u0", size=size, target="u0.bin"),),
    )  # fmt: skip
    final = Final(
        upload="u0",
        present=True,
        size=size,
        runs=(Run(offset=0, length=size, content=0, source_offset=0),),
    )
    return History(
        header=header, operations=tuple(operations), events=tuple(events), finals={"u0": final}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", default="10000,50000")
    parser.add_argument("--chromium", default=shutil.which("chromium") or "chromium")
    given = parser.parse_args()
    from playwright.sync_api import sync_playwright

    print(
        f"{'steps':>8} {'made s':>8} {'MiB':>6} {'open s':>7} {'click ms, median':>17} {'worst':>7}"
    )
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=given.chromium, args=FLAGS)
        for steps in map(int, given.steps.split(",")):
            history = history_of(steps)
            began = time.perf_counter()
            marked = [f"-> step {at} replica 0   <- why" for at in (steps // 3, steps // 2)]
            text = page(
                Shown(
                    title="benchmark",
                    findings=(),
                    story=marked,
                    told=marked,
                    command="",
                    facts=(),
                    history=history,
                )
            )
            made = time.perf_counter() - began
            file = Path(folder) / "page.html"
            file.write_text(text, encoding="utf-8")
            tab = browser.new_page(viewport={"width": 1280, "height": 900})
            began = time.perf_counter()
            tab.goto(file.as_uri())
            tab.click("#all")
            opened = time.perf_counter() - began
            clicks = []
            for number in range(40):
                tab.evaluate(JUMP, (number * 0.37) % 1)
                clicks.append(tab.evaluate(CLICK, number))
            clicks.sort()
            size = file.stat().st_size / (1 << 20)
            print(
                f"{steps:8} {made:8.2f} {size:6.1f} {opened:7.2f} {clicks[20]:17.1f} {clicks[-1]:7.1f}"
            )
            tab.close()
        browser.close()


if __name__ == "__main__":
    main()

"""The line of a server's own that led to a call, in whatever thread a library makes it."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from patchstorm.campaign.keeping import small_of, story_of
from patchstorm.campaign.schedules import Search, Session
from patchstorm.choice.strategy import Dull
from patchstorm.errors import TargetError, UsageError
from patchstorm.scenario.library import load
from patchstorm.worlds.sim.app import Subject
from patchstorm.worlds.sim.run import run_schedule
from patchstorm.worlds.sim.tracing import Trace
from patchstorm.worlds.sim.workers import Workers

from ..conftest import small_plan
from .probing import RememberingHost, said, target_of
from .running import SERVERS, needs

REMOVES = {
    "called": "os.unlink(place)  # here",
    "to_thread": "asyncio.run(asyncio.to_thread(os.unlink, place))",
    "executor": """
        async def main():
            await asyncio.get_running_loop().run_in_executor(None, os.unlink, place)  # here
        asyncio.run(main())
    """,
    "forgotten": """
        async def main():
            asyncio.get_running_loop().run_in_executor(None, os.unlink, place)  # here
            await asyncio.sleep(1)
        asyncio.run(main())
    """,
    "pool": "ThreadPoolExecutor(1).submit(os.unlink, place).result()  # here",
    "thread": """
        one = threading.Thread(target=os.unlink, args=(place,))
        one.start()  # here
        one.join()
    """,
    "aiofiles": """
        async def main():
            await aiofiles.os.remove(place)  # here
        asyncio.run(main())
    """,
    "anyio": """
        async def main():
            await anyio.to_thread.run_sync(os.path.exists, place)  # its thread begins with this line
            await anyio.to_thread.run_sync(os.unlink, place)  # here
        anyio.run(main)
    """,
    "inner": """
        async def remove():
            await anyio.to_thread.run_sync(os.unlink, place)  # here
        async def main():
            await remove()
        anyio.run(main)
    """,
}
IMPORTS = """
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor
import aiofiles.os, anyio.to_thread
place = ROOT / "held"
place.touch()
"""


def probe_of(code: str) -> str:
    return IMPORTS + dedent(code)


@pytest.mark.parametrize("how", REMOVES)
def test_a_call_is_told_with_the_line_that_led_to_it(how: str, tmp_path: Path) -> None:
    needs("aiofiles", "anyio")
    target = target_of(tmp_path, probe_of(REMOVES[how]))
    lines = (tmp_path / "probed.py").read_text().splitlines()
    marked = [
        number for number, line in enumerate(lines, 1) if "# here" in line or "to_thread(os" in line
    ]
    trace = Trace()
    subject = Subject(target=target, host=RememberingHost(target, dies=False), sweep_ms=0)
    plan = small_plan(subject, replicas=1)
    run_schedule(plan, subject, Dull(), Workers(), observers=(trace,), steps_max=50_000)
    assert [one.place for one in trace.records if one.call == "unlink"] == [
        f"probed.py:{marked[0]}"
    ]


REFUSED = {
    "to_thread": "asyncio.run(asyncio.to_thread(urllib.request.urlopen, 'http://example.org/'))",
    "pool": "ThreadPoolExecutor(1).submit(urllib.request.urlopen, 'http://example.org/').result()",
    "thread": "threading.Thread(target=urllib.request.urlopen, args=('http://example.org/',)).start()",
    "anyio": "await anyio.to_thread.run_sync(urllib.request.urlopen, 'http://example.org/')",
    "started": "asyncio.run(asyncio.to_thread(_thread.start_new_thread, print, ()))",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("how", REFUSED)
def test_a_refusal_names_the_line_that_handed_the_work_to_a_thread(
    how: str, tmp_path: Path
) -> None:
    needs("aiofiles", "anyio")
    does = REFUSED[how]
    if does.startswith("await"):
        does = f"async def main():\n    {does}\nanyio.run(main)"
    code = probe_of(f"import _thread, urllib.request\n{does}\nimport time; time.sleep(1)")
    with pytest.raises(UsageError) as refused:
        said(tmp_path, code)
    lines = (tmp_path / "probed.py").read_text().splitlines()
    marked = next(number for number, line in enumerate(lines, 1) if REFUSED[how] in line)
    assert str(refused.value).startswith(f"{tmp_path / 'probed.py'}:{marked}")
    assert "no line of" not in str(refused.value)


def test_a_module_that_is_missing_is_told_with_the_line_that_imports_it(tmp_path: Path) -> None:
    (tmp_path / "probed_more.py").write_text("import os\n\nimport surely_not_there.client\n")
    with pytest.raises(TargetError) as missing:
        said(tmp_path, "import probed_more")
    message = str(missing.value)
    assert f"{tmp_path / 'probed_more.py'}:3 imports `surely_not_there`" in message
    assert "-m pip install surely_not_there" in message
    assert "modules.py" not in message


def test_a_directory_that_is_no_package_is_named_for_own(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "store.py").write_text("print('parts')\n")
    with pytest.raises(TargetError, match=r'add "parts" to `own`'):
        said(tmp_path, "import parts.store")
    assert said(tmp_path, "import parts.store", own=("parts",)) == [["parts"]] * 2


def test_a_module_that_is_missing_where_the_server_can_do_without_it_is_no_matter(
    tmp_path: Path,
) -> None:
    code = "try:\n    import surely_not_there\nexcept ImportError:\n    print('without')"
    assert said(tmp_path, code) == [["without"]] * 2


REMOVING = """
import asyncio, os
from aiohttp import web
from race_aiohttp import make as make_safe, places


@web.middleware
async def removing(request, handler):
    answer = await handler(request)
    if request.method == "PATCH":
        part, size, done = places(request.match_info["ident"])
        for one in (part, size)[:{count}]:
            await asyncio.to_thread(os.unlink, one)  # here
    return answer


def make():
    app = make_safe()
    app.middlewares.append(removing)
    return app
"""


@pytest.mark.parametrize("count", [1, 2])
def test_a_story_tells_what_a_request_removed_with_the_request_and_the_line(
    count: int, tmp_path: Path
) -> None:
    (tmp_path / "race_aiohttp.py").write_text((SERVERS / "race_aiohttp.py").read_text())
    text = REMOVING.format(count=count)
    (tmp_path / "removing.py").write_text(text)
    toml = (SERVERS / "locked_aiohttp.toml").read_text()
    (tmp_path / "removing.toml").write_text(toml.replace("race_aiohttp:make", "removing:make"))
    target = str(tmp_path / "removing.toml")
    one = Session.of(Search(scenario=load("sequential"), target=target, seed=1, storage="tmpfs"))
    told = one.tell(0)
    assert told.findings
    story = story_of(small_of(one, told, minimise=False))
    marked = next(number for number, line in enumerate(text.splitlines(), 1) if "# here" in line)
    removals = [line for line in story if " unlink " in line]
    assert removals
    for line in removals:
        assert re.search(rf"(c0|closing\S*)#\d+ unlink .*\(removing.py:{marked}\)", line), line

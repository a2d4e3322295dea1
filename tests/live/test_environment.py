"""What a server under test finds in its environment: little of the harness's, nothing of another storm's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from patchstorm.errors import UsageError
from patchstorm.live.fleet import running
from patchstorm.live.storage import opened
from patchstorm.target.load import parse_target
from patchstorm.target.model import Target

PROGRAM = """
import http.server, json, os, pathlib, sys
note = pathlib.Path.home() / ".config" / "state"
before = note.read_text() if note.exists() else ""
note.write_text(before + "started ")
print(json.dumps({"environment": dict(os.environ), "before": before}), flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def target(folder: Path, start: str = "") -> Target:
    (folder / "server.py").write_text(PROGRAM)
    return parse_target(
        f"""
        name = "homely"
        capabilities = ["sequential"]
        [start]
        command = ["{{python}}", "{{here}}/server.py", "{{port}}"]
        {start}
        [ready]
        by = "tcp"
        [wire]
        path = "/files"
        """,
        source="homely.toml",
        here=str(folder),
    )


def seen(
    one: Target, folder: Path, fleets: int = 1, count: int = 1
) -> list[list[dict[str, object]]]:
    """What each replica of each of so many fleets, all up at once, told when it started."""

    async def fleet(number: int, up: asyncio.Barrier) -> list[dict[str, object]]:
        logs = folder / f"logs-{number}"
        async with opened() as storage, running(one, storage, count, log_dir=logs):
            await up.wait()
            said = [logs / f"replica-{index}.log" for index in range(count)]
            return [json.loads(log.read_text().splitlines()[0]) for log in said]

    async def all_of_them() -> list[list[dict[str, object]]]:
        up = asyncio.Barrier(fleets)
        return await asyncio.gather(*(fleet(number, up) for number in range(fleets)))

    return asyncio.run(all_of_them())


def environment_of(told: dict[str, object]) -> dict[str, str]:
    found = told["environment"]
    assert isinstance(found, dict)
    return found


def test_secrets_of_the_harness_do_not_reach_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_DEPLOY_TOKEN", "s3cret")
    monkeypatch.setenv("LC_TIME", "C")

    ((told,),) = seen(target(tmp_path), tmp_path)

    environment = environment_of(told)
    assert "CI_DEPLOY_TOKEN" not in environment
    assert environment["LC_TIME"] == "C" and environment["PATH"]


def test_what_the_targets_file_names_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "north")
    one = target(tmp_path, 'inherit = ["REGION", "NOT_SET"]\nenvironment = { MODE = "quiet" }')

    ((told,),) = seen(one, tmp_path)

    environment = environment_of(told)
    assert (environment["REGION"], environment["MODE"]) == ("north", "quiet")
    assert "NOT_SET" not in environment


def test_storms_at_once_have_homes_of_their_own_and_replicas_share_one(tmp_path: Path) -> None:
    first, second = seen(target(tmp_path), tmp_path, fleets=2, count=2)

    for name in ("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        ours = {environment_of(told)[name] for told in first}
        theirs = {environment_of(told)[name] for told in second}
        assert len(ours) == len(theirs) == 1 and ours != theirs
    assert all(str(told["before"]).count("started") < 2 for told in (*first, *second))


def test_a_value_where_a_name_belongs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"start\.inherit: `A=1` is no name .* `start\.environment`"
    ):
        target(tmp_path, 'inherit = ["A=1"]')

"""Searches on a dask cluster: the same as on one machine, whatever becomes of workers and scheduler."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from patchstorm.campaign.cluster import Cluster
from patchstorm.campaign.errands import errands
from patchstorm.campaign.explore import explore
from patchstorm.campaign.explored import Progress
from patchstorm.campaign.failure import read_failure
from patchstorm.campaign.fleet import task_seconds
from patchstorm.campaign.hunting import Hunt
from patchstorm.campaign.suspects import suspects
from patchstorm.catalog.table import BUGS
from patchstorm.cli import main
from patchstorm.errors import ClusterLostError, UsageError, WorkerDiedError
from patchstorm.report.progress import Silent

from .machines import Machines

if find_spec("distributed") is None:  # found, and not imported by every process that collects tests
    pytest.skip("dask.distributed is not installed", allow_module_level=True)

LOCAL = "local:2"
WITHOUT_US = """
import importlib.metadata as metadata
asked = metadata.version
def version(name):
    if name == "patchstorm":
        raise metadata.PackageNotFoundError(name)
    return asked(name)
metadata.version = version
"""
ANOTHER = """
import patchstorm
patchstorm.__version__ = "0.0.1"
"""
AS_A_WORKER = "\nfrom distributed.cli.dask_worker import main\nmain()\n"


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.end()


def once(deed: Callable[[], None]) -> Callable[[Progress], None]:
    """A listener that does ``deed`` when the first schedule is told."""
    done: list[Progress] = []

    def told(progress: Progress) -> None:
        if not done:
            done.append(progress)
            deed()

    return told


def test_a_cluster_finds_what_one_process_finds_and_stops_there_too(tmp_path: Path) -> None:
    alone = explore("replaying", "reference:append", schedules=40, jobs=1, minimise=False)
    many = explore(
        "replaying", "reference:append", schedules=40, cluster=LOCAL, out_dir=tmp_path,
        minimise=False,
    )  # fmt: skip

    assert many.report.verdict == "violated"
    assert (many.report.digest, many.report.schedules) == (
        alone.report.digest, alone.report.schedules,
    )  # fmt: skip
    assert read_failure(many.failures[0]).target == "reference:append"


@pytest.mark.slow
@pytest.mark.parametrize("storm", ["replaying", "composed"])
def test_a_worker_that_dies_loses_nothing(storm: str, machines: Machines) -> None:
    doomed, other = machines.worker(), machines.worker()
    wanted = explore(storm, seed=5, schedules=60, storage="tmpfs", jobs=1)

    found = explore(
        storm, seed=5, schedules=60, storage="tmpfs", cluster=str(machines.file),
        progress=once(doomed.kill),
    )  # fmt: skip

    assert doomed.wait() == -signal.SIGKILL and other.poll() is None
    assert found.report.verdict == wanted.report.verdict == "safe"
    assert (found.report.digest, found.report.schedules) == (wanted.report.digest, 60)


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_search_with_what_was_found(
    machines: Machines, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    dasks = logging.getLogger("distributed.client")  # which tells no other logger
    dasks.addHandler(caplog.handler)
    request.addfinalizer(lambda: dasks.removeHandler(caplog.handler))
    machines.worker()

    found = explore(
        "replaying", seed=5, schedules=5_000, storage="tmpfs", cluster=machines.address,
        progress=once(machines.scheduler.kill),
    )  # fmt: skip

    assert found.report.verdict == "unknown"
    assert "is gone" in str(found.report.unknown)
    assert caplog.records == [], "one sentence says it"
    assert 1 <= found.report.schedules < 5_000
    alone = explore("replaying", seed=5, schedules=found.report.schedules, storage="tmpfs", jobs=1)
    assert found.report.digest == alone.report.digest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "told"),
    [
        (WITHOUT_US, r"the worker tcp://\S+ has no patchstorm.*pip install"),
        (ANOTHER, r"the worker tcp://\S+ has patchstorm 0\.0\.1 .* and here is patchstorm"),
    ],
)
def test_a_worker_with_other_code_is_refused_by_name(
    machines: Machines, first: str, told: str
) -> None:
    machines.worker("-c", first + AS_A_WORKER)

    with pytest.raises(UsageError, match=told):
        Cluster(machines.address)


@pytest.mark.slow
def test_a_worker_with_other_code_that_joins_later_is_refused_too(machines: Machines) -> None:
    first = machines.worker()

    def exchanged() -> None:
        machines.worker("-c", ANOTHER + AS_A_WORKER)
        first.kill()

    with pytest.raises(UsageError, match=r"has patchstorm 0\.0\.1"):
        explore(
            "replaying", schedules=5_000, storage="tmpfs", cluster=machines.address,
            progress=once(exchanged),
        )  # fmt: skip


@pytest.mark.slow
def test_what_a_hunt_leaves_comes_home_and_replays(tmp_path: Path) -> None:
    (suspect,) = [one for one in suspects(BUGS) if one.name == "write-before-compare"]
    hunts = [
        (seed, Hunt(suspect=suspect, seed=seed, budget=50, keep=True, out_dir=tmp_path / "home"))
        for seed in (1, 2)
    ]

    found = dict(errands(iter(hunts), 1, LOCAL))

    for seed, _ in hunts:
        path = Path(found[seed].failure)
        assert path.is_relative_to(tmp_path / "home") and path.with_name("history.jsonl").exists()
        assert main(["replay", str(path)]) == 1


@pytest.mark.slow
def test_commands_say_on_a_cluster_what_they_say_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [
        "--only",
        "write-before-compare",
        "--only",
        "reference on tmpfs",
        "--seeds",
        "1",
        "--schedules",
        "6",
        "--json",
    ]
    said = []
    for more in ([], ["--cluster", LOCAL]):
        assert main(["selftest", *asked, "--out", str(tmp_path), *more]) == 0
        said.append(json.loads(capsys.readouterr().out))

    for one in said:
        del one["seconds"]
        for row in (*one["bugs"], *one["innocents"]):
            del row["seconds"]
            for trial in row.get("trials", ()):
                del trial["seconds"]
    assert said[0] == said[1]


@pytest.mark.slow
def test_real_storms_of_a_matrix_run_on_workers_and_their_histories_come_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = [
        "matrix",
        "--targets",
        "reference:append",
        "--storms",
        "replaying",
        "--repeat",
        "6",
        "--json",
    ]

    code = main([*asked, "--out", str(out), "--cluster", LOCAL])

    matrix = json.loads(capsys.readouterr().out)
    (cell,) = matrix["rows"][0]["cells"]
    assert code == 1 and cell["verdict"] == "violated"
    failures = sorted((out / "runs").rglob("failure.json"))
    assert failures and all(one.with_name("history.jsonl").exists() for one in failures)


def simulated_cells(matrix: dict[str, Any]) -> list[Any]:
    """What the row from the simulator says, but for what depends on the clock and on where failures lie."""
    (row,) = (row for row in matrix["rows"] if row["world"] == "sim")
    for cell in row["cells"]:
        del cell["seconds"], cell["failure"]
    return list(row["cells"])


@pytest.mark.long
def test_the_simulated_rows_of_a_matrix_are_the_same_there_whoever_dies(
    tmp_path: Path, machines: Machines, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    doomed, other = machines.worker(), machines.worker()  # which stand in another directory
    monkeypatch.chdir(tmp_path)
    server = Path(__file__).parents[1] / "sim/hosted/servers/race_aiohttp.toml"
    asked = [
        "matrix", "--targets", os.path.relpath(server), "--storms",
        "replaying,sequential,conflicting", "--schedules", "4", "--json",
    ]  # fmt: skip
    main([*asked, "--out", "here"])
    alone = json.loads(capsys.readouterr().out)

    class Killing(Silent):
        def ended(self, name: str, said: str, *, found: str = "") -> None:
            if name.endswith(" in sim"):
                doomed.kill()

    monkeypatch.setattr("patchstorm.report.progress.progress", lambda *_: Killing())
    main([*asked, "--out", "away", "--cluster", str(machines.file)])
    away = json.loads(capsys.readouterr().out)

    assert doomed.wait() == -signal.SIGKILL and other.poll() is None
    replaying = next(row for row in away["rows"] if row["world"] == "sim")["cells"][0]
    failure = Path(replaying["failure"])
    assert failure.is_relative_to("away") and main(["replay", str(failure)]) == 1
    assert simulated_cells(away) == simulated_cells(alone)


@pytest.mark.slow
def test_tasks_go_in_lumps_and_each_comes_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lumps = []
    submit = Cluster._submit

    def counted(hands: Cluster, work: Any, tasks: list[Any]) -> Any:
        lumps.append(len(tasks))
        return submit(hands, work, tasks)

    monkeypatch.setattr(Cluster, "_submit", counted)
    monkeypatch.setattr("patchstorm.campaign.cluster.LOOK_S", 1e9)
    with Cluster(LOCAL) as hands:
        hands.size = 16  # as if there were more of them
        found = list(hands.each(many_bytes, iter(range(100))))
    assert sorted(found) == [(number, many_bytes(number)) for number in range(100)]
    assert sum(lumps) == 100 and lumps[0] == 32
    assert all(count >= 4 for count in lumps[:-1])


def many_bytes(number: int) -> bytes:
    return bytes([number]) * 100_000


def test_the_more_workers_the_longer_a_task_within_bounds() -> None:
    assert [task_seconds(workers) for workers in (1, 125, 1000, 10_000)] == [0.5, 1.0, 8.0, 8.0]


@pytest.mark.slow
def test_an_error_of_a_task_is_raised_here_and_a_task_that_kills_is_named() -> None:
    with Cluster(LOCAL) as hands:
        with pytest.raises(ZeroDivisionError):
            list(hands.each(divmod_by, iter([1, 0])))
        with pytest.raises(WorkerDiedError, match="ended every worker"):
            list(hands.each(die, iter([1])))


def divmod_by(number: int) -> tuple[int, int]:
    return divmod(1, number)


def die(status: int) -> None:
    os._exit(status)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("local:0", "a number from 1 to 256"),
        ("local:many", "a number from 1 to 256"),
        ("somewhere", "give tcp://HOST:PORT, the path of a scheduler file, or local:N"),
        ("tcp://127.0.0.1:1", "no scheduler answers there"),
    ],
)
def test_an_address_that_cannot_be_is_refused(
    address: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patchstorm.campaign.cluster.CONNECT_S", 1)

    assert main(["explore", "replaying", "--schedules", "4", "--cluster", address]) == 2
    assert told in capsys.readouterr().err


SESSION = """
from pathlib import Path
from patchstorm import api

target = api.Target(
    name="mine",
    capabilities=("sequential", "creation"),
    start=api.Start(command=("mine",)),
    wire=api.Wire(path="/files"),
    files=api.Files(internal=(".parts/**",), leftovers=(".parts/**",)),
)

def answered(store, request):  # of this session, as a notebook's cells are: pickle cannot take it
    offset = {"Cache-Control": "no-store"}
    if request.method == "POST":
        name = __import__("base64").b64decode(request.headers["upload-metadata"].split()[1]).decode()
        ident = store.create(name, int(request.headers["upload-length"]))
        return api.Response(status=201, headers=(("Location", f"/files/{ident}"),))
    ident = request.path.rsplit("/", 1)[1]
    if request.method == "PATCH":
        if not store.append(ident, int(request.headers["upload-offset"]), request.body):
            return api.Response(status=409)
        return api.Response(status=204, headers=(("Upload-Offset", str(store.offset(ident))),))
    _, size = store.about(ident)
    at = (("Upload-Offset", str(store.offset(ident))), ("Upload-Length", str(size)))
    return api.Response(status=200, headers=(*at, ("Cache-Control", "no-store")))

def build(port, root):
    module = api.Process(port).load(Path(STORE))
    store = module.Naive(root)
    return api.WholeRequests(lambda request: answered(store, request))

mine = api.subject(target, build)
for jobs in (1, 2):
    found = api.explore("replaying", mine, schedules=80, storage="tmpfs", jobs=jobs, shrinks=False)
    print(found.report.verdict, found.report.digest)
"""
STORE = Path(__file__).parents[1] / "sim" / "naive_store.py"


@pytest.mark.slow
def test_a_store_made_in_a_session_is_taken_to_other_processes(tmp_path: Path) -> None:
    pytest.importorskip("multiprocess", reason="multiprocess is not installed")
    ran = subprocess.run(
        [sys.executable, "-"], input=f"STORE = {str(STORE)!r}\n{SESSION}", cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    lines = ran.stdout.splitlines()
    assert len(lines) == 2, ran.stderr
    assert lines[0] == lines[1] and lines[0].startswith("violated ")


def test_a_lost_scheduler_is_an_error_that_leaves_the_question_open() -> None:
    assert ClusterLostError("gone").exit_code == 2

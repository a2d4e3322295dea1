"""NFS under containers, as far as any machine can tell: what Docker is asked for, what is skipped and why."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from patchstorm.errors import UsageError
from patchstorm.live.docker.labels import FILES, ROLE
from patchstorm.live.docker.reaper import _last
from patchstorm.live.nfs.mounts import parse_mounting
from patchstorm.live.storage import UnavailableStorage
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse
from patchstorm.target.registry import resolve
from patchstorm.worlds.base import World
from patchstorm.worlds.containers import doctor, files
from patchstorm.worlds.containers.fileserver import Serving, _Server
from patchstorm.worlds.containers.machine import kernel_lacks
from patchstorm.worlds.containers.stage import CONTAINERS
from patchstorm.worlds.registry import world_of

REFERENCE = resolve("reference")
RELEASE = "6.1.0-test"


def plan_with(fault: str) -> Plan:
    scenario = parse(
        f"""
        title = "one small upload"
        why = "a test"
        [[upload]]
        size = "64KiB"
        chunk = "16KiB"
        [[client]]
        kind = "sequential"
        [[fault]]
        kind = "{fault}"
        when = {{ after_requests = 1 }}
        """,
        name="small",
        file="small.toml",
    )
    return draw_plan(scenario, seed=1, index=0, capabilities=REFERENCE.capabilities)


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("nfs3", "addr=10.1.2.128,vers=3"),
        ("nfs4.0,noac", "addr=10.1.2.128,vers=4.0,noac"),
        ("nfs4.2,actimeo=1", "addr=10.1.2.128,vers=4.2,actimeo=1"),
        ("nfs4.2,lookupcache=none,size=8MiB", "addr=10.1.2.128,vers=4.2,lookupcache=none"),
    ],
)
def test_a_flavour_is_a_volume_with_its_mount_options(spec: str, options: str) -> None:
    assert files.volume_options(parse_mounting(spec), "10.1.2.128", "/") == {
        "type": "nfs",
        "o": options,
        "device": ":/",
    }


def test_a_client_is_known_by_what_its_version_tells_the_server() -> None:
    """Names that one machine told a real server (7.2), for two replicas of one storm."""
    told = {
        "nfs4.2": 'name: "Linux NFSv4.2 patchstorm-0d54-1/host"',
        "nfs4.0": 'name: "Linux NFSv4.0 host/10.1.2.129"',
    }
    for spec, name in told.items():
        mounting = parse_mounting(spec)
        marks = [
            files.marked("patchstorm-0d54", index, f"10.1.2.{128 + index}", mounting)
            for index in (0, 1, 11)
        ]
        assert [mark in name for mark in marks] == [False, True, False], spec


def kernel(tmp_path: Path, loaded: str = "", modules: str = "", builtin: str = "") -> str | None:
    systems = tmp_path / "filesystems"
    systems.write_text(f"nodev\ttmpfs\n{loaded}", encoding="ascii")
    folder = tmp_path / "modules" / RELEASE
    folder.mkdir(parents=True)
    (folder / "modules.dep").write_text(modules, encoding="ascii")
    (folder / "modules.builtin").write_text(builtin, encoding="ascii")
    return kernel_lacks(systems, tmp_path / "modules", RELEASE)


def test_a_kernel_without_nfs_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    lacks = kernel(
        tmp_path, loaded="nodev\tnfs\nnodev\tnfs4\n", modules="kernel/fs/xfs/xfs.ko: a.ko\n"
    )

    assert lacks is not None and RELEASE in lacks
    assert "no NFS server (nfsd)" in lacks and "no NFS client" not in lacks
    assert "--world nfs" in lacks


@pytest.mark.parametrize(
    ("loaded", "modules", "builtin"),
    [
        ("nodev\tnfs\nnodev\tnfsd\n", "", ""),
        ("", "kernel/fs/nfs/nfs.ko.xz: kernel/x.ko\nkernel/fs/nfsd/nfsd.ko:\n", ""),
        ("nodev\tnfs4\nnodev\tnfs\n", "", "kernel/fs/nfsd/nfsd.ko\n"),
    ],
)
def test_a_kernel_has_nfs_loaded_loadable_or_built_in(
    tmp_path: Path, loaded: str, modules: str, builtin: str
) -> None:
    assert kernel(tmp_path, loaded, modules, builtin) is None


def test_the_world_offers_nfs_and_refuses_what_describes_a_kernel() -> None:
    world: World = world_of("containers")

    assert world.offers("nfs4.2") and world.offers("nfs3,noac") and world.offers("tmpfs")
    assert not world.offers("ext4") and not world.offers("dir:.")
    world.check_storage("nfs4.2,actimeo=1")
    with pytest.raises(UsageError, match="the kernel that is installed"):
        world.check_storage("nfs4.2,kernel=6.12")


@pytest.mark.parametrize(
    "fault", ["partition-storage", "storage-restart", "stale-attributes", "stale-entries"]
)
def test_what_only_mounts_can_meet_is_skipped_on_tmpfs_with_the_reason(fault: str) -> None:
    plan = plan_with(fault)

    assert CONTAINERS.unsuited(plan, REFERENCE, "nfs4.2") is None
    reason = CONTAINERS.unsuited(plan, REFERENCE, "tmpfs")
    assert reason is not None
    assert f"({fault})" in reason and "give a storage of NFS" in reason


def test_a_host_that_loses_power_is_to_be_had_elsewhere_only() -> None:
    reason = CONTAINERS.unsuited(plan_with("power-loss"), REFERENCE, "nfs4.2")

    assert reason is not None and "(power-loss)" in reason


LACKS = "the kernel of this machine has no NFS server (nfsd)"


def test_a_storm_is_skipped_where_the_kernel_has_no_nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "kernel_lacks", lambda: LACKS)

    async def opened() -> None:
        async with CONTAINERS.opened("nfs4.2", plan_with("crash"), REFERENCE):
            raise AssertionError("there is no NFS")

    with pytest.raises(UnavailableStorage, match=r"nfs4\.2: the kernel .* has no NFS server"):
        asyncio.run(opened())


@pytest.mark.parametrize(
    ("lacks", "says"), [(LACKS, "skipped: the kernel"), (None, "storages of NFS")]
)
def test_the_doctor_tells_of_nfs(
    monkeypatch: pytest.MonkeyPatch, lacks: str | None, says: str
) -> None:
    async def tried(_: object) -> None:
        return

    monkeypatch.setattr("patchstorm.worlds.containers.machine.kernel_lacks", lambda: lacks)
    monkeypatch.setattr(files, "try_out", tried)
    said = asyncio.run(doctor._nfs(None))  # type: ignore[arg-type]

    assert says in said
    assert ("skipped" in said) == (lacks is not None)


def test_the_doctor_tells_why_a_mount_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tried(_: object) -> None:
        raise UnavailableStorage("nfs4.2: Docker cannot mount it here: permission denied")

    monkeypatch.setattr("patchstorm.worlds.containers.machine.kernel_lacks", lambda: None)
    monkeypatch.setattr(files, "try_out", tried)

    assert "permission denied" in asyncio.run(doctor._nfs(None))  # type: ignore[arg-type]


def test_who_serves_files_is_removed_after_who_mounts_them_and_before_the_volumes() -> None:
    things: list[tuple[str, str, dict[str, str]]] = [
        ("network", "n", {}),
        ("container", "server", {ROLE: FILES}),
        ("volume", "v", {}),
        ("container", "pod", {ROLE: "pod-0"}),
    ]

    assert [ident for _, ident, _ in sorted(things, key=_last)] == ["pod", "server", "n", "v"]


class Toy(_Server):
    """A file server that does nothing but write down what it would do."""

    def __init__(self) -> None:
        addresses = ("10.1.2.128", "10.1.2.129")
        super().__init__(
            Serving(socket="", lease_s=10, stable=True, addresses=addresses, marks=("a/", "b/"))
        )
        self.did: list[str] = []

    async def cut(self, replica: int) -> None:
        self.did.append(f"cut {replica}")

    async def stop(self) -> None:
        raise OSError("it will not")

    async def heal(self) -> None:
        self.did.append("healed")


async def _asked(path: Path, *orders: dict[str, object]) -> tuple[list[object], list[str]]:
    toy, answers = Toy(), []
    async with await asyncio.start_unix_server(toy.serve, path):
        for order in orders:
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(json.dumps(order).encode() + b"\n")
            if order["do"] == "stay":
                await asyncio.sleep(0)
                assert "healed" not in toy.did
                writer.write_eof()
                assert await reader.read() == b""
            else:
                answers.append(json.loads(await reader.readline()))
            writer.close()
    return answers, toy.did


def test_the_file_server_does_as_it_is_told_and_says_what_failed(tmp_path: Path) -> None:
    orders: list[dict[str, object]] = [{"do": "cut", "replica": 1}, {"do": "stop"}]
    answers, did = asyncio.run(_asked(tmp_path / "door", *orders))

    assert answers == [{"done": None}, {"failed": "it will not"}]
    assert did == ["cut 1"]


def test_the_file_server_is_in_order_again_when_its_harness_is_gone(tmp_path: Path) -> None:
    answers, did = asyncio.run(
        _asked(tmp_path / "door", {"do": "cut", "replica": 0}, {"do": "stay"})
    )

    assert answers == [{"done": None}]
    assert did == ["cut 0", "healed"]

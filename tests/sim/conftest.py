"""What the simulator's tests share: small storms, subjects, and one pool of workers each."""

from __future__ import annotations

from pathlib import Path

import pytest

from patchstorm.dialect.wire import Wire
from patchstorm.scenario.draw import draw_plan
from patchstorm.scenario.plan import Plan
from patchstorm.scenario.schema import parse
from patchstorm.target.model import Files, Start, Target
from patchstorm.target.registry import resolve
from patchstorm.worlds.sim.app import Subject, subject_of
from patchstorm.worlds.sim.port import SimPort
from patchstorm.worlds.sim.scale import scaled
from patchstorm.worlds.sim.shims import Process
from patchstorm.worlds.sim.whole import Request, Response, WholeRequests
from patchstorm.worlds.sim.workers import Workers

HERE = Path(__file__).parent

SMALL = """
title = "Every PATCH twice"
why = "small"
[fleet]
replicas = {replicas}
storage = "{storage}"
[[upload]]
size = {size}
chunk = 256
[[client]]
kind = "{kind}"
"""


def small_plan(
    subject: Subject,
    *,
    storage: str = "tmpfs",
    kind: str = "replaying",
    replicas: int = 2,
    size: int = 768,
    more: str = "",
    index: int = 0,
) -> Plan:
    """A storm of one upload and one client."""
    text = SMALL.format(replicas=replicas, storage=storage, size=size, kind=kind) + more
    scenario = parse(text, name="small", file="test")
    capabilities = subject.target.capabilities
    return scaled(draw_plan(scenario, seed=1, index=index, capabilities=capabilities))


@pytest.fixture
def reference() -> Subject:
    return subject_of(resolve("reference"))


@pytest.fixture
def workers() -> Workers:
    return Workers()


def naive_subject(*, locked: bool) -> Subject:
    """The store of ``naive_store.py``, unmodified, behind a few lines of tus."""
    target = Target(
        name="naive",
        capabilities=("sequential", "creation"),
        start=Start(command=("naive",)),
        wire=Wire(path="/files"),
        files=Files(internal=(".parts/**",), leftovers=(".parts/**",)),
    )

    def build(port: SimPort, root: str) -> WholeRequests:
        module = Process(port).load(HERE / "naive_store.py")
        module.LOCKED = locked
        return WholeRequests(_tus(module.Naive(root)))

    return Subject(target=target, build=build, sweep_ms=0)


_METADATA: dict[str, str] = {}
"""What the few lines of tus remember for all replicas, since the store has no place for it."""


def _tus(store: object):  # type: ignore[no-untyped-def]
    tus = (("Tus-Resumable", "1.0.0"),)

    def handle(request: Request) -> Response:
        if request.method == "POST":
            ident = store.create("u0.bin", int(request.headers["upload-length"]))
            _METADATA[ident] = request.headers.get("upload-metadata", "")
            return Response(status=201, headers=(*tus, ("Location", f"/files/{ident}")))
        ident = request.path.rpartition("/")[2]
        if request.method == "PATCH":
            offset = int(request.headers["upload-offset"])
            if not store.append(ident, offset, request.body):
                return Response(status=409, headers=tus)
            done = offset + len(request.body)
            return Response(status=204, headers=(*tus, ("Upload-Offset", str(done))))
        size = store.about(ident)[1]
        headers = (("Upload-Offset", str(store.offset(ident))), ("Upload-Length", str(size)))
        told = ("Upload-Metadata", _METADATA[ident])
        return Response(status=200, headers=(*tus, *headers, told, ("Cache-Control", "no-store")))

    return handle

"""The storage model, past every cache: what clients have been removing for long is gone."""

from __future__ import annotations

from patchstorm.run.model_view import ModelView
from patchstorm.run.truth import ROOT
from patchstorm.storage import ManualClock, Server
from patchstorm.storage import constants as c
from patchstorm.storage.constants import SECOND_NS

LOCK = f"{ROOT}/x.lock"


def test_a_file_that_was_unlinked_and_then_closed_is_left_to_nobody() -> None:
    """A lock file's holder does so; its client removes the other name a moment later (Linux, sillyrename)."""
    clock = ManualClock(10**12)
    server = Server("nfs4", clock=clock, choose=lambda kind, count: int(kind == "nfs.silly-late"))
    client = server.mount("a")
    client.mkdir(ROOT)
    fd = client.open(LOCK, c.O_RDWR | c.O_CREAT | c.O_EXCL)
    client.unlink(LOCK)
    view = ModelView(server)
    clock.now_ns += 9 * SECOND_NS
    assert [path[:4] for path in view.paths()] == [".nfs"], "it is open"
    client.close(fd)
    assert [path[:4] for path in view.paths()] == [".nfs"], "it is being removed"
    clock.now_ns += 9 * SECOND_NS
    assert view.paths() == ()

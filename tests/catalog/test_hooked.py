"""Others may be told of an upload before anybody could know of which one."""

from __future__ import annotations

import pytest

from patchstorm.campaign.schedules import Search, Session
from patchstorm.history.events import Told
from patchstorm.scenario.library import load


@pytest.mark.parametrize("storm", ["zero-bytes", "edges"])
def test_of_an_empty_upload_others_are_told_before_its_address_is(storm: str) -> None:
    session = Session.of(Search(scenario=load(storm), target="innocent:hooked", seed=1))
    for index in range(6):
        told = session.tell(index)
        assert told.verdict == "safe", told.findings
    history = session.recorded(5).history
    told_of = [event.upload for event in history.events if isinstance(event, Told)]
    assert sorted(told_of) == sorted(upload.id for upload in history.header.uploads)

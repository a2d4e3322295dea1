"""A name that another replica has just made: a host of NFS may believe for a while that it is free (nfs(5),
lookupcache, acdirmin), whatever its server does.
"""

from __future__ import annotations

import pytest

from patchstorm.campaign.schedules import Search, Session
from patchstorm.scenario.library import load

CASE = "name-owned"


def asked(storage: str) -> list[tuple[str, int | None]]:
    """Method and replica of each of the case's requests."""
    storm = load("conformance-across")
    search = Search(scenario=storm, target="reference", seed=1, storage=storage)
    history = Session.of(search).recorded(0).history
    calls = [operation.call for operation in history.operations]
    return [
        (call.probe.method, call.replica)
        for call in calls
        if call.probe and call.probe.case == CASE
    ]


@pytest.mark.parametrize(("storage", "elsewhere"), [("tmpfs", True), ("nfs3", False)])
def test_the_name_of_a_finished_file_is_asked_for_where_it_has_to_be_known(
    storage: str, elsewhere: bool
) -> None:
    requests = asked(storage)
    created, published, again, once_more = requests[:4]
    assert [created[0], published[0], again[0], once_more[0]] == ["POST", "PATCH", "POST", "POST"]
    assert created[1] != published[1]
    others = {again[1], once_more[1]}
    assert others == ({0, 1, 2} - {published[1]} if elsewhere else {published[1]})

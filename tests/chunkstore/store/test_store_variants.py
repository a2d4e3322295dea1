"""The two designs kept for comparison: right where they are said to be, wrong where they are not."""

from __future__ import annotations

import pytest
from faultport import FaultPort, run_at
from storescene import DATA, Client, World, claims_for, port_of

from chunkstore.errors import Conflict, StoreError, UnknownUpload
from chunkstore.variants import VARIANTS, AppendStore, UnrefreshedStore

LIES = bytes(byte ^ 1 for byte in DATA)


def append_replica(world: World) -> AppendStore:
    store = AppendStore(FaultPort(world.clock, name=f"v{len(world.replicas)}n"), str(world.root))
    world.replicas.append(store)
    return store


def test_both_are_on_offer() -> None:
    assert set(VARIANTS) == {"append", "rename-unrefreshed"}


def test_append_is_right_when_requests_come_one_after_another(world: World) -> None:
    claims = claims_for()
    stores = [append_replica(world) for _ in range(3)]
    stores[0].create(claims)
    for at in range(0, len(DATA), 4):
        store = stores[at // 4 % 3]
        assert store.view(claims).offset == at
        view = world.patch(store, claims, at, DATA[at : at + 4])
        assert view.offset == min(at + 4, len(DATA))
    assert world.published(claims) == DATA


def test_append_keeps_what_a_cut_off_body_brought(world: World) -> None:
    claims, store = claims_for(), append_replica(world)
    incoming = store.begin(claims, 0, 10)
    incoming.write(DATA[:6])
    incoming.abort()
    assert store.view(claims).offset == 6
    world.patch(store, claims, 6, DATA[6:])
    assert world.published(claims) == DATA


@pytest.mark.parametrize("offset", [0, 3, 6])
def test_append_refuses_any_offset_but_the_current_one(world: World, offset: int) -> None:
    claims, store = claims_for(), append_replica(world)
    world.patch(store, claims, 0, DATA[:5])
    with pytest.raises(Conflict):
        store.begin(claims, offset, 1)
    with pytest.raises(UnknownUpload):
        store.status(claims)


def test_append_is_convicted_by_two_replicas_at_one_offset(world: World) -> None:
    """Both read the size 0, both append: acknowledged twice, and the file is neither's."""
    claims, first, second = claims_for(), append_replica(world), append_replica(world)
    bodies = [store.begin(claims, 0, 7) for store in (first, second)]
    for body in bodies:
        body.write(DATA[:7])
        assert body.commit().offset >= 7
    assert first.view(claims).offset == 14, "seven bytes were sent, twice"
    world.patch(first, claims, 14, DATA[14:])
    assert world.published(claims) == DATA[:7] * 2 + DATA[14:]
    assert world.published(claims) != DATA


def test_the_reference_is_not_convicted_by_the_same(world: World) -> None:
    claims, first, second = claims_for(), world.replica(), world.replica()
    bodies = [store.begin(claims, 0, 7) for store in (first, second)]
    for body in bodies:
        body.write(DATA[:7])
        assert world.patiently(body.commit).offset == 7
    world.finish(claims, DATA)


def test_unrefreshed_is_right_on_a_local_file_system(world: World) -> None:
    """At every call of one replica another one of its kind does something; all is well here."""
    claims = claims_for()
    number = 0
    while True:
        number += 1
        claims = claims_for(f"s{number}", target=f"t{number}")
        first, second = (
            UnrefreshedStore(FaultPort(world.clock, name=f"{name}{number}n"), str(world.root))
            for name in "ab"
        )

        def act() -> None:
            try:
                world.patch(second, claims, 5, DATA[5:14])  # noqa: B023
            except (StoreError, AssertionError):
                return

        port_of(first).before = run_at(number, act)
        Client(world, claims).run(first)
        assert world.published(claims) == DATA
        if number > len(port_of(first).calls):
            break
    assert number > 100


def test_unrefreshed_never_lists_the_session_before_it_reads_it(world: World) -> None:
    """The one thing undone, and what the reference does instead."""
    claims = claims_for()
    naive = UnrefreshedStore(FaultPort(world.clock, name="n"), str(world.root))
    careful = world.replica()
    for store in (naive, careful):
        store.view(claims)
        port_of(store).calls.clear()
        store.view(claims)
    session = str(world.session(claims))
    listed = [
        any(call.name == "listdir" and call.path == session for call in port_of(store).calls)
        for store in (naive, careful)
    ]
    assert listed == [False, True]
    names = [call.name for call in port_of(careful).calls]
    assert names.index("flock") < names.index("listdir") < names.index("pread")

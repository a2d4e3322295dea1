"""Something else happens on another replica between any two calls of an upload.

The first replica is in effect paused there. What the other finds *busy* it repeats afterwards, as an
adapter would. Every outcome is judged against a plain model: a byte has the value that was first
acknowledged for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from faultport import run_at
from storescene import DATA, PATCHES, TARGET, Client, World, claims_for, port_of, scratch

from chunkstore.errors import Busy, Conflict, Gone, Locked, StoreError, TargetTaken
from chunkstore.model import Claims
from chunkstore.store import Store
from sampled import one_in

LIES = bytes(byte ^ 0x80 for byte in DATA)


@dataclass
class Ledger:
    """What was acknowledged, byte by byte."""

    held: dict[int, int] = field(default_factory=dict)

    def acknowledge(self, offset: int, body: bytes) -> None:
        for at, byte in enumerate(body, offset):
            assert self.held.setdefault(at, byte) == byte, f"two acknowledged values at {at}"

    def contradicts(self, offset: int, body: bytes) -> bool:
        return any(self.held.get(at, byte) != byte for at, byte in enumerate(body, offset))


@dataclass
class Second:
    """The other replica's operation, once at the chosen call and again later if it was busy."""

    act: Callable[[], None]
    done: bool = False

    def __call__(self) -> None:
        if not self.done:
            try:
                self.act()
                self.done = True
            except Busy:
                return


def positions(claims: Claims, request: int, *, sparse: bool = False) -> range:
    """The calls that the given request of the undisturbed upload makes; sparse: every other one."""
    with scratch() as root:
        world = World(root)
        store = world.replica()
        marks = [0]
        for step in Client(world, claims).requests(store):
            step()
            marks.append(len(port_of(store).calls))
    return range(marks[request] + 1, marks[request + 1] + 1, 2 if sparse else 1)


REQUESTS = range(len(PATCHES) + 1)
SPARSE = ("status", "same", "empty")


def send(
    world: World, store: Store, ledger: Ledger, claims: Claims, offset: int, body: bytes
) -> None:
    """One attempt, no patience with the lock: at the chosen moment or not at all."""
    incoming = store.begin(claims, offset, len(body))
    try:
        incoming.write(body)
        for _ in range(30):
            try:
                incoming.commit()
                break
            except Busy:
                world.clock.advance(0.2)
        else:
            raise Busy("for the whole while")
        ledger.acknowledge(offset, body)
    finally:
        incoming.abort()


def run_both(
    world: World, client: Client, ledger: Ledger, second: Second, number: int
) -> list[str]:
    """The upload with the second's operation at call ``number``; what the first was refused."""
    store = world.replica()
    port_of(store).before = run_at(number, second)
    refused: list[str] = []
    create, *_ = client.requests(store)
    try:
        create()
    except StoreError as error:
        refused.append(type(error).__name__)
    for start, end in PATCHES:
        body = DATA[start:end]
        for _ in range(3):
            try:
                world.patch(store, client.claims, start, body)
                ledger.acknowledge(start, body)
                break
            except Locked:
                world.clock.advance(1)
            except StoreError as error:
                refused.append(type(error).__name__)
                break
    world.patiently(second.act) if not second.done else None
    return refused


@pytest.mark.parametrize("request_index", REQUESTS)
@pytest.mark.parametrize(
    "operation", one_in(3, ["sweep", "head", "same", "status", "other", "whole", "empty"])
)
def test_true_company_does_not_disturb(operation: str, request_index: int) -> None:
    claims = claims_for()

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            other = world.replica()
            bodies = {"same": PATCHES[2], "other": (6, 13), "whole": (0, len(DATA))}

            def act() -> None:
                if operation == "head":
                    other.view(claims)
                elif operation == "status":
                    other.status(claims)
                elif operation == "sweep":
                    assert other.sweep() == []
                elif operation == "empty":
                    send(world, other, ledger, claims, 0, b"")
                else:
                    start, end = bodies[operation]
                    send(world, other, ledger, claims, start, DATA[start:end])

            assert run_both(world, client, ledger, Second(act), number) == []
            assert world.published(claims) == DATA
            world.sweep_clean()
            world.require_no_leak()

    for number in positions(claims, request_index, sparse=operation in SPARSE):
        at(number)


@pytest.mark.parametrize("request_index", REQUESTS)
@pytest.mark.parametrize("span", one_in(3, [((0, 19),), ((5, 9),), ((12, 19),)]))
def test_a_liar_and_a_true_client_never_mix(span: tuple[int, int], request_index: int) -> None:
    """Rule 2: for every byte one of them is acknowledged first, and that one stands."""
    claims = claims_for()
    lied: list[bool] = []

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            other = world.replica()
            lie = LIES[slice(*span)]

            def act() -> None:
                with suppress(Conflict):
                    send(world, other, ledger, claims, span[0], lie)

            run_both(world, client, ledger, Second(act), number)
            lied.append(ledger.held.get(span[0]) == lie[0])
            final = dict(enumerate(DATA)) | ledger.held
            missing = world.status(world.replica(), claims).missing_ranges
            assert not {
                at for gap in missing for at in range(gap.offset, gap.offset + gap.length)
            } & set(ledger.held)
            world.finish(claims, bytes(final[at] for at in range(len(DATA))))
            world.sweep_clean()

    for number in positions(claims, request_index):
        at(number)
    assert request_index > 1 or any(lied)


@pytest.mark.parametrize("request_index", REQUESTS)
def test_a_deletion_ends_it_or_comes_after_publication(request_index: int) -> None:
    claims = claims_for()

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            other = world.replica()
            run_both(world, client, ledger, Second(lambda: other.terminate(claims)), number)
            with pytest.raises(Gone):
                world.replica().view(claims)
            published = world.published(claims)
            assert published in (None, DATA)
            if published is None:
                assert set(ledger.held) != set(range(len(DATA))), "the last PATCH had been told 2xx"
            world.sweep_clean()
            assert world.published(claims) == published, "a terminated upload came back"

    for number in positions(claims, request_index):
        at(number)


@pytest.mark.parametrize("request_index", REQUESTS)
@pytest.mark.parametrize("overwrite", one_in(2, [True, False]))
def test_rivals_for_one_name(overwrite: bool, request_index: int) -> None:
    """Rule 13: without overwriting the first to publish owns the name; with it the last one stands."""
    claims, rival = claims_for(overwrite=overwrite), claims_for("rival", overwrite=overwrite)

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            other, theirs = world.replica(), Ledger()
            refused_rival: list[str] = []

            def act() -> None:
                try:
                    send(world, other, theirs, rival, 0, LIES)
                except TargetTaken:
                    refused_rival.append("TargetTaken")

            refused = run_both(world, client, ledger, Second(act), number)
            final = world.published(claims)
            assert final in (DATA, LIES)
            if overwrite:
                assert refused == refused_rival == []
            else:
                assert bool(refused) != bool(refused_rival)
                assert final == (LIES if refused else DATA)
                assert set(refused + refused_rival) == {"TargetTaken"}

    for number in positions(claims, request_index):
        at(number)


@pytest.mark.parametrize("request_index", REQUESTS)
def test_the_tombstones_time_comes_while_a_replica_is_paused(request_index: int) -> None:
    """The session is expired, its tombstone removed; then the paused replica goes on."""
    claims = claims_for()

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            other = world.replica()

            def act() -> None:
                world.clock.advance(100_000)
                other.sweep()
                other.sweep()

            run_both(world, client, ledger, Second(act), number)
            for _ in range(2):
                assert world.replica().sweep() == []
            assert list((root / ".upload").iterdir() if (root / ".upload").exists() else ()) == []
            assert world.published(claims) in (None, DATA)
            if set(ledger.held) == set(range(len(DATA))):
                assert world.published(claims) == DATA

    for number in positions(claims, request_index):
        at(number)


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_name_is_taken_away_and_given_to_others(overwrite: bool) -> None:
    """A user removes or replaces the target between any two calls: published once all the same."""
    claims = claims_for(overwrite=overwrite)

    def at(number: int) -> None:
        with scratch() as root:
            world = World(root)
            client, ledger = Client(world, claims), Ledger()
            target = root / TARGET

            def act() -> None:
                existed = target.exists()
                target.parent.mkdir(parents=True, exist_ok=True)
                if existed:
                    target.unlink()
                target.write_bytes(b"mine")

            second = Second(act)
            store = world.replica()
            refused = run_both(world, client, ledger, second, number)
            state = "?"
            try:
                state = store.view(claims).state
            except (Locked, TargetTaken):
                state = "waits"
            assert target.read_bytes() in ((DATA, b"mine") if overwrite else (b"mine",))
            assert (state == "waits") == bool(refused)
            if state == "waits":
                assert not overwrite
                target.unlink()
                assert world.replica().sweep() == []
                assert target.read_bytes() == DATA, "the name became free"
            world.sweep_clean()

    for number in positions(claims, len(PATCHES)):
        at(number)

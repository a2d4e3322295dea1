"""Rule 11: nothing is ever written outside the root, whatever the target is called."""

from __future__ import annotations

from pathlib import Path

import pytest
from faultport import Call
from storescene import DATA, World, claims_for, port_of

from chunkstore.errors import BadRequest, Conflict, TargetTaken
from chunkstore.layout import check_session

OUTSIDE = [
    "/etc/passwd", "//x", "..", "../x", "a/../../x", "a/..", "./x", "a/./x", "a//x", "a/", "/", "", ".",
    ".upload", ".upload/x", ".upload/s/info.json", "a\0b", "n" * 256, "é" * 128, "d/" * 2000 + "x",
    "half\ud800pair",
]  # fmt: skip


@pytest.mark.parametrize("target", OUTSIDE, ids=lambda target: ascii(target)[:20])
@pytest.mark.parametrize("overwrite", [False, True])
def test_names_that_leave_the_root_are_refused_at_creation(
    world: World, target: str, overwrite: bool
) -> None:
    claims = claims_for(target=target, overwrite=overwrite)
    for ask in (world.replica().create, world.replica().view):
        with pytest.raises(BadRequest):
            ask(claims)
    assert not (world.session(claims) / "info.json").exists()
    assert {path.name for path in world.root.iterdir()} <= {".upload"}
    assert world.replica().sweep() == []
    assert world.left_over() == set()


@pytest.mark.parametrize("target", ["a..b", "..a", "a/.upload", ".hidden", "n" * 255, "é/ü", "a b"])
def test_odd_but_harmless_names_are_served(world: World, target: str) -> None:
    claims = claims_for(target=target)
    world.patch(world.replica(), claims, 0, DATA)
    assert world.published(claims) == DATA


@pytest.mark.parametrize(
    "session", ["", ".", "..", "a/b", "a\0", "-a", ".a", "a" * 129, "é", "a\n"]
)
def test_a_session_is_one_safe_component(session: str) -> None:
    with pytest.raises(BadRequest):
        check_session(session)


@pytest.mark.parametrize("where", ["outside", "inside"])
@pytest.mark.parametrize("at", ["sub", "sub/deep"])
def test_a_link_on_the_way_is_refused_wherever_it_points(world: World, where: str, at: str) -> None:
    aim = world.root / "aim" if where == "inside" else world.root.parent / f"{world.root.name}-out"
    aim.mkdir()
    try:
        (world.root / at).parent.mkdir(exist_ok=True)
        (world.root / at).symlink_to(aim)
        with pytest.raises(BadRequest):
            world.replica().create(claims_for())
        assert list(aim.iterdir()) == []
    finally:
        aim.rmdir()


def test_a_file_where_a_directory_has_to_be(world: World) -> None:
    (world.root / "sub").write_bytes(b"")
    with pytest.raises(BadRequest):
        world.replica().create(claims_for())


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("at", ["sub", "sub/deep"])
def test_a_link_planted_between_creation_and_publication(
    world: World, at: str, overwrite: bool
) -> None:
    claims, aim = claims_for(overwrite=overwrite), world.root / "aim"
    store = world.replica()
    store.create(claims)
    aim.mkdir()
    (world.root / at).parent.mkdir(exist_ok=True)
    (world.root / at).symlink_to(aim)
    with pytest.raises(Conflict):
        world.patch(store, claims, 0, DATA)
    with pytest.raises(Conflict):  # told, instead of being asked to wait for ever
        store.view(claims)
    assert list(aim.iterdir()) == []
    (world.root / at).unlink()
    assert world.replica().sweep() == []
    assert world.published(claims) == DATA


def test_a_link_planted_just_before_the_directory_is_made(world: World) -> None:
    """mkdir then says that it exists; that is looked at, not believed."""
    claims, aim, store = claims_for(), world.root / "aim", world.replica()
    world.patch(store, claims, 0, DATA[:5])
    aim.mkdir()

    def plant(call: Call) -> None:
        if call.name == "mkdir" and call.path.endswith("/sub"):
            Path(call.path).symlink_to(aim)

    port_of(store).before = plant
    with pytest.raises(Conflict):
        world.patch(store, claims, 5, DATA[5:])
    assert list(aim.iterdir()) == []


@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_at_the_target_itself_is_never_followed(world: World, dangling: bool) -> None:
    aim = world.root / "aim"
    if not dangling:
        aim.write_bytes(b"kept")
    (world.root / "t").symlink_to(aim)
    with pytest.raises(TargetTaken):
        world.replica().create(claims_for("first", target="t"))
    claims = claims_for("second", target="t", overwrite=True)
    world.patch(world.replica(), claims, 0, DATA)
    assert not (world.root / "t").is_symlink()
    assert (world.root / "t").read_bytes() == DATA
    assert aim.exists() != dangling
    assert dangling or aim.read_bytes() == b"kept"


def test_a_link_planted_at_the_target_is_a_name_taken(world: World) -> None:
    claims, store = claims_for(target="t"), world.replica()
    store.create(claims)
    (world.root / "t").symlink_to(world.root / "aim")
    with pytest.raises(TargetTaken):
        world.patch(store, claims, 0, DATA)
    assert not (world.root / "aim").exists()

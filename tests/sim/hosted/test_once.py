"""What starts work out once leaves every run as it was."""

from __future__ import annotations

import gc
import inspect
from types import FunctionType, SimpleNamespace
from typing import Any, Optional, Union, cast

import pytest

from patchstorm.worlds.sim.hosted import install as installing
from patchstorm.worlds.sim.hosted.once import key_of

from .running import needs, session


def test_runs_are_the_same_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("tuspyserver", "uvicorn", "fastapi")
    from fastapi._compat import v2

    kept = [session("tuspyserver", "replaying-crash").tell(index).digest for index in range(3)]
    made: list[object] = []
    fields, source = cast(Any, v2.ModelField), cast(Any, inspect)
    plain = fields.__post_init__.__wrapped__

    def anew(self: Any) -> None:
        made.append(self)
        plain(self)

    monkeypatch.setattr(v2.ModelField, "__post_init__", anew)
    monkeypatch.setattr(inspect, "getblock", source.getblock.__wrapped__)
    assert kept == [
        session("tuspyserver", "replaying-crash").tell(index).digest for index in range(3)
    ]
    assert made


def test_of_endpoints_that_died_with_their_process_nothing_is_known() -> None:
    needs("tuspyserver", "uvicorn", "fastapi")
    from fastapi import routing

    session("tuspyserver", "replaying").tell(1)
    assert not routing._endpoint_context_cache


def test_a_block_of_source_is_given_out_as_a_list_of_one_s_own() -> None:
    installing.install()
    lines = ["def one():\n", "    return 1\n", "\n", "two = 2\n"]
    first = inspect.getblock(lines)
    assert first == lines[:2]
    first.clear()
    assert inspect.getblock(lines) == lines[:2]


REPLICAS = 3


class Own:
    """A class of a server's own."""


@pytest.mark.parametrize(
    ("annotation", "default", "kept"),
    [
        (str, None, True),
        (Optional[int], 3, True),  # noqa: UP045 - as servers write it
        (list[str], ..., True),
        (Own, None, False),
        (list[Own], None, False),
        ("str", None, False),
        (str, [], False),
        (str, Own(), False),
    ],
)
def test_a_field_is_kept_only_where_no_part_is_the_server_s_own(
    annotation: Any, default: Any, kept: bool
) -> None:
    described = {"annotation": annotation, "metadata": [], "attributes": {"default": default}}
    assert (key_of(described) is not None) is kept


def test_fields_that_differ_in_any_part_are_kept_apart() -> None:
    def key(annotation: Any, **attributes: Any) -> Any:
        return key_of({"annotation": annotation, "metadata": [], "attributes": attributes})

    keys = [
        key(str, default=None),
        key(str, default=""),
        key(int, default=0),
        key(int, default=False),
        key(int, default=0.0),
        key(int, default=0, alias="0"),
        key(Union[int, str], default=0),  # noqa: UP007
        key(Union[str, int], default=0),  # noqa: UP007
    ]
    assert len(set(keys)) == len(keys)
    limits = SimpleNamespace(ge=0)
    assert key_of({"annotation": int, "metadata": [limits], "attributes": {}}) is None


def test_of_processes_that_are_dead_nothing_is_kept() -> None:
    """FastAPI's caches hold callables, and these their modules."""
    needs("tuspyserver", "uvicorn", "fastapi")

    def processes() -> int:
        gc.collect()
        return sum(
            isinstance(one, FunctionType) and one.__qualname__ == "create_tus_router"
            for one in gc.get_objects()
        )

    one = session("tuspyserver", "lost-replies")
    one.tell(0)
    before = processes()
    for index in range(1, 4):
        one.tell(index)
    assert processes() - before <= REPLICAS  # those of its last schedule are there

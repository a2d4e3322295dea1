"""What is asked of a companion: what changes something is told from what only reads."""

from __future__ import annotations

import pytest

from patchstorm.scenario.faults.changing import READ, Sparing, changes


def resp(*words: str) -> bytes:
    parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()


@pytest.mark.parametrize(
    ("asked", "known_by"),
    [
        (resp("HGET", "up:1", "off"), []),
        (resp("hello", "3") + resp("CLIENT", "SETINFO", "LIB-NAME", "x"), []),
        (resp("HINCRBY", "up:1", "off", "5"), [b"hincrby"]),
        (resp("SET", "lock:1", "GET", "NX"), [b"set"]),
        (resp("GET", "SET"), []),
        (resp("GET", "a") + resp("RPUSH", "a", "1\r\n2") + resp("LLEN", "a"), [b"rpush"]),
        (resp("MULTI") + resp("DEL", "a") + resp("EXEC"), [b"del", b"exec"]),
        (resp("EVAL", "return 1", "0"), [b"eval return 1"]),
        (resp("EVAL_RO", "return 1", "0"), []),
        (resp("SET", "a", "x" * 100)[:40], [b"set"]),
        (b"get a\r\n", []),
        (b"set a 1\r\n", [b"set"]),
        (b"CAS 1 0 5\n", [b"cas"]),
        (b"\x00\x01 some other protocol", [b"\x00\x01"]),
        (b"x" * 50, [b"x" * 50]),
        (b"", []),
    ],
)
def test_a_change_is_told_by_its_command(asked: bytes, known_by: list[bytes]) -> None:
    assert list(changes(asked)) == known_by


def test_no_command_that_only_reads_is_among_those_that_write() -> None:
    commands = pytest.importorskip("fakeredis._commands").SUPPORTED_COMMANDS
    writing = {
        "append",
        "del",
        "expire",
        "hset",
        "hincrby",
        "incr",
        "lpush",
        "rpush",
        "set",
        "zadd",
    }
    assert writing <= set(commands)
    assert not {name.encode() for name in writing} & READ


def test_what_is_asked_again_passes_and_other_changes_get_lost_meanwhile() -> None:
    sparing = Sparing()
    assert [sparing.takes(changes(resp("INCR", "a"))) for _ in range(5)] == [
        True, False, False, False, True,
    ]  # fmt: skip
    assert sparing.takes(changes(resp("RPUSH", "a", "b")))
    assert not sparing.takes(changes(resp("GET", "a")))

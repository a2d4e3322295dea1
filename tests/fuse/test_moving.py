"""Reads and writes have the same names however many pieces they come in."""

from __future__ import annotations

import struct

from patchstorm.worlds.fuse.moving import Moves
from patchstorm.worlds.fuse.protocol import Op, Request


def asked(op: Op, handle: int, offset: int = 0, size: int = 0) -> Request:
    return Request(op, 1, 1, 1, struct.pack("<QQI", handle, offset, size))


def writes(moves: Moves, handle: int, *pieces: tuple[int, int]) -> list[str]:
    found = [moves.called(asked(Op.WRITE, handle, *piece), "<u0>") for piece in pieces]
    moves.closed(asked(Op.RELEASE, handle))
    return found


def test_the_first_piece_and_what_follows_the_last_one_do_not_depend_on_their_number() -> None:
    two, three = Moves(), Moves()
    assert writes(two, 3, (0, 60), (60, 40)) == ["at 0", "on from 0"]
    assert writes(three, 3, (0, 20), (20, 40), (60, 40)) == ["at 0", "on from 0", "on from 0"]
    assert writes(two, 3, (100, 50)) == writes(three, 3, (100, 50)) == ["at 100"]


def test_a_gap_or_another_file_begins_a_run() -> None:
    moves = Moves()
    assert moves.called(asked(Op.WRITE, 1, 0, 10), "a") == "at 0"
    assert moves.called(asked(Op.WRITE, 2, 0, 10), "b") == "at 0"
    assert moves.called(asked(Op.WRITE, 1, 10, 10), "a") == "on from 0"
    assert moves.called(asked(Op.WRITE, 1, 40, 10), "a") == "at 40"
    assert moves.called(asked(Op.WRITE, 1, 40, 10), "a") == "at 40"  # once more is not further on


def test_a_read_that_was_given_less_goes_on_where_it_got_to() -> None:
    moves = Moves()
    assert moves.called(asked(Op.READ, 1, 0, 420), "r") == "at 0"
    assert moves.called(asked(Op.READ, 1, 419, 1), "r") == "on from 0"


def test_pieces_of_one_run_are_not_those_of_another_that_begins_at_the_same_place() -> None:
    moves = Moves()
    assert writes(moves, 7, (0, 10), (10, 10)) == ["at 0", "on from 0"]
    assert writes(moves, 7, (0, 10), (10, 10)) == ["at 0", "on from 0 in run 2"]

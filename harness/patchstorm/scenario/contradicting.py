"""Bodies that contradict what was acknowledged, but for a part: where compares have been seen to end.

Only for a range that was acknowledged to its last byte, since no byte of it is ever to be had otherwise then:
so nobody has to know at which bytes such a body agrees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from patchstorm.dialect.operations import Request

EDGES: Final = (1, 8, 32, 64, 512, 4_096, 65_536)
_WAYS: Final = 5


def contradicting(request: Request, draw: Callable[[str, int], int]) -> Request:
    """Another body for the range of ``request``: false but for a part, or true bytes astray.

    It is false from a point on, up to one, but for its last bytes, or in its middle alone; or its halves are
    exchanged. ``draw`` gives a number below its second argument.
    """
    length = request.length
    edges = [0, *(edge for edge in EDGES if edge < length)]
    edge = edges[draw("edge", len(edges))]
    way = draw("way", _WAYS)
    false = replace(request, content=1 + draw("content", 3), checksum="none")
    if way == 4 and length > 2:
        rim = min(max(1, edge), (length - 1) // 2)
        return replace(false, honest=(rim, length - rim), inverted=True)
    spans = ((0, edge), (edge, length), (0, length - max(1, edge)))
    if way < 3 and spans[way] != (0, length):
        return replace(false, honest=spans[way])
    return replace(false, swapped_at=length // 2) if length > 1 else false

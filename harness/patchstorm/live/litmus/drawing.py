"""Random litmus programs: two clients, two names, up to eight steps, then a look from every side.

A program is drawn by its number from a seed, so it can be named, drawn again elsewhere, and made smaller.
Each write has a letter of its own, so that what is read says who wrote it. Steps mostly use what is open;
what makes no sense all the same, such as a read of a descriptor that could not be had, has its errno and
costs nothing.
"""

from __future__ import annotations

from random import Random
from string import ascii_lowercase
from typing import Final

from patchstorm.storage.litmus.program import ANYTHING, Program, parse_program

HOSTS: Final = ("A", "B")
NAMES: Final = ("f", "g")
HELD: Final = ("p", "q")
STEPS: Final = (3, 8)
MODES: Final = (
    "r", "r", "rw", "rw", "w", "rw,creat", "rw,creat", "w,append", "rw,append", "rw,append,creat",
    "rw,creat,excl", "rw,trunc", "w,creat,trunc",
)  # fmt: skip
OF_FILES: Final = (
    "= rd {name}", "= rd {name}", "= size {name}", "= links {name}", "= exists {name}", "w {name} {data}",
    "durable {name} {data}", "ap {name} {data}", "truncate {name} {length}", "unlink {name}", "unlink {name}",
    "rename {name} {other}", "rename {name} {other}", "link {name} {other}", "= ls .",
)  # fmt: skip
OF_HELD: Final = (
    "= pread {fd} 20000 0", "= pread {fd} 20000 0", "= read {fd} 20000", "= fsize {fd}", "= fsize {fd}",
    "= nlink {fd}", "= nlink {fd}", "= write {fd} {data}", "= write {fd} {data}",
    "= pwrite {fd} {data} {offset}", "= pwrite {fd} {data} {offset}", "fsync {fd}", "fsync {fd}",
    "ftruncate {fd} {length}", "= lock {fd}", "= lock {fd}", "unlock {fd}", "= lock {fd} sh",
    "= seek {fd} 0 end", "= range {fd}", "fallocate {fd} {offset} {length}", "close {fd}", "close {fd}",
)  # fmt: skip
LENGTHS: Final = (0, 1, 2, 6, 4096, 5000)
OFFSETS: Final = (0, 0, 1, 3, 8, 4096, 4099)
COUNTS: Final = (1, 2, 3, 4, 4, 4096, 5000, 9000)


def drawn(seed: int, number: int) -> Program:
    """Program ``number`` of ``seed``: the same in every process."""
    return of_lines(f"random-{seed}-{number}", _lines(Random(f"{seed} {number}")))


def of_lines(name: str, lines: list[str]) -> Program:
    """A program of which nothing is expected but what the model says."""
    text = "\n".join(f"{line} {ANYTHING}" for line in lines)
    return parse_program(name, "drawn at random", text, ())


def lines_of(program: Program) -> list[str]:
    """Steps as :func:`of_lines` takes them."""
    return [f"{step.host} {step.commands}" for step in program.steps]


def _lines(draw: Random) -> list[str]:
    letters = iter(ascii_lowercase)
    held: dict[str, set[str]] = {host: set() for host in HOSTS}
    lines: list[str] = []
    if draw.random() < 0.85:
        lines.append(f"A w f {_data(draw, next(letters))}")
    if draw.random() < 0.4:
        lines.append("B = rd f")
    for _ in range(draw.randint(*STEPS)):
        host = draw.choice(HOSTS)
        mine = held[host]
        if len(mine) < len(HELD) and draw.random() < (0.2 if mine else 0.6):
            fd = next(fd for fd in HELD if fd not in mine)
            mine.add(fd)
            lines.append(f"{host} open {fd} {_name(draw)} {draw.choice(MODES)}")
            continue
        pattern = draw.choice(OF_HELD if mine and draw.random() < 0.7 else OF_FILES)
        name = _name(draw)
        fd = draw.choice(sorted(mine)) if mine else ""
        if pattern.startswith("close"):
            mine.discard(fd)
        filled = pattern.format(
            name=name,
            other=NAMES[1 - NAMES.index(name)],
            fd=fd,
            data=_data(draw, next(letters)),
            offset=draw.choice(OFFSETS),
            length=draw.choice(LENGTHS),
        )
        lines.append(f"{host} {filled}")
    lines += [f"{host} close {fd}" for host in HOSTS for fd in sorted(held[host])]
    return [*lines, *(f"{host} = {look}" for host in "SAB" for look in ("ls .", "rd f", "rd g"))]


def _name(draw: Random) -> str:
    return NAMES[draw.random() < 0.25]


def _data(draw: Random, letter: str) -> str:
    return f"{letter}*{draw.choice(COUNTS)}"

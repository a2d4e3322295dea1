"""The programs of others that a client of the kind ``program`` can be: one row each.

They are real tus clients, installed with the package client of their own language and driven by a short
program beside the harness that does nothing but call them, again and again while they give up. So a storm may
ask of each of them that it ends well: they try far longer than any storm breaks their connections.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Final

PLACEHOLDERS: Final = ("endpoint", "file", "state", "chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One of them. ``command`` may have, besides the placeholders of a storm's own, ``{python}``,
    ``{install}`` (where it was installed) and ``{programs}`` (where the harness keeps what calls it).

    It is installed by ``patchstorm target install NAME`` where it has ``packages`` of a package ``client``;
    otherwise ``module`` is to be importable for the harness's own Python. ``needs`` are programs on the path.
    """

    name: str
    says: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    module: str = ""
    remedy: str = ""
    client: str = ""
    packages: tuple[str, ...] = ()


_ASKED: Final = ("{endpoint}", "{file}", "{state}", "{chunk}")
_ROWS: Final = (
    Program(
        name="tuspy",
        says="tuspy, the tus project's client in Python",
        command=("{python}", "{programs}/with_tuspy.py", *_ASKED),
        module="tusclient",
        remedy="pip install tuspy",
    ),
    Program(
        name="tus-js-client",
        says="tus-js-client, the tus project's client in JavaScript, in Node.js",
        command=("node", "{programs}/with_tus_js.cjs", "{install}/node_modules", *_ASKED),
        needs=("node",),
        client="npm",
        packages=("tus-js-client@4.3.1",),
    ),
    Program(
        name="tus-java-client",
        says="tus-java-client, the tus project's client in Java",
        command=("java", "-cp", "{install}/*", "{programs}/WithTusJava.java", *_ASKED),
        needs=("java",),
        client="maven",
        packages=("io.tus.java.client:tus-java-client:0.5.1",),
    ),
)
REMEDIES: Final = {
    "node": "install Node.js with npm, as by `apt-get install nodejs npm`",
    "java": "install a JDK and Maven, as by `apt-get install default-jdk-headless maven`",
}
"""How what a row ``needs`` is to be had."""
PROGRAMS: Final[dict[str, Program]] = {row.name: row for row in _ROWS}


def words_of(command: str) -> tuple[str, ...]:
    """A user's own command, cut into words as a shell does. Raises ValueError where it is none.

    Of placeholders it has those of :data:`PLACEHOLDERS`, and at least ``{endpoint}`` and ``{file}``.
    """
    words = tuple(shlex.split(command))
    if not words:
        raise ValueError("it names no program")
    for wanted in ("{endpoint}", "{file}"):
        if wanted not in command:
            raise ValueError(f"it does not say where {wanted} goes")
    try:
        command.format(**dict.fromkeys(PLACEHOLDERS, ""))
    except (KeyError, IndexError, ValueError):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise ValueError(f"its placeholders are {known}; write {{{{ and }}}} for braces") from None
    return words

"""Target's files for the small server of these tests."""

from __future__ import annotations

from pathlib import Path

TINY = Path(__file__).with_name("tiny.py")
ODD = Path(__file__).with_name("odd.py")

TEXT = """\
# a server of ours
name = "tiny"
capabilities = [
    "sequential",           # as tus asks
    "creation",
{more}]

[start]
command = ["{{python}}", "-S", "{tiny}", "{{port}}", "{{root}}", "{mood}"]
stop_ms = 500

[ready]
by = "tcp"  # quick
within_ms = {within_ms}

[wire]
path = "/files"
{wire}
[files]
published = "{published}"
{files}"""


def tiny(
    folder: Path,
    mood: str = "honest",
    *,
    more: tuple[str, ...] = (),
    published: str = "{id}",
    files: str = 'leftovers = ["*.len"]',
    wire: str = "",
    within_ms: int = 15_000,
    server: Path = TINY,
) -> Path:
    """The path of a target's file for the small server in that mood."""
    path = folder / "tiny.toml"
    path.write_text(
        TEXT.format(
            tiny=server,
            mood=mood,
            more="".join(f'    "{word}",\n' for word in more),
            published=published,
            files=files,
            wire=wire,
            within_ms=within_ms,
        )
    )
    return path


SOON = """
[settle]
convergence_ms = 1000
sweep_ms = 300
"""


def odd(
    folder: Path,
    mood: str,
    *,
    published: str = "{id}",
    files: str = 'internal = ["state/**"]\nleftovers = ["state/*"]',
    more: tuple[str, ...] = (),
    wire: str = "",
    top: str = "",
) -> Path:
    """As :func:`tiny`, for a server that is odd in one way."""
    path = tiny(folder, mood, published=published, files=files, more=more, wire=wire, server=ODD)
    path.write_text(f"{top}\n{path.read_text()}{SOON}")
    return path

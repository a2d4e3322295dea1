"""What a replica finds in its container, whichever world put it there: the same places, the same port."""

from __future__ import annotations

from typing import Final

from patchstorm.target.model import Target

SHARED: Final = "/shared"  # what replicas share, in every container
OWN: Final = "/own"  # the secret, and what they do not share
HERE: Final = "/here"  # the directory of the target's file, read-only
PORT: Final = 8080  # every container has a network of its own


def command_of(target: Target) -> tuple[str, ...]:
    """What runs in a container of ``target``, with placeholders."""
    assert target.container is not None
    return target.container.command or target.start.command


def values(target: Target) -> dict[str, str]:
    """The placeholders that mean the same in every container of a fleet."""
    assert target.container is not None
    return {
        "python": target.container.python,
        "root": f"{SHARED}/root",
        "shared": f"{OWN}/shared",
        "host": "0.0.0.0",
        "secret_file": f"{OWN}/secret",
        "here": HERE,
    }

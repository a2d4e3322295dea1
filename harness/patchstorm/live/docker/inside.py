"""What a replica finds in its container, whichever world put it there: the same places, the same port."""

from __future__ import annotations

from typing import Final

from patchstorm.live.fleet import lifetime_arguments, lifetime_values
from patchstorm.target.model import Target

SHARED: Final = "/shared"  # what replicas share, in every container
OWN: Final = "/own"  # the secret, and what they do not share
HERE: Final = "/here"  # the directory of the target's file, read-only
PORT: Final = 8080  # every container has a network of its own


def command_of(target: Target, lifetime_ms: int | None) -> tuple[str, ...]:
    """What runs in a container of ``target``, with placeholders."""
    assert target.container is not None
    command = target.container.command or target.start.command
    return command + lifetime_arguments(target, lifetime_ms)


def values(target: Target, index: int, lifetime_ms: int | None) -> dict[str, str]:
    """The placeholders of replica ``index``, as its container has them."""
    assert target.container is not None
    return {
        "python": target.container.python,
        "root": f"{SHARED}/root",
        "shared": f"{OWN}/shared",
        "host": "0.0.0.0",
        "secret_file": f"{OWN}/secret",
        "here": HERE,
        **lifetime_values(lifetime_ms),
        "replica": str(index),
        "scratch": f"{OWN}/replica-{index}",
    }

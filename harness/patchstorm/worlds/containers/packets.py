"""The commands that delay and lose a pod's packets, and those that take it back.

Delays are netem's (tc-netem(8)), on the way out of the replica; a kernel without it cannot have them.
Losses are nftables' (nft(8)), by chance, in both directions, and of TCP alone.
"""

from __future__ import annotations

from typing import Final

INTERFACE: Final = "eth0"
TABLE: Final = "patchstorm"
DELAY_NOTHING: Final = ("tc", "qdisc", "del", "dev", INTERFACE, "root")
LOSE_NOTHING: Final = ("nft", "delete", "table", "inet", TABLE)


def delaying(delay_ms: int, jitter_ms: int) -> tuple[str, ...]:
    """Every packet waits so long, give or take the jitter."""
    on = ("tc", "qdisc", "replace", "dev", INTERFACE, "root", "netem")
    return (*on, "delay", f"{delay_ms}ms", f"{jitter_ms}ms")


def losing(permille: int) -> tuple[str, ...]:
    """So many packets of a thousand are dropped; nftables takes neither none nor all for a chance."""
    lines = [f"add table inet {TABLE}"]
    for hook in ("input", "output"):
        chain = f"inet {TABLE} {hook}"
        lines.append(f"add chain {chain} {{ type filter hook {hook} priority 0; }}")
        if permille >= 1000:
            lines.append(f"add rule {chain} meta l4proto tcp drop")
        elif permille > 0:
            lines.append(
                f"add rule {chain} meta l4proto tcp numgen random mod 1000 < {permille} drop"
            )
    return ("nft", "; ".join(lines))

"""From one storm to many: running, judging, keeping what failed.

May import every world, and all below; who asks for a campaign lies above.
Internal: may change at any release.
"""

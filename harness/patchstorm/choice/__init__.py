"""Who goes next, and what else is left to chance: named choices, strategies, coverage, shrinking.

Knows no world, storm or storage. May import ``errors`` only.
Internal: may change at any release.
"""

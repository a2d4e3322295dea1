"""Planted bugs: the reference with one thing wrong, what it stands for, and who must notice.

May import ``scenario``, ``errors`` and the reference; it never meets the machinery that hunts.
Internal: may change at any release.
"""

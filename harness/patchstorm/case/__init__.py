"""A history laid out for judging: tables that checkers and a dialect's rules read, filled once.

May import ``history`` and nothing else of this project: what an answer means for the stored bytes is
decided here, and nobody here can tell which world or which server made the history.
Internal: may change at any release.
"""

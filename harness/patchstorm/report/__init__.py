"""Results in words: for terminals, as JSON, JUnit XML and pages.

Made of what ``check`` found; may import ``check`` and ``errors``, and none of the machinery that got it.
Internal: may change at any release.
"""

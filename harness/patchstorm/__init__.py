"""Patchstorm: storms for resumable-upload servers, and proof of what was kept.

Promised to users: the command line with its exit codes, what ``--json`` prints, the formats of histories,
failures, storm files and targets' files, and :mod:`patchstorm.api`. Everything else is internal, and may
change at any release.
"""

__version__ = "0.1.0"

"""Patchstorm: storms for resumable-upload servers, and proof of what was kept."""

__version__ = "0.1.0"

"""What each command does, one module each; ``patchstorm.cli`` declares their options.

The top floor but the command line itself: may import everything below.
Internal: may change at any release.
"""

"""Docker, as far as any world needs it: the daemon, images, and how whatever is made is found and removed.

Internal: may change at any release.
"""

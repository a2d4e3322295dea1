"""Linux NFS, for every world that mounts some: mount options, the kernel's server, links that can be cut.

Internal: may change at any release.
"""

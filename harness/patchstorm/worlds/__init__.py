"""Where storms are run: one package for each world, in a table of :mod:`patchstorm.worlds.registry`.

``base`` says what a world brings. No world knows another; what real replicas of several worlds share lies in
``live``, and what all share in ``run``. May import everything below them.
Internal: may change at any release.
"""

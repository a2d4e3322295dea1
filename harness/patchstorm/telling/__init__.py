"""How a failure of a world that knows its steps is told: the steps that mattered, and why.

A world gives an account of its run (:mod:`.record`), whatever its steps are; what is told of it is decided
here, so stories of all worlds read alike. May import ``check``, ``choice``, ``dialect``, ``history``.
Internal: may change at any release.
"""

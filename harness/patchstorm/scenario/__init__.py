"""Storms: their files, the plans drawn from them, the workloads, and the table of faults.

Pure: a plan is a function of its storm and seed. May import ``choice``, ``dialect``, ``history``.
Internal: may change at any release.
"""

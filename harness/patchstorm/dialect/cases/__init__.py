"""Conformance cases of any dialect: what a case is, words for its claims, and a whole suite of them.

The workload ``conformance`` asks by it, and the checker ``conformance`` judges by it.
"""

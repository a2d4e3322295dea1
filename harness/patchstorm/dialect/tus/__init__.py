"""tus 1.0.0 (https://tus.io/protocols/resumable-upload).

The only place that knows its header names: codec, rules, refusals, conformance, probing.
Internal: may change at any release.
"""

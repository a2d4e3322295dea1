"""One failure as a page: requests as spans, steps as dots, faults as bars, causes as arrows, bytes as maps.

``timeline`` lays a history out in rows and lanes, ``bytemap`` says who wrote what, ``drawing`` draws both for
readers without scripts, ``page`` puts it all into one file. Knows histories and findings and no world.
Internal: may change at any release.
"""

"""Tools that try to get out, to take more than their share, or to lie: what each tries, and what stops it.

The tables (`files`, `processes`, …) hold the tools; `arena` runs all of them behind one kind of walls, beside honest
tools, and looks from the host's side at what they left; `test_hostile` says what must come of it.
"""

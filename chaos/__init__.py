"""Chaos: the bridge under faults of every kind, and a ledger that knows what must come out.

`python -m chaos` runs the scenarios and leaves their results in `build/chaos`; `report` makes
docs/reliability.md of the last results. Decisions come from a seed: what is sent, which faults, in which order
and after how much progress.
"""

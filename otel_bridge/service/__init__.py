"""The running bridge: the only place that wires the parts together.

`serve` runs three processes (docs/adr/0001): its own receives and acknowledges, `converting` turns what was
acknowledged into events, `delivering` sends events and answers the API. They share nothing but the journal.
`conversion` is the pipeline of `converting`, `offline` the same one over files. Nothing is imported here, so that
each process loads only what it needs.
"""

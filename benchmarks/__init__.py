"""What the bridge costs, measured from outside against two peers: `python -m benchmarks`.

Real processes, real sockets, pre-encoded requests bounded in count. CPU is what the kernel charged to the
process under test and its children. Rounds of the peers are interleaved, ratios are taken within a round.
"""

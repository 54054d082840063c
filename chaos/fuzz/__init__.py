"""Hostile input against a real bridge, and against its pure layers.

    seeds ──► protobuf | documents | lineage     mutators: bytes in, bytes and the name of the mutation out
                       │
                    bodies                       a random request body of any of these kinds
                       │
        http_traffic | grpc_traffic | pure       through a door, or in process
                       │
                   campaign ──► findings, figures (with neighbours: valid requests in between; watch: processes)

`python -m chaos.fuzz --requests 1000000 --seed 1` runs a campaign. Everything random comes from the seed and the
number of the batch, so that a batch can be repeated alone.
"""

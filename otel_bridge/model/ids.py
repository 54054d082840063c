"""Derivation of run ids (design invariant 2): the same span gives the same run on every replica."""

import uuid

RUN_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:otel-bridge:run:v1")
"""NS of `uuid5(NS, "<trace_id>:<span_id>")`. Changing it changes every derived run id: never."""


def run_id_of(trace_id: str, span_id: str) -> str:
    """The run id of a span that carries none of its own.

    Args:
        trace_id: 32 lower-case hex digits.
        span_id: 16 lower-case hex digits.

    >>> run_id_of("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    '08fdccf0-76de-5964-9a30-e617f99be514'
    """
    return str(uuid.uuid5(RUN_NAMESPACE, f"{trace_id}:{span_id}"))

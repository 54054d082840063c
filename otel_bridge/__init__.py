"""otel-bridge: traces in, lineage out.

Receives OTLP, turns finished spans into OpenLineage events, delivers them. The packages are the
stages of the flow, in order: receive, extract, assemble, openlineage, journal, deliver; `service`
wires them, `cli` starts them.
"""

__version__ = "0.1.0"

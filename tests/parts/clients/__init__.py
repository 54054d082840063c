"""Clients of databases, brokers and object stores with OpenTelemetry's instrumentations of them, in an environment of
their own: the instrumentations want one version of the core exactly. `PYTHONPATH` brings otel-lineage from the checkout.
"""

from pathlib import Path

from tests.parts._environment import environment, on_path

CLIENTS = environment("clients", Path(__file__).parent / "clients.txt", "opentelemetry-sdk")
WITH_LINEAGE = on_path("otel-lineage")

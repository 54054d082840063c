"""Dagster runs, steps and assets as OpenTelemetry spans with lineage. README.md has the rest."""

__version__ = "0.1.0"

__all__ = ["instrument"]


def instrument() -> None:
    """Listen to Dagster in this process and in those that it starts; `opentelemetry-instrument` does it by itself.

    May be called before or after Dagster is imported, and again.
    """
    from otel_bridge_dagster.instrumentor import instrument as begin

    begin()

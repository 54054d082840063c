"""Dagster runs, steps and assets as OpenTelemetry spans with lineage. README.md has the rest."""

__version__ = "0.1.0"

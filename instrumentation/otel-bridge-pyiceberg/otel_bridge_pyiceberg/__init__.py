"""Lineage of pyiceberg as OpenTelemetry spans: every commit and every scan, without a change of the program."""

__version__ = "0.1.0"

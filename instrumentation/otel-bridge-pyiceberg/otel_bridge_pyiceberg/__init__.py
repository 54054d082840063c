"""Lineage of pyiceberg as OpenTelemetry spans: every commit and every scan, without a change of the program.

`opentelemetry-instrument` finds it by itself; a program without it calls `instrument()`.
"""

__version__ = "0.1.0"

__all__ = ["instrument", "uninstrument"]


def instrument() -> None:
    """Tell what pyiceberg reads and writes from now on, in this process. Calling it again changes nothing."""
    from otel_bridge_pyiceberg.instrumentor import PyIcebergInstrumentor

    instrumentor = PyIcebergInstrumentor()
    if not instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.instrument()


def uninstrument() -> None:
    """Tell nothing more."""
    from otel_bridge_pyiceberg.instrumentor import PyIcebergInstrumentor

    instrumentor = PyIcebergInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()

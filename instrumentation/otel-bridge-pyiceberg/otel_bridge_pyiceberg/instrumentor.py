"""What `opentelemetry-instrument` loads. pyiceberg is not imported: the hooks wait until the program does."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from otel_bridge_pyiceberg import hooks


class PyIcebergInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # its module has no types
    """Hooks on pyiceberg's commits, scans and catalogs."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """None: where pyiceberg is missing, nothing happens."""
        return ()

    def _instrument(self, **_: Any) -> None:
        hooks.install()

    def _uninstrument(self, **_: Any) -> None:
        hooks.pause()

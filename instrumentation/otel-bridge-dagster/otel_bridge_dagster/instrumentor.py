"""The instrumentor that OpenTelemetry's launcher finds by its entry point, and the call for everybody else."""

from collections.abc import Collection
from typing import Any

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor  # type: ignore[attr-defined]
from otel_lineage.trouble import guarded

from otel_bridge_dagster import hooks, quiet, settings

DEPENDENCIES = ("dagster >= 1.6",)


class DagsterInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # has no types
    """Registers hooks for the import of Dagster's modules; nothing else happens before Dagster is imported."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """What is instrumented, as the launcher asks."""
        return DEPENDENCIES

    @guarded("instrumenting Dagster", fallback=None)
    def _instrument(self, **kwargs: Any) -> None:
        if settings.switched_on():
            quiet.keep_out_of_output()
            hooks.install()

    @guarded("leaving Dagster alone", fallback=None)
    def _uninstrument(self, **kwargs: Any) -> None:
        hooks.remove()


@guarded("instrumenting Dagster", fallback=None)
def instrument() -> None:
    """Once or more a process: the later calls change nothing."""
    made = DagsterInstrumentor()
    if not made.is_instrumented_by_opentelemetry:
        made.instrument(skip_dep_check=True)

"""What `opentelemetry-instrument` calls when the SDK is set up."""

import os

from opentelemetry import context as otel_context

from otel_lineage.trouble import guarded


@guarded("auto-instrumentation", fallback=None)
def post_instrument() -> None:
    """Put lineage on the global tracer provider, and make the process that started this one the parent."""
    from otel_lineage.runtime import runtime
    from otel_lineage.settings import Settings

    if Settings.read(os.environ).disabled:
        return
    made = runtime()
    made.provider()
    context = made.incoming.context(otel_context.get_current())
    if context is not otel_context.get_current():
        otel_context.attach(context)

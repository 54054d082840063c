"""A program with the real SDK and nothing of ours: three nested runs, the innermost of which fails."""

import sys

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

PG = "postgres://db.example:5432"


def exporter(protocol: str):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(insecure=True)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http()


def main(protocol: str) -> None:
    provider = TracerProvider(
        resource=Resource.create({"service.name": "plain", "deployment.environment.name": "test"})
    )
    provider.add_span_processor(BatchSpanProcessor(exporter(protocol)))
    trace.set_tracer_provider(provider)
    tracer = trace.get_tracer("plain")
    with tracer.start_as_current_span("dag", attributes={"openlineage.job.name": "dag"}):
        with tracer.start_as_current_span("http call"):
            with tracer.start_as_current_span(
                "task",
                attributes={
                    "openlineage.job.name": "task",
                    "openlineage.inputs": [f"{PG}|shop.public.orders"],
                },
            ):
                try:
                    with tracer.start_as_current_span(
                        "step",
                        attributes={
                            "openlineage.job.name": "step",
                            "openlineage.outputs": [f"{PG}|shop.public.daily"],
                        },
                    ):
                        raise ValueError("no such column: country")
                except ValueError:
                    pass
    provider.shutdown()


main(sys.argv[1])

"""Hooks for instrumentations of others that say less than lineage needs.

`BotocoreInstrumentor().instrument(request_hook=s3_objects)`
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.trace import Span

_S3: Final = {"Bucket": "aws.s3.bucket", "Key": "aws.s3.key"}
_COPIED: Final = "aws.s3.copy_source"


def s3_objects(span: Span, service: str, operation: str, parameters: Mapping[str, Any]) -> None:
    """Bucket and key of a call of S3, and what it copies, as OpenTelemetry's conventions name them."""
    if service != "s3" or not isinstance(parameters, Mapping):
        return
    for name, attribute in _S3.items():
        if isinstance(value := parameters.get(name), str):
            span.set_attribute(attribute, value)
    source = parameters.get("CopySource")
    if isinstance(source, Mapping):
        source = f"{source.get('Bucket')}/{source.get('Key')}"
    if isinstance(source, str):
        span.set_attribute(_COPIED, source)

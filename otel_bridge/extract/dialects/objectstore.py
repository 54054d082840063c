"""To come."""

from collections.abc import Iterator

from otel_bridge.extract.dialect import Io, connecting
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Observation, Span
from otel_bridge.namespaces import Namespaces


class ObjectStore(Io):
    """To come."""

    name = "objectstore"
    markers = (b"aws.s3.",)

    def claims(self, span: Span) -> bool:
        """None yet."""
        return False

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """Nothing yet."""
        yield connecting(span)

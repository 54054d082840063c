"""To come."""

from collections.abc import Iterator

from otel_bridge.extract.dialect import Io, connecting
from otel_bridge.extract.wanted import Wanted
from otel_bridge.model import Observation, Span
from otel_bridge.namespaces import Namespaces


class Messaging(Io):
    """To come."""

    name = "messaging"
    markers = (b"messaging.system",)

    def claims(self, span: Span) -> bool:
        """None yet."""
        return False

    def extract(self, span: Span, names: Namespaces, wanted: Wanted) -> Iterator[Observation]:
        """Nothing yet."""
        yield connecting(span)

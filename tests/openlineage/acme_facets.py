"""Facet classes as a user would write them."""

import attr
from openlineage.client.generated.base import InputDatasetFacet, RunFacet


@attr.define
class AcmeCostRunFacet(RunFacet):
    """Has a schema of its own."""

    usd: float = attr.field(default=0.0)
    center: str | None = attr.field(default=None)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.usd < 0:
            raise ValueError("costs can't be negative")

    @staticmethod
    def _get_schema() -> str:
        return "https://acme.example/schemas/1-0-0/AcmeCostRunFacet.json"


@attr.define
class PlainInputFacet(InputDatasetFacet):
    """Has none."""

    level: str = attr.field(default="")


NOT_A_FACET = 7

"""`GET /api/v1/aliases`: names of datasets, which of them are one, and what contradicts itself."""

import asyncio
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from otel_bridge.identity import Name
from otel_bridge.identity.telling import of_conflict, of_dataset, of_explanation, of_refused
from otel_bridge.journal import KnownNames

PATH = "/api/v1/aliases"
SHOWN = 100
MOST = 1000


class Aliases:
    """Answers from what the journal and the configuration say at the moment."""

    def __init__(self, known: KnownNames) -> None:
        self._known = known

    async def take(self, request: Request) -> Response:
        """All datasets with several names, by pages; with `namespace` and `name`, that name alone."""
        query = request.query_params
        wanted = (query.get("namespace"), query.get("name"))
        if any(wanted):
            if not all(wanted):
                raise HTTPException(400, "give both namespace and name, or neither")
            found = await asyncio.to_thread(self._explained, Name(*map(str, wanted)))
        else:
            limit, offset = _number(request, "limit", SHOWN), _number(request, "offset", 0)
            found = await asyncio.to_thread(self._listed, min(limit, MOST), offset)
        return Response(msgspec.json.encode(found), media_type="application/json")

    def _explained(self, name: Name) -> dict[str, Any]:
        return of_explanation(self._known.current().explain(name))

    def _listed(self, limit: int, offset: int) -> dict[str, Any]:
        known = self._known.current()
        blocks, conflicts = known.datasets(), known.conflicts()
        page = slice(offset, offset + limit)
        return {
            "total": len(blocks),
            "datasets": [of_dataset(block) for block in blocks[page]],
            "conflicts_total": len(conflicts),
            "conflicts": [of_conflict(conflict) for conflict in conflicts[page]],
            "refused": of_refused(self._known.refused(limit)) if not offset else [],
        }


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HTTPException(400, f"{name} must be a whole number, such as {default}")
    return int(text)

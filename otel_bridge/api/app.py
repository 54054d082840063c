"""The routes. Every answer is JSON, errors too, except the metrics."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from otel_bridge import __version__
from otel_bridge.api import aliases
from otel_bridge.api.access import Access, caller
from otel_bridge.api.exposition import Exposition
from otel_bridge.api.figures import Figures, Status
from otel_bridge.api.intake import PATHS, Intake
from otel_bridge.journal import KnownNames
from otel_bridge.model import BridgeError
from otel_bridge.settings import ApiKey, Receive

Schemas = Mapping[str, Mapping[str, Any]]
"""`<version>/<name>` of a facet -> its JSON Schema."""


def make_app(
    figures: Callable[[], Awaitable[Figures]],
    schemas: Schemas,
    status: Status,
    keys: Sequence[ApiKey] = (),
    receive: Receive | None = None,
    known: KnownNames | None = None,
) -> Starlette:
    """The API as an ASGI application. With `keys`, whatever `access.needed` does not leave open needs one.

    `receive` has the limits of events of other producers. `known` are the names of datasets.
    """
    routes = Routes(figures, schemas, status)
    intake = Intake(status, receive or Receive())
    app = Starlette(
        routes=[
            Route("/", routes.index),
            Route("/health", routes.health),
            Route("/metrics", routes.metrics),
            Route("/facets/{version}/{name}.json", routes.facet),
            *(Route(path, intake.take, methods=["POST"]) for path in PATHS),
            *([Route(aliases.PATH, aliases.Aliases(known).take)] if known else []),
        ],
        middleware=[Middleware(Access, keys=keys)],
        exception_handlers={HTTPException: _refused, BridgeError: _trouble, Exception: _defect},
    )
    app.router.redirect_slashes = False
    app.state.intake = intake
    return app


class Routes:
    """One method for each path."""

    def __init__(self, figures: Callable[[], Awaitable[Figures]], schemas: Schemas, status: Status) -> None:
        self._figures = figures
        self._schemas = schemas
        self._status = status
        self._exposition = Exposition()

    async def index(self, request: Request) -> Response:
        """What there is."""
        base = str(request.base_url).rstrip("/")
        facets = [f"{base}/facets/{key}.json" for key in sorted(self._schemas)]
        paths = {
            "health": f"{base}/health",
            "metrics": f"{base}/metrics",
            "lineage": f"{base}{PATHS[0]}",
            "dbt_artifacts": f"{base}{PATHS[-1]}",
            "aliases": f"{base}{aliases.PATH}",
            "facets": facets,
        }
        return _json({"name": "otel-bridge", "version": __version__, **paths})

    async def health(self, request: Request) -> Response:
        """The sums, and whether requests are accepted: 200, else 503. Without the role read only the latter."""
        accepting = self._status.accepting
        brief = {"status": "ok" if accepting else "refusing", "accepting": accepting}
        if "read" not in caller(request.scope).roles:
            return _json(brief, 200 if accepting else 503)
        figures = await self._figures()
        head = {
            **brief,
            "reason": "; ".join(filter(None, (self._status.reason, figures.trouble))),
            "version": __version__,
        }
        sources = msgspec.to_builtins(self._status.sources)
        return _json(head | figures.body() | {"sources": sources}, 200 if accepting else 503)

    async def metrics(self, _: Request) -> Response:
        """Prometheus text."""
        figures = await self._figures()
        body, media_type = self._exposition.render(
            figures.points(self._status.accepting, self._status.sources)
        )
        return Response(body, media_type=media_type)

    async def facet(self, request: Request) -> Response:
        """The JSON Schema of one of our facets, under the URL that its `_schemaURL` names."""
        schema = self._schemas.get(f"{request.path_params['version']}/{request.path_params['name']}")
        if schema is None:
            raise HTTPException(404, "there is no such facet; GET / lists them")
        return _json(schema)


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = {
        "Not Found": "there is nothing here; GET / lists what there is",
        "Method Not Allowed": f"this path only takes {(error.headers or {}).get('Allow', 'other methods')}; use that",
    }.get(error.detail, error.detail)
    response = _json({"error": detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _trouble(_: Request, error: Exception) -> Response:
    return _json({"error": str(error), "status": "unknown", "accepting": False}, 503)


async def _defect(_: Request, error: Exception) -> Response:
    return _json({"error": f"{type(error).__name__}; the log has the details"}, 500)

"""Between the bridge and openlineage-python's transports: configuration, event objects, errors.

openlineage-python is imported in the functions, and so only where one of its transports is used.
"""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urljoin

import msgspec

from otel_bridge.deliver.http1 import Answer
from otel_bridge.deliver.kinds.http import Options, Tls, outcome
from otel_bridge.deliver.outcome import DELIVERED, Outcome, Retry
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.settings import Duration, Secret

Authorize = Callable[[], Awaitable[str | None]]

HTTP = frozenset({"http", "async_http", "datadog"})


def http_options(
    transport: Mapping[str, Any], concurrency: int, retry: RetryOptions
) -> tuple[Options, Authorize | None]:
    """A transport section of one of the `HTTP` types as options of `type: http`.

    Tokens that have to be fetched come from the second value, anew for each request.

    Raises:
        Exception: whatever openlineage-python or we find wrong with it.
    """
    config = _http_config(transport)
    token, authorize = _authorization(config.auth)
    context = config.ssl_context
    cert = context.as_requests_cert() if context else None
    cert, key = cert if isinstance(cert, tuple) else (cert, None)
    options = Options(
        url=urljoin(config.url.strip(), config.endpoint),
        endpoint="",
        headers={name: Secret(value) for name, value in (token | config.custom_headers).items()},
        compression="gzip" if config.compression else "none",
        timeout=Duration(config.timeout),
        tls=Tls(ca=context.ca_cert_path if context else None, cert=cert, key=key, verify=bool(config.verify)),
        concurrency=concurrency,
        retry=retry,
    )
    return options, None if "authorization" in map(str.lower, config.custom_headers) else authorize


def _http_config(transport: Mapping[str, Any]) -> Any:
    from openlineage.client.transport import HttpConfig

    section = copy.deepcopy(dict(transport))
    if section.pop("type") == "datadog":
        from openlineage.client.transport.datadog import DatadogConfig, DatadogTransport

        return DatadogTransport(DatadogConfig.from_dict(section)).http.config
    return HttpConfig.from_dict(section)


def _authorization(provider: Any) -> tuple[dict[str, str], Authorize | None]:
    """A header that never changes, or how to get it."""
    from openlineage.client.transport.http import ApiKeyTokenProvider, TokenProvider

    if type(provider) is TokenProvider:
        return {}, None
    if type(provider) is ApiKeyTokenProvider:
        bearer = provider.get_bearer()
        return ({"Authorization": bearer} if bearer else {}), None

    async def authorize() -> str | None:
        bearer: str | None = await asyncio.to_thread(provider.get_bearer)
        return bearer

    return {}, authorize


def honest(transport: Mapping[str, Any]) -> dict[str, Any]:
    """The section without what makes openlineage-python report success for an event that it lost.

    - `async_http` becomes `http`, since its `emit` returns before anything is sent.
    - A `composite` that sends to all of its transports fails if one of them fails.

    >>> honest({"type": "composite", "transports": [{"type": "async_http"}]})
    {'type': 'composite', 'transports': [{'type': 'http'}], 'continue_on_failure': False}
    """
    section = copy.deepcopy(dict(transport))
    if section.get("type") == "async_http":
        return {
            k: v for k, v in section.items() if k not in {"max_queue_size", "max_concurrent_requests"}
        } | {"type": "http"}
    if section.get("type") == "composite":
        inner = section.get("transports") or {}
        section["transports"] = (
            {name: honest(child) for name, child in inner.items() if child}
            if isinstance(inner, dict)
            else [honest(child) for child in inner if child]
        )
        if section.get("continue_on_success", True):
            section["continue_on_failure"] = False
    if section.get("type") == "transform" and isinstance(section.get("transport"), dict):
        section["transport"] = honest(section["transport"])
    return section


class Client:
    """One of openlineage-python's transports; used in one thread."""

    def __init__(self, transport: Mapping[str, Any]) -> None:
        from openlineage.client.transport import get_default_factory

        self._transport = get_default_factory().create(honest(transport))
        self._reports = Reports.watching(self._transport)

    def emit(self, body: bytes) -> Outcome:
        """Emit, and say what became of it."""
        try:
            self._transport.emit(event_object(body))
            return self._reports.outcome() if self._reports else DELIVERED
        except Exception as error:  # noqa: BLE001 - transports raise whatever their libraries do
            return failure(error)

    def close(self) -> None:
        """Flush and close."""
        self._transport.close(5.0)


class Reports:
    """Stands before a Kafka producer and keeps its delivery report, which the transport only logs."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._failure = "no report of the delivery"

    @classmethod
    def watching(cls, transport: Any) -> "Reports | None":
        """Put one into a Kafka transport; None for others."""
        if getattr(transport, "producer", None) is None:
            return None
        transport.producer = cls(transport.producer)
        found: Reports = transport.producer
        return found

    def produce(self, **arguments: Any) -> None:
        """As the producer's, with our callback."""
        self._failure = "no report of the delivery"
        self._producer.produce(**arguments | {"on_delivery": self._reported})

    def flush(self, timeout: float = -1) -> int:
        """As the producer's."""
        left: int = self._producer.flush(timeout)
        return left

    def outcome(self) -> Outcome:
        """What became of the last message."""
        self._producer.flush()
        return Retry(self._failure) if self._failure else DELIVERED

    def _reported(self, error: Any, message: Any) -> None:
        self._failure = str(error) if error is not None else ""


def failure(error: BaseException) -> Outcome:
    """An exception of a transport: an HTTP answer in it decides, anything else passes."""
    cause: BaseException | None = error
    while cause is not None:
        response: Any = getattr(cause, "response", None)
        if isinstance(getattr(response, "status_code", None), int):
            headers = {name.lower(): value for name, value in response.headers.items()}
            return outcome(Answer(response.status_code, headers, response.content[:4096]), 0.0)
        cause = cause.__cause__ or cause.__context__
    return Retry(f"{type(error).__name__}: {error}")


def event_object(body: bytes) -> Any:
    """An event as the object that every transport accepts, from which they make the same JSON again."""
    from openlineage.client import event_v2 as ol

    found = msgspec.json.decode(body)
    common = {"eventTime": found["eventTime"], "producer": found["producer"]}
    sets = {"inputs": found.get("inputs", []), "outputs": found.get("outputs", [])}
    if "run" in found:
        state = ol.RunState(found["eventType"])
        made: Any = ol.RunEvent(
            run=_run(found["run"]), job=_job(found["job"]), eventType=state, **sets, **common
        )
    elif "job" in found:
        made = ol.JobEvent(job=_job(found["job"]), **sets, **common)
    else:
        dataset = found["dataset"]
        static = ol.StaticDataset(dataset["namespace"], dataset["name"], facets=dataset.get("facets", {}))
        made = ol.DatasetEvent(dataset=static, **common)
    made.schemaURL = found["schemaURL"]
    return made


def _job(found: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as ol

    return ol.Job(found["namespace"], found["name"], found.get("facets", {}))


def _run(found: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as ol

    facets = dict(found.get("facets", {}))
    if "parent" in facets:
        facets["parent"] = _parent(facets["parent"])
    return ol.Run(found["runId"], facets)


def _parent(found: dict[str, Any]) -> Any:
    """The one facet that transports read by attribute, for message keys and namespaces."""
    from openlineage.client.facet_v2 import parent_run as pr

    def part(of: Any, values: dict[str, Any]) -> Any:
        return of(**{"facets": None, **values})

    root = found.get("root")
    facet = pr.ParentRunFacet(
        run=part(pr.Run, found["run"]),
        job=part(pr.Job, found["job"]),
        root=root and pr.Root(part(pr.RootRun, root["run"]), part(pr.RootJob, root["job"])),
        producer=found["_producer"],
    )
    facet._schemaURL = found["_schemaURL"]
    return facet

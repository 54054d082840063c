"""Between the bridge and openlineage-python's transports: configuration, event objects, errors.

openlineage-python is imported in the functions, and so only where one of its transports is used.
"""

import contextlib
import copy
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin

import msgspec

from otel_bridge.deliver import lone_thread
from otel_bridge.deliver.http1 import Answer
from otel_bridge.deliver.kinds.http import Options, Tls, outcome
from otel_bridge.deliver.outcome import DELIVERED, Outcome, Rejected, Retry
from otel_bridge.deliver.retry import RetryOptions
from otel_bridge.model import BridgeError
from otel_bridge.settings import Duration, Secret

Authorize = Callable[[], Awaitable[str | None]]

DEFECTS = (AttributeError, KeyError, TypeError)
REASON = 500
CRITICAL = 2
CLOSE_S = 1.0


class TransportTrouble(BridgeError):
    """A transport can't be built, or did not deliver; later it may."""


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
        bearer: str | None = await lone_thread.call(provider.get_bearer)
        return bearer

    return {}, authorize


def honest(transport: Mapping[str, Any]) -> dict[str, Any]:
    """The section without what makes openlineage-python report success for an event that it lost.

    - `async_http` becomes `http`, and `datadog` never uses it, since its `emit` returns before anything is sent.
    - A `composite` that sends to all of its transports fails if one of them fails.

    Kafka's library, too, is kept from writing each failed connection to stderr; reports say what failed.

    >>> honest({"type": "composite", "transports": [{"type": "async_http"}]})
    {'type': 'composite', 'transports': [{'type': 'http'}], 'continue_on_failure': False}
    """
    section = copy.deepcopy(dict(transport))
    match section.get("type"):
        case "async_http":
            queue = {"max_queue_size", "max_concurrent_requests"}
            section = {k: v for k, v in section.items() if k not in queue} | {"type": "http"}
        case "datadog":
            section["async_transport_rules"] = {}
        case "kafka" | "msk-iam" if isinstance(section.get("config"), dict):
            section["config"] = {"log_level": CRITICAL} | section["config"]
        case "transform" if isinstance(section.get("transport"), dict):
            section["transport"] = honest(section["transport"])
        case "composite":
            section |= _honest_composite(section)
    return section


def _honest_composite(section: Mapping[str, Any]) -> dict[str, Any]:
    inner = section.get("transports") or {}
    found: Any = (
        {name: honest(child) for name, child in inner.items() if child}
        if isinstance(inner, dict)
        else [honest(child) for child in inner if child]
    )
    every = section.get("continue_on_success", True)
    return {"transports": found} | ({"continue_on_failure": False} if every else {})


class Client:
    """One of openlineage-python's transports; used in one thread, except for `abandon`.

    Raises:
        TransportTrouble: it can't be built.
    """

    def __init__(self, transport: Mapping[str, Any], timeout_s: float) -> None:
        from openlineage.client.transport import get_default_factory

        if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
            raise TransportTrouble("OPENLINEAGE_DISABLED would drop every event; unset it for the bridge")
        try:
            self._transport: Any = get_default_factory().create(honest(transport))
        except Exception as error:
            raise TransportTrouble(f"{error}: {said(error)}" if error.__cause__ else said(error)) from error
        self._producers = [Reports.watching(found, timeout_s) for found in _with_producers(self._transport)]

    def emit(self, body: bytes) -> Outcome:
        """Emit, and say what became of it."""
        try:
            self._transport.emit(event_object(body))
        except Exception as error:  # noqa: BLE001 - transports raise whatever their libraries do
            return failure(error)
        return DELIVERED

    def abandon(self) -> None:
        """End waiting for brokers; from any thread."""
        for producer in self._producers:
            producer.abandon()

    def close(self) -> None:
        """Flush and close."""
        self._transport.close(CLOSE_S)


def _with_producers(transport: Any) -> Iterator[Any]:
    """Kafka transports, at any depth."""
    if getattr(transport, "producer", None) is not None:
        yield transport
    inner = getattr(transport, "transports", None)
    for child in [*(inner if isinstance(inner, list) else []), getattr(transport, "transport", None)]:
        if child is not None:
            yield from _with_producers(child)


class Reports:
    """Stands before a Kafka producer: `produce` returns when the message is delivered, and raises if it was not.
    The transport alone only logs that.
    """

    def __init__(self, producer: Any, timeout_s: float) -> None:
        self._producer = producer
        self._timeout_s = timeout_s
        self._failure = ""

    @classmethod
    def watching(cls, transport: Any, timeout_s: float) -> "Reports":
        """Put one into a Kafka transport."""
        found = cls(transport.producer, timeout_s)
        transport.producer = found
        return found

    def produce(self, **arguments: Any) -> None:
        """As the producer's, with our callback, and waiting for it.

        Raises:
            TransportTrouble: the brokers did not report the delivery.
        """
        self._failure = f"no report of the delivery within {self._timeout_s:g} s"
        self._producer.produce(**arguments | {"on_delivery": self._reported})
        if self._producer.flush(self._timeout_s):
            failure = self._failure
            self._producer.purge()
            self._producer.flush(CLOSE_S)
            raise TransportTrouble(failure)
        if self._failure:
            raise TransportTrouble(self._failure)

    def flush(self, timeout: float = -1) -> int:
        """As the producer's."""
        left: int = self._producer.flush(timeout)
        return left

    def abandon(self) -> None:
        """Give up what is under way."""
        self._producer.purge(blocking=False)

    def _reported(self, error: Any, message: Any) -> None:
        self._failure = str(error) if error is not None else ""


def failure(error: BaseException) -> Outcome:
    """An exception of a transport: an HTTP status in it decides; one that shows a defect would come again."""
    for cause in _causes(error):
        if (answer := _answer(cause)) is not None:
            return outcome(answer, 0.0)
    if isinstance(error, DEFECTS):
        return Rejected(f"the transport can't take this event: {said(error)}")
    return Retry(said(error))


def said(error: BaseException) -> str:
    """The first cause in one line; what libraries wrap around it may hold the whole event."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return (text if isinstance(error, BridgeError) else f"{type(error).__name__}: {text}")[:REASON]


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _answer(error: BaseException) -> Answer | None:
    """The HTTP answer that an exception of requests, botocore or google.api_core carries."""
    response: Any = getattr(error, "response", None)
    text = " ".join(str(error).split()).encode()
    if isinstance(response, dict):
        response = response.get("ResponseMetadata", {})
        status = response.get("HTTPStatusCode")
        return Answer(status, response.get("HTTPHeaders", {}), text) if isinstance(status, int) else None
    if isinstance(getattr(response, "status_code", None), int):
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, response.content)
    code = getattr(error, "code", None)
    if type(error).__module__ == "google.api_core.exceptions" and isinstance(code, int):
        return Answer(int(code), {}, text)
    return None


def event_object(body: bytes) -> Any:
    """An event as the object that every transport accepts, from which they make the same JSON again."""
    from openlineage.client import event_v2 as ol

    found = msgspec.json.decode(body)
    common: dict[str, Any] = {"eventTime": found["eventTime"], "producer": found["producer"]}
    sets: dict[str, Any] = {"inputs": found.get("inputs") or [], "outputs": found.get("outputs") or []}
    if found.get("run") is not None:
        state = ol.RunState(found["eventType"]) if found.get("eventType") else None
        made: Any = ol.RunEvent(
            run=_run(found["run"]), job=_job(found["job"]), eventType=state, **sets, **common
        )
    elif found.get("job") is not None:
        made = ol.JobEvent(job=_job(found["job"]), **sets, **common)
    else:
        dataset = found["dataset"]
        static = ol.StaticDataset(dataset["namespace"], dataset["name"], facets=dataset.get("facets") or {})
        made = ol.DatasetEvent(dataset=static, **common)
    made.schemaURL = found["schemaURL"]
    return made


def _job(found: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as ol

    return ol.Job(found["namespace"], found["name"], found.get("facets") or {})


def _run(found: dict[str, Any]) -> Any:
    from openlineage.client import event_v2 as ol

    facets = dict(found.get("facets") or {})
    with contextlib.suppress(*DEFECTS, ValueError):  # another producer's facet may look like anything
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

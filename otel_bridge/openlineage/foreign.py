"""Events of other producers: read, checked against the core of the specification, and told apart.

The core is checked strictly (who, what, when, which datasets), because order, deduplication and consumers depend
on it. Facets only have to be objects: they are their producer's. Older versions of the specification pass, and so
does `null` for what is optional. Nothing is added or rewritten: what is delivered are the bytes that came, except
that `retyped` may change the type.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

import msgspec

from otel_bridge.model import Event, Invalid

RUN_TYPES: Final = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
TERMINAL: Final = frozenset({"COMPLETE", "FAIL", "ABORT"})
INVALID_EVENT: Final = "invalid_event"
"""What events that are refused are counted under, among what was rejected."""
MAX_REASONS: Final = 10
MAX_DEPTH: Final = 256
"""Deepest nesting that is taken: what any JSON parser on the way still reads."""
MAX_VALUES: Final = 2_000_000
"""Values in one request: they bound the memory that reading it takes."""
TOO_DEEP: Final = f"it is nested deeper than {MAX_DEPTH} levels"

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+", re.IGNORECASE | re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_STRINGS = re.compile(_STRING, re.DOTALL)
_TOKENS = re.compile(_STRING + rb"|[{}\[\],:]", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = (b",", b"[", b"{")
_AT_ONCE = 1024**2
"""Bytes that are looked at in one step: a thread holds the interpreter for that long."""
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_TRACE_ID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE | re.ASCII)
_SPAN_ID = re.compile(r"[0-9a-f]{16}", re.IGNORECASE | re.ASCII)
_CORRELATIONS: Final = (("otel_trace", "traceId", "spanId"), ("traceCorrelation", "trace_id", "span_id"))
_PARENTS: Final = ("parent", "parentRun")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Json = Mapping[str, Any]


class Foreign(msgspec.Struct, frozen=True):
    """An event of another producer. `digest` is equal for events that differ in spelling only: in white space and
    in the order of names.
    """

    event: Event
    digest: bytes


def read(body: bytes) -> Foreign:
    """Read and check one event.

    Raises:
        Invalid: it is not an OpenLineage event; with every reason, up to ten.
    """
    found = _decoded(body)
    if not isinstance(found, dict):
        raise Invalid(["an event is a JSON object"])
    if reasons := list(islice(_problems(found), MAX_REASONS)):
        raise Invalid(reasons)
    canonical = msgspec.json.encode(found, order="sorted")
    return Foreign(event(found, body), blake2b(canonical, digest_size=24).digest())


def too_many_values(body: bytes) -> str:
    """Why a request is not taken apart, "" if it is; bounds the memory of all that comes after.

    >>> too_many_values(b"[1, 2]"), too_many_values(b"[" + b"1," * 2_000_000 + b"1]")
    ('', 'it has more than 2000000 values; send smaller batches')
    """
    count = sum(
        body.count(mark, at, at + _AT_ONCE) for at in range(0, len(body), _AT_ONCE) for mark in _OPENING
    )
    return f"it has more than {MAX_VALUES} values; send smaller batches" if count > MAX_VALUES else ""


def too_deep(body: bytes) -> str:
    """Why an event is not read, "" if it is.

    >>> too_deep(b'[[1, 2], [3]]'), too_deep(b"[" * 1000 + b"]" * 1000)
    ('', 'it is nested deeper than 256 levels')
    """
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return ""
    left = b"".join(_brackets(body))
    for _ in range(MAX_DEPTH):
        before, left = len(left), left.replace(b"[]", b"")
        if len(left) == before:
            break
    return TOO_DEEP if b"[]" in left else ""


def _brackets(body: bytes) -> Iterator[bytes]:
    """The brackets outside of strings, as if all were of one kind; in pieces, so that other threads get their turn."""
    at, size = 0, _AT_ONCE
    while at < len(body):
        piece = body[at : at + size]
        left = _STRINGS.sub(b"", piece)
        cut = left.find(b'"')  # a string begins here that ends in the next piece
        if cut >= 0 and at + len(piece) < len(body):
            left, rest = left[:cut], len(left) - cut
            if rest == len(piece):
                size *= 2
                continue
            at -= rest
        at, size = at + len(piece), _AT_ONCE
        yield left.translate(_ONE_KIND, _NOT_BRACKETS)


def retyped(body: bytes, event_type: str) -> bytes:
    """The event with another `eventType`, every other byte as it was. The body is one that `read` accepted."""
    pieces, done, depth, name, wanted = [], 0, 0, b"", False
    for token in _TOKENS.finditer(body):
        first = body[token.start() : token.start() + 1]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif depth == 1 and first == b":":
            wanted = msgspec.json.decode(name) == "eventType"
        elif depth == 1 and first == b'"':
            if wanted:
                pieces += [body[done : token.start()], b'"', event_type.encode(), b'"']
                done = token.end()
            name, wanted = token[0], False
    return b"".join([*pieces, body[done:]])


def _decoded(body: bytes) -> Any:
    if problem := too_deep(body):
        raise Invalid([problem])
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid([f"it is no JSON that every consumer can read: {error}"]) from None


def _problems(event: _Json) -> Iterator[str]:
    yield from _of_time(event.get("eventTime"))
    for name in ("producer", "schemaURL"):
        yield from _of_uri(event, name)
    if event.get("run") is not None:
        yield from _of_run(event)
    elif event.get("job") is not None:
        yield from _of_job(event["job"])
        yield from _of_datasets(event)
    elif event.get("dataset") is not None:
        yield from _of_dataset(event["dataset"], "dataset")
    else:
        yield "it has no run, no job and no dataset"


def _of_run(event: _Json) -> Iterator[str]:
    run = event["run"]
    if event.get("eventType") is not None and event["eventType"] not in RUN_TYPES:
        yield f"eventType: {_wrong(event, 'eventType')}, must be one of {', '.join(RUN_TYPES)}"
    if not isinstance(run, dict):
        yield "run: must be an object"
    else:
        run_id = run.get("runId")
        if not _is(_UUID, run_id):
            yield f"run.runId: {_wrong(run, 'runId')}, must be a UUID"
        yield from _of_facets(run, "run", "facets")
    yield from _of_job(event.get("job"))
    yield from _of_datasets(event)


def _of_job(job: Any) -> Iterator[str]:
    yield from _of_named(job, "job")
    if isinstance(job, dict):
        yield from _of_facets(job, "job", "facets")


def _of_datasets(event: _Json) -> Iterator[str]:
    for role in ("inputs", "outputs"):
        datasets = event.get(role)
        if datasets is not None and not isinstance(datasets, list):
            yield f"{role}: must be an array"
            continue
        for index, dataset in enumerate(datasets or ()):
            yield from _of_dataset(dataset, f"{role}[{index}]")


def _of_dataset(dataset: Any, path: str) -> Iterator[str]:
    yield from _of_named(dataset, path)
    if isinstance(dataset, dict):
        for slot in ("facets", "inputFacets", "outputFacets"):
            yield from _of_facets(dataset, path, slot)


def _of_named(holder: Any, path: str) -> Iterator[str]:
    if not isinstance(holder, dict):
        yield f"{path}: {'is missing' if holder is None else 'must be an object'}"
        return
    for name in ("namespace", "name"):
        found = holder.get(name)
        if not (isinstance(found, str) and found):
            yield f"{path}.{name}: {_wrong(holder, name)}, must be a text that is not empty"


def _of_facets(holder: _Json, path: str, slot: str) -> Iterator[str]:
    facets = holder.get(slot)
    if facets is None:
        return
    if not isinstance(facets, dict):
        yield f"{path}.{slot}: must be an object"
        return
    for key, facet in facets.items():
        if not (facet is None or isinstance(facet, dict)):
            yield f"{path}.{slot}.{_cut(key)}: must be an object"


def _of_time(value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield "eventTime: is missing or no text, must be a time such as 2026-11-24T08:00:00Z"
    elif _nanoseconds(value) is None:
        yield (
            f"eventTime: is `{_cut(value)}`, must be a time with its offset from UTC, such as "
            "2026-11-24T08:00:00Z or 2026-11-24T09:00:00.123+01:00"
        )


def _of_uri(event: _Json, name: str) -> Iterator[str]:
    value = event.get(name)
    if not _is(_URI, value):
        yield f"{name}: {_wrong(event, name)}, must be a URI"


def _wrong(holder: _Json, name: str) -> str:
    value = holder.get(name)
    if value is None:
        return "is missing"
    return f"is `{_cut(value)}`" if isinstance(value, str) else "is no text"


def _is(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _cut(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."


def _nanoseconds(text: str) -> int | None:
    """Unix time of an RFC 3339 time, within 63 bits; None if it is none. A leap second counts as the next one."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    try:
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        zone = timezone(-shift if sign == "-" else shift)
        moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
    except ValueError:
        return None
    if second > 60 or int(minutes or 0) > 59:
        return None
    since = moment - _EPOCH
    seconds = since.days * 86400 + since.seconds + (second == 60)
    return max(0, seconds * 10**9 + int((fraction or "")[:9].ljust(9, "0")))


def event(found: Mapping[str, Any], body: bytes) -> Event:
    """The event of a body that was read without problems, `found` being what it says."""
    time_ns = _nanoseconds(found["eventTime"]) or 0
    if found.get("run") is not None:
        job, run = found["job"], found["run"]
        facets = run.get("facets") or {}
        trace_id, span_id = _span_of(facets)
        return Event(
            type=found.get("eventType") or "OTHER",
            key=run["runId"].lower(),
            parent_key=_parent_of(facets),
            event_time_ns=time_ns,
            job_namespace=job["namespace"],
            job_name=job["name"],
            trace_id=trace_id,
            span_id=span_id,
            body=body,
        )
    kind = "job" if found.get("job") is not None else "dataset"
    namespace, name = found[kind]["namespace"], found[kind]["name"]
    return Event(
        type=kind.upper(),
        key=f"{kind}:{namespace}/{name}",
        parent_key="",
        event_time_ns=time_ns,
        job_namespace=namespace if kind == "job" else "",
        job_name=name if kind == "job" else "",
        trace_id="",
        span_id="",
        body=body,
    )


def _parent_of(facets: _Json) -> str:
    """The parent's run id; the facet was called `parentRun` in the past."""
    for key in _PARENTS:
        run_id = _at(facets, key, "run", "runId")
        if _is(_UUID, run_id):
            return str(run_id).lower()
    return ""


def _span_of(facets: _Json) -> tuple[str, str]:
    """Trace and span id out of a facet that carries them, else two empty texts."""
    for key, trace_name, span_name in _CORRELATIONS:
        trace_id, span_id = _at(facets, key, trace_name), _at(facets, key, span_name)
        if _is(_TRACE_ID, trace_id) and _is(_SPAN_ID, span_id):
            return trace_id.lower(), span_id.lower()
    return "", ""


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value

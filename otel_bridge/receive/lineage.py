"""OpenLineage events of other producers: JSON in, rows to keep and what is wrong with the rest out.

A request is one event, an array of them, or `{"events": [...]}`. Every event is kept with its own bytes. Its key is
a hash of its content, so that a copy is recognised however it comes and however its JSON is written.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType

from otel_bridge.model import Accepted, Invalid, Kind, Malformed, Tally, TooLarge
from otel_bridge.openlineage import foreign
from otel_bridge.receive.selection import Selected

KEY_PREFIX = b"O"
MAX_EVENTS = 10_000
"""Events in one request, so that its answer can name each that failed."""


class Failed(msgspec.Struct, frozen=True):
    """An event of a request that was rejected; `index` is its place, from 0."""

    index: int
    reason: str


class Events(msgspec.Struct, frozen=True):
    """What to keep of a request. `array` tells whether it may hold several events."""

    selected: Selected
    failures: tuple[Failed, ...]
    array: bool


class _Wrapped(msgspec.Struct):
    """Tells `{"events": [...]}` from an event."""

    events: list[Raw] | UnsetType = UNSET
    producer: Raw | UnsetType = UNSET


def select(body: bytes) -> Events:
    """Select from a request.

    Raises:
        Malformed: it is no JSON.
        TooLarge: it holds more than can be looked at.
    """
    if problem := foreign.too_many_values(body):
        raise TooLarge(f"the request can't be read: {problem}")
    elements = _elements(body)
    bodies = [body] if elements is None else [bytes(element) for element in elements]
    if len(bodies) > MAX_EVENTS:
        raise TooLarge(f"the request has more than {MAX_EVENTS} events; send smaller batches")
    rows: list[Accepted] = []
    failures: list[Failed] = []
    for index, each in enumerate(bodies):
        try:
            event = foreign.read(each)
        except Invalid as error:
            failures.append(Failed(index, "; ".join(error.reasons)))
        else:
            rows.append(Accepted(Kind.EVENT, KEY_PREFIX + event.digest, each))
    rejected = {foreign.INVALID_EVENT: len(failures)} if failures else {}
    message = str(Invalid([failures[0].reason])) if failures else ""
    selected = Selected(tuple(rows), Tally(len(bodies), 0, rejected), message)
    return Events(selected, tuple(failures), elements is not None)


def _elements(body: bytes) -> list[Raw] | None:
    """The events of an array or of an object around one; None for a single event."""
    try:
        if body.lstrip()[:1] == b"[":
            return msgspec.json.decode(body, type=list[Raw])
        wrapped = msgspec.json.decode(body, type=_Wrapped)
    except msgspec.ValidationError:
        return None
    except RecursionError:
        raise TooLarge(f"the request can't be read: {foreign.TOO_DEEP}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is no JSON: {error}; send OpenLineage events as UTF-8 JSON") from None
    return wrapped.events if wrapped.events is not UNSET and wrapped.producer is UNSET else None

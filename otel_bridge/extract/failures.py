"""How a run ended and why: span status, state attribute, recorded exceptions."""

from collections.abc import Mapping

from otel_bridge.extract.values import kind_of
from otel_bridge.model import ErrorDetail, LeftOut, Resource, Span, State, Status, Value

UNEXPLAINED = "The run failed; its span carries neither an exception nor a status message."
"""Message of a failure without one: an exception that was logged inside the span is the better one."""

UNKNOWN_LANGUAGE = "unknown"
LANGUAGES = {"nodejs": "javascript", "webjs": "javascript", "dotnet": "c#", "cpp": "c++"}
"""`telemetry.sdk.language` where it is not the name of a programming language."""


def state(value: Value) -> State:
    """A state by its name.

    >>> state("fail")
    <State.FAIL: 'FAIL'>
    """
    word = value.strip().upper() if isinstance(value, str) else value
    try:
        return State(word)
    except ValueError:
        known = ", ".join(State)
        raise LeftOut(f"expected one of {known}, got {kind_of(value)}; the span's status is used") from None


def ended(span: Span, stated: State | None) -> tuple[State, ErrorDetail | None]:
    """State and error of a finished span, where `stated` overrides its status."""
    result = stated or (State.FAIL if span.status == Status.ERROR else State.COMPLETE)
    failed = result is State.FAIL or (result is not State.COMPLETE and span.status == Status.ERROR)
    return result, _error(span, result) if failed else None


def exception(attributes: Mapping[str, Value], resource: Resource) -> ErrorDetail | None:
    """The error that `exception.*` attributes describe; None if they describe nothing."""
    kind, message = (str(attributes.get(f"exception.{key}") or "") for key in ("type", "message"))
    stack = str(attributes.get("exception.stacktrace") or "")
    if not kind and not message and not stack.strip():
        return None
    summary = f"{kind}: {message}" if kind and message else kind or message or stack.strip().splitlines()[-1]
    return ErrorDetail(summary, language(resource), stack or None)


def language(resource: Resource) -> str:
    """The programming language of what emitted, as its SDK says."""
    found = resource.attributes.get("telemetry.sdk.language")
    return LANGUAGES.get(found, found) if isinstance(found, str) and found else UNKNOWN_LANGUAGE


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _error(span: Span, result: State) -> ErrorDetail | None:
    for event in reversed(span.events):
        found = exception(event.attributes, span.resource) if event.name == "exception" else None
        if found:
            return found
    message = span.status_message.strip() or (UNEXPLAINED if result is State.FAIL else "")
    return ErrorDetail(message, language(span.resource)) if message else None

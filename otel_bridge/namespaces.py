"""Job namespaces: the configured template over resource attributes. Dataset namespaces are never touched."""

from string import Formatter
from typing import NamedTuple

from otel_bridge import settings
from otel_bridge.model import Resource, Value
from otel_bridge.settings import Expression

MAX_REMEMBERED = 4096
"""Resources whose namespace is remembered. There are as many as there are processes that send."""
UNKNOWN = "unknown"


class JobNamespace(NamedTuple):
    """A job namespace, and what is wrong with it: it is used all the same."""

    value: str
    warning: str | None = None


class Namespaces:
    """Job namespaces as configured.

    Raises:
        ValueError: for a template or pattern that can't work, with what to do.

    >>> names = Namespaces(settings.Namespace())
    >>> names.of(Resource({"deployment.environment.name": "prod", "service.name": "sales"})).value
    'floe.prod.sales'
    >>> names.of(Resource()).value
    'floe.dev.default'
    """

    def __init__(self, namespace: settings.Namespace) -> None:
        self._settings = namespace
        self._fields = _fields(namespace)
        self._pattern = _pattern(namespace.pattern)
        self._sources = sorted({key for field in self._fields for key in namespace.sources.get(field, ())})
        self._remembered: dict[tuple[str, ...], JobNamespace] = {}

    def of(self, resource: Resource) -> JobNamespace:
        """The namespace of jobs of this resource that name none themselves."""
        values = tuple(_text(resource.attributes.get(key)) for key in self._sources)
        found = self._remembered.get(values)
        if found is None:
            if len(self._remembered) >= MAX_REMEMBERED:
                self._remembered.clear()
            found = self._remembered[values] = self._filled(dict(zip(self._sources, values, strict=True)))
        return found

    def given(self, namespace: str) -> JobNamespace:
        """The namespace that a span names itself."""
        if self._pattern is None or self._pattern.fits(namespace):
            return JobNamespace(namespace)
        warning = f"`{namespace}` does not match namespace.pattern `{self._pattern.source}`"
        return JobNamespace(namespace, f"{warning}; it is used all the same")

    def _filled(self, attributes: dict[str, str]) -> JobNamespace:
        values = {field: self._value(field, attributes) for field in self._fields}
        empty = [field for field, value in values.items() if not value]
        named = self.given(self._settings.template.format_map({f: v or UNKNOWN for f, v in values.items()}))
        if not empty:
            return named
        missing = " and ".join(f"{{{field}}}" for field in empty)
        return JobNamespace(
            named.value,
            f"the resource has no attribute for {missing}, `{UNKNOWN}` stands for it; "
            "set the attribute or a value in namespace.defaults",
        )

    def _value(self, field: str, attributes: dict[str, str]) -> str:
        sources = self._settings.sources.get(field, ())
        found = (attributes[key] for key in sources if attributes[key])
        return next(found, self._settings.defaults.get(field, ""))


def _fields(namespace: settings.Namespace) -> tuple[str, ...]:
    try:
        parts = list(Formatter().parse(namespace.template))
    except ValueError as error:
        raise ValueError(
            f"namespace.template {namespace.template!r} can't be read ({error}); write each name as {{name}}"
        ) from None
    fields = tuple(dict.fromkeys(field for _, field, *_ in parts if field is not None))
    known = sorted({*namespace.sources, *namespace.defaults})
    for field in fields:
        if field not in known:
            raise ValueError(
                f"namespace.template uses {{{field}}}, which has no entry in namespace.sources; "
                f"known are {', '.join(known) or 'none'}. Add an entry for {field!r} or use one of these"
            )
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise ValueError(
            f"namespace.template {namespace.template!r} formats a name; write it as {{name}} alone"
        )
    if not namespace.template.strip():
        raise ValueError("namespace.template is empty; write for instance 'floe.{environment}.{domain}'")
    return fields


def _pattern(pattern: str | None) -> Expression | None:
    try:
        return None if pattern is None else Expression(pattern)
    except ValueError as error:
        raise ValueError(
            f"namespace.pattern {pattern!r} is no regular expression ({error}); correct it or remove it"
        ) from None


def _text(value: Value) -> str:
    return "" if value is None else str(value).strip()

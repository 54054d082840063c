"""Trees of configuration into `Settings`, with every problem reported at once."""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from otel_bridge.config import checks, problems, sources
from otel_bridge.deliver import KINDS, from_environment
from otel_bridge.model import ConfigError
from otel_bridge.openlineage.secrets import mask_url
from otel_bridge.redaction import Redactor, secrets_of
from otel_bridge.settings import Consumer, Destination, Settings

CONSUMER_KEYS = frozenset(field.name for field in dataclasses.fields(Consumer))

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def load(
    file: Path | None = None,
    flags: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Settings:
    """Read, merge and check the configuration.

    Args:
        file: YAML; by default the one named by `OTEL_BRIDGE_CONFIG`, or none.
        flags: `path=value` assignments, which win over everything.
        environ: by default the process environment.
        cwd: where an `openlineage.yml` is looked for.

    Raises:
        ConfigError: with one line for each problem.
    """
    environ = os.environ if environ is None else environ
    named = environ.get("OTEL_BRIDGE_CONFIG")
    file = file or (Path(named) if named else None)
    tree = sources.merged(
        sources.from_file(file) if file else {},
        sources.from_environment(environ),
        sources.from_flags(flags),
    )
    return _settings(tree, environ, cwd or Path.cwd())


def default_data_dir(environ: Mapping[str, str]) -> str:
    """`otel-bridge` in the user's state directory (XDG base directories)."""
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/state")
    return str(Path(state) / "otel-bridge")


def _settings(tree: sources.Tree, environ: Mapping[str, str], cwd: Path) -> Settings:
    found: list[str] = []
    given_keys = {key: value for key, value in tree.items() if value is not None}  # `runs:` and nothing below
    tree = {"data_dir": default_data_dir(environ)} | given_keys
    given = tree.pop("destinations", None)
    destinations = _destinations(given, environ, found)
    settings = _tree(tree, environ, found)
    if settings:
        found += checks.problems(settings)
        found += checks.destinations(destinations, settings.data_dir)
    if given is None and not found:
        destinations = _from_openlineage(environ, cwd, found)
    if found or settings is None:
        redact = Redactor(
            (*secrets_of(tree), *secrets_of(given or ()), *secrets_of(_named_openlineage(environ)))
        )
        raise ConfigError([mask_url(redact(line)) for line in found])
    return dataclasses.replace(settings, destinations=tuple(destinations))


def _adapter(checked: type[Any]) -> TypeAdapter[Any]:
    """Kept, because building one takes longer than using it."""
    if checked not in _ADAPTERS:
        _ADAPTERS[checked] = TypeAdapter(checked)
    return _ADAPTERS[checked]


def _tree(tree: sources.Tree, environ: Mapping[str, str], found: list[str]) -> Settings | None:
    try:
        settings: Settings = _adapter(Settings).validate_python(tree, context={"environ": environ})
        return settings
    except ValidationError as error:
        found += problems.lines(error, Settings)
        return None


def _destinations(given: Any, environ: Mapping[str, str], found: list[str]) -> list[Destination]:
    if given is None:
        return []
    if not isinstance(given, list):
        found.append("destinations: expected a list of mappings, each with `name` and `type`.")
        return []
    result = [
        d for i, item in enumerate(given) if (d := _destination(item, f"destinations[{i}]", environ, found))
    ]
    names = [d.name for d in result]
    found += [
        f"destinations: the name {n!r} is used twice; names must differ."
        for n in sorted(set(names))
        if names.count(n) > 1
    ]
    return result


def _destination(item: Any, path: str, environ: Mapping[str, str], found: list[str]) -> Destination | None:
    if not isinstance(item, dict):
        found.append(f"{path}: expected a mapping with `name` and `type`.")
        return None
    options = dict(item)
    kind = str(options.pop("type", "http"))
    name = options.pop("name", kind)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        found.append(f"{path}.name: expected letters, digits, `_`, `.` and `-` only.")
        return None
    if kind not in KINDS:
        found.append(problems.unknown(f"{path}.type", kind, KINDS).replace("unknown key", "unknown type"))
        return None
    shared = {key: options.pop(key) for key in CONSUMER_KEYS if key in options}
    consumer = _checked(Consumer, shared, path, environ, found)
    checked = _checked(KINDS[kind].options, options, path, environ, found)
    return Destination(name, kind, checked, consumer) if checked and consumer else None


def _checked(
    checked: type[Any], tree: dict[str, Any], path: str, environ: Mapping[str, str], found: list[str]
) -> Any:
    try:
        return _adapter(checked).validate_python(tree, context={"environ": environ})
    except ValidationError as error:
        found += problems.lines(error, checked, f"{path}.")
        return None


def _named_openlineage(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith("OPENLINEAGE")}


def _from_openlineage(environ: Mapping[str, str], cwd: Path, found: list[str]) -> list[Destination]:
    try:
        destination = from_environment(environ, cwd)
    except ValueError as error:
        found.append(f"destination from OpenLineage's own configuration: {error}")
        return []
    return [destination] if destination else []

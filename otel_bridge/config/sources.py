"""Where configuration comes from: a YAML file, `OTEL_BRIDGE_…` variables, `--set` flags; later ones win."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from otel_bridge.model import ConfigError

Tree = dict[str, Any]
PREFIX = "OTEL_BRIDGE_"
NOT_SETTINGS = frozenset({"OTEL_BRIDGE_CONFIG", "OTEL_BRIDGE_API_KEY", "OTEL_BRIDGE_DISABLED"})
OF_INSTRUMENTATION = re.compile(r"OTEL_BRIDGE_(DAGSTER|DBT|ICEBERG)_(?!_)")
"""Variables of programs that are instrumented; the bridge may be asked in the same shell."""


def from_file(path: Path) -> Tree:
    """The mapping in a YAML file; ConfigError if it can't be read or is no mapping."""
    try:
        tree = _yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}. Give an existing file to --config."]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: not YAML: {error}"]) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(
            [f"{path}: expected a mapping at the top. `otel-bridge config example` prints one."]
        )
    return tree


def from_environment(environ: Mapping[str, str]) -> Tree:
    """`OTEL_BRIDGE_RECEIVE__GRPC__ENDPOINT=…` and the like; values are read as YAML."""
    names = sorted(n for n in environ if n.startswith(PREFIX) and _is_setting(n))
    return from_assignments((n.removeprefix(PREFIX).lower().split("__"), environ[n], n) for n in names)


def _is_setting(name: str) -> bool:
    return name not in NOT_SETTINGS and not OF_INSTRUMENTATION.match(name)


def from_flags(flags: Iterable[str]) -> Tree:
    """`--set receive.grpc.endpoint=…`; values are read as YAML."""
    pairs = []
    for flag in flags:
        path, equals, value = flag.partition("=")
        if not equals:
            raise ConfigError([f"--set {_path(flag)}: expected PATH=VALUE, for instance runs.parent_wait=5s"])
        pairs.append((path.split("."), value, f"--set {path}"))
    return from_assignments(pairs)


def from_assignments(assignments: Iterable[tuple[list[str], str, str]]) -> Tree:
    """A tree from (path, text, what to call it in an error)."""
    tree: Tree = {}
    problems = []
    for path, text, origin in assignments:
        try:
            _put(tree, path, _yaml(text) if text else "")
        except ValueError as error:
            problems.append(f"{origin}: not YAML: {error}")
        except TypeError:
            problems.append(f"{origin}: a value and a part of it are both set; keep one of them.")
    if problems:
        raise ConfigError(problems)
    return tree


def merged(*trees: Tree) -> Tree:
    """Deep merge of mappings; everything else, lists too, is replaced by the later tree."""
    result: Tree = {}
    for tree in trees:
        for key, value in tree.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def _yaml(text: str) -> Any:
    """ValueError for whatever the parser stumbles on: a syntax error, a date that is none, endless nesting.

    It says where, and never what stands there: that may be a secret.
    """
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_described(error)) from None
    except yaml.reader.ReaderError as error:
        raise ValueError(f"character {error.position + 1} is not allowed") from None
    except RecursionError:
        raise ValueError("values are nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError, AttributeError):
        raise ValueError("it holds a number or a date that is none; quote it if it is a text") from None


def _described(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    parts = (
        re.sub(r"(alias|anchor|handle|tag) ['\"].*", r"\1", part)
        for part in (error.context, error.problem)
        if part
    )
    said = "; ".join(parts)
    return f"{said} in line {mark.line + 1}, column {mark.column + 1}" if mark else said


def _put(tree: Tree, path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise TypeError
    tree[path[-1]] = value


def _path(flag: str) -> str:
    """What of a flag without `=` can't be a value."""
    match = re.match(r"[A-Za-z_.]*", flag)
    return match.group() if match else ""

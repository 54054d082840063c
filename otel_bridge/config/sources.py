"""Where configuration comes from: a YAML file, `OTEL_BRIDGE_…` variables, `--set` flags; later ones win."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from otel_bridge.model import ConfigError

Tree = dict[str, Any]
PREFIX = "OTEL_BRIDGE_"
NOT_SETTINGS = frozenset({"OTEL_BRIDGE_CONFIG", "OTEL_BRIDGE_API_KEY"})


def from_file(path: Path) -> Tree:
    """The mapping in a YAML file; ConfigError if it can't be read or is no mapping."""
    try:
        tree = _yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}. Give an existing file to --config."]) from None
    except ValueError as error:
        raise ConfigError([f"{path}: not YAML: {_one_line(error)}"]) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(
            [f"{path}: expected a mapping at the top. `otel-bridge config example` prints one."]
        )
    return tree


def from_environment(environ: Mapping[str, str]) -> Tree:
    """`OTEL_BRIDGE_RECEIVE__GRPC__ENDPOINT=…` and the like; values are read as YAML."""
    names = sorted(n for n in environ if n.startswith(PREFIX) and n not in NOT_SETTINGS)
    return from_assignments((n.removeprefix(PREFIX).lower().split("__"), environ[n], n) for n in names)


def from_flags(flags: Iterable[str]) -> Tree:
    """`--set receive.grpc.endpoint=…`; values are read as YAML."""
    pairs = []
    for flag in flags:
        path, equals, value = flag.partition("=")
        if not equals:
            raise ConfigError([f"--set {flag}: expected PATH=VALUE, for instance runs.parent_wait=5s"])
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
            problems.append(f"{origin}: not YAML: {_one_line(error)}")
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
    """ValueError for whatever the parser stumbles on: a syntax error, a date that is none, endless nesting."""
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from None


def _put(tree: Tree, path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise TypeError
    tree[path[-1]] = value


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

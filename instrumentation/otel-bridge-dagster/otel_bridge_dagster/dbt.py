"""dbt, started by a step: it gets trace and run in its environment, and what Dagster says of its models in a file.

Where otel-bridge-dbt is installed beside the dbt that is started, its runs own the edges: it reads the file that
OTEL_BRIDGE_DBT_ASSETS names and puts on each node which asset it is. Those assets have no runs of their own.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from otel_lineage import child_env
from otel_lineage.contexts import current_run
from otel_lineage.trouble import guarded

from otel_bridge_dagster import settings, steps
from otel_bridge_dagster.assets import AssetSpan

ASSETS_FILE = "OTEL_BRIDGE_DBT_ASSETS"
PLUGIN = "otel_bridge_dbt-*.dist-info"
OFF = ("OTEL_BRIDGE_DBT_DISABLED", "OTEL_BRIDGE_DISABLED", "OTEL_LINEAGE_DISABLED", "OTEL_SDK_DISABLED")
MAKING = frozenset({"build", "clone", "retry", "run", "seed", "snapshot"})
COMMANDS = MAKING | {
    "clean", "compile", "debug", "deps", "docs", "init", "list", "ls", "parse", "run-operation", "show", "source", "test",
}  # fmt: skip
NATIVE = 2
"""Major version from which dbt is a program without plugins."""


def around_dbt(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Around the start of a dbt process."""
    return wrapped(*args, **{**kwargs, **_prepared(kwargs)})


@guarded("handing a run to dbt", fallback={})
def _prepared(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that are changed."""
    env, arguments = kwargs.get("env"), kwargs.get("args") or ()
    if env is None or not settings.enabled():
        return {}
    handed = child_env(env)
    assets = _assets(_step())
    if command_of(arguments) in MAKING and assets:
        if tells(arguments, handed, kwargs.get("cli_version")):
            handed[ASSETS_FILE] = _written(assets)
            for asset in assets:
                asset.tell_by_dbt()
        else:
            for asset in assets:
                asset.start()
    return {"env": handed}


def command_of(arguments: Sequence[Any]) -> str:
    """The command among dbt's arguments, "" if there is none.

    >>> command_of(["/usr/bin/dbt", "--no-use-colors", "run", "--select", "test"])
    'run'
    """
    return next((str(word) for word in arguments[1:] if word in COMMANDS), "")


def tells(arguments: Sequence[Any], env: Mapping[str, str], version: Any) -> bool:
    """Whether otel-bridge-dbt runs in that dbt, and has somewhere to tell it."""
    if any(settings.is_on(env.get(name, "")) for name in OFF):
        return False
    if not any(env.get(name, "").strip() for name in settings.ENDPOINTS):
        return False
    return int(getattr(version, "major", 1) or 1) < NATIVE and _has_plugin(str(arguments[0]), env)


def _has_plugin(executable: str, env: Mapping[str, str]) -> bool:
    found = shutil.which(executable, path=env.get("PATH"))
    interpreter = _interpreter(Path(found)) if found else None
    if interpreter is None:
        return False
    roots = [*interpreter.parent.parent.glob("lib*/python3*/site-packages")]
    roots += [Path(path) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    return any(any(root.glob(PLUGIN)) for root in roots)


def _interpreter(script: Path) -> Path | None:
    """The Python that a console script runs with."""
    with script.open("rb") as opened:
        line = opened.readline(1024)
    words = line[2:].decode(errors="replace").split() if line.startswith(b"#!") else []
    path = Path(words[0]) if words else None
    return path if path is not None and path.is_absolute() and "python" in path.name else None


def _step() -> "steps.StepSpan | None":
    """The step that starts dbt: that of the current run."""
    run = current_run()
    return None if run is None else steps.step_of_run(run)


def _assets(step: "steps.StepSpan | None") -> list[AssetSpan]:
    """Those of its assets that are dbt's."""
    return [asset for asset in step.assets if asset.dbt_unique_id] if step is not None else []


def _written(assets: Sequence[AssetSpan]) -> str:
    """The file, which goes with the step."""
    said = {asset.dbt_unique_id: asset.for_dbt() for asset in assets}
    number, path = tempfile.mkstemp(prefix="otel-bridge-dbt-", suffix=".json")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        json.dump(said, file, default=str)
    assets[0].step.files.append(path)
    return path

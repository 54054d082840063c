"""Which assets of Dagster the nodes are: otel-bridge-dagster says it in a file, where a step of Dagster starts dbt."""

import json
import os
from pathlib import Path
from typing import Any

from .scope import Scope
from .values import part

FILE = "OTEL_BRIDGE_DBT_ASSETS"


def asset(scope: Scope, node: Any) -> Any:
    """What the file says of the node, nothing where there is no file."""
    path = os.environ.get(FILE, "").strip()
    if not path:
        return {}
    known = scope.remembered.get(FILE)
    if known is None:
        known = scope.remembered[FILE] = json.loads(Path(path).read_text(encoding="utf-8"))
    return known.get(str(part(node, "unique_id")), {})
